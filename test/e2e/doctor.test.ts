import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithCluster } from "./describe-with-cluster.js";
import { startForwarder } from "./forwarder.js";
import { namespace, pod } from "./kf-world.js";
import { manifests, runSluice, startProgram, type Program } from "./sluice.js";

/** `sluice doctor` on an installation that is well, on the same one after things that go wrong with it, and every way out of an emergency: while Sluice answers, and while it does not. */

interface Diagnosis {
  readonly check: string;
  readonly status: string;
  readonly finding: string;
}
interface Configuration {
  readonly webhooks: readonly { readonly name: string; readonly failurePolicy: string }[];
}

const suffix = randomBytes(3).toString("hex");

describeWithCluster("the doctor", (cluster) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-e2e-"));
  const [mine, other] = [`mine-${suffix}`, `other-${suffix}`];
  const ports: number[] = [];
  let forwarder: Awaited<ReturnType<typeof startForwarder>>;
  let program: Program;

  const start = async (): Promise<void> => {
    program = await startProgram(cluster, { certDir: directory, args: ["--cert-secret", "sluice-system/sluice-certificates", "--lease", "6", "--url", forwarder.url, "--own-namespace", "sluice-system"] });
    ports.splice(0, ports.length, program.port);
  };
  beforeAll(async () => {
    await cluster.apply(manifests("deploy/base/crds.yaml"));
    // Older than Sluice: one runs a pod, and has no baseline.
    await cluster.apply([namespace(mine), namespace(other), pod(mine, "old")]);
    forwarder = await startForwarder(ports);
    await start();
    await cluster.waitFor("the webhooks to be in force", async () => (await newNamespace()).includes("declares no baseline"), 30_000);
  });
  afterAll(async () => {
    await program?.stop();
    await forwarder?.stop();
    await cluster.kubectl(["delete", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "-l", "app.kubernetes.io/name=sluice"]);
    await cluster.kubectl(["delete", "-n", "sluice-system", "secret/sluice-certificates", "lease/sluice-certificates", "configmap/sluice-pending-changes", "--ignore-not-found"]);
    await cluster.kubectl(["delete", "policyexception", "sluice-emergency", `adopted-${mine}`, "--ignore-not-found"]);
    await cluster.kubectl(["delete", "namespace", mine, other, "--wait=false"]);
    rmSync(directory, { recursive: true, force: true });
  });

  const doctor = (args: readonly string[], as: string = cluster.kubeconfig("admin")) => runSluice(["doctor", ...args], { KUBECONFIG: as, HOME: directory });
  const diagnosed = async (...args: string[]): Promise<readonly Diagnosis[]> => {
    const { code, stdout, stderr } = await doctor(["-o", "json", ...args]);
    if (code === 2) throw new Error(stderr);
    return (JSON.parse(stdout) as { checks: readonly Diagnosis[] }).checks;
  };
  const statuses = (found: readonly Diagnosis[]): Record<string, string> => Object.fromEntries(found.map(({ check, status }) => [check, status]));
  const about = (found: readonly Diagnosis[], check: string): string => found.filter((one) => one.check === check).map(({ status, finding }) => `${status}: ${finding}`).join("\n");
  const newNamespace = async (): Promise<string> => (await cluster.kubectl(["create", "namespace", `new-${suffix}`, "--dry-run=server"])).stderr;
  const newPod = async (where: string): Promise<string> => (await cluster.kubectl(["apply", "-f", "-", "--dry-run=server"], { input: JSON.stringify(pod(where, "new")) })).stderr;
  const denying = async (): Promise<Record<string, string>> => Object.fromEntries(((await cluster.get<Configuration>("validatingwebhookconfiguration", "sluice-deny"))?.webhooks ?? []).map(({ name, failurePolicy }) => [name, failurePolicy]));
  const emergency = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await doctor(["--emergency", ...args]);
    expect([code, stderr.replace(/^\$ .*\n/gm, ""), stdout]).toEqual([0, "", expect.stringMatching(/\nverified: /)]);
    return stdout;
  };

  it("finds an installation well that is, but for the namespace that ran a pod before", async () => {
    const found = await diagnosed();
    const { "running namespaces": running, ...rest } = statuses(found);
    expect([running, [...new Set(Object.values(rest))], Object.keys(rest).length]).toEqual(["failure", ["ok"], 13]);
    expect((await doctor([])).stdout).toMatch(/^ok {7}api server {15}v\d+\.\d+\.\d+ at https:[\s\S]*\n {34}to do: mend what `sluice audit --cluster` shows[\s\S]*\n1 failure, 0 warnings, 13 ok\n$/);
    const { stdout: exceptions } = await runSluice(["audit", "--cluster", "--adopt", "--owner", "test", "--expires", "2099-01-01"], { KUBECONFIG: cluster.kubeconfig("admin"), HOME: directory });
    expect(exceptions).toContain(`name: adopted-${mine}`);
    await cluster.apply(exceptions);
    await cluster.waitFor("the exceptions to be taken over", async () => /in force$/.test(about(await diagnosed(), "packs of the cluster")), 30_000);
    expect(about(await diagnosed(), "running namespaces")).not.toContain(mine);
  });

  it("tells of what goes wrong, and what it may not look at", async () => {
    await cluster.kubectl(["delete", "clusterrolebinding", "sluice-access-reviewer"]);
    const meddler = { name: "meddler.example.com", clientConfig: { url: "https://127.0.0.1:1/" }, failurePolicy: "Fail", sideEffects: "None", timeoutSeconds: 1, admissionReviewVersions: ["v1"], objectSelector: {}, rules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] }] };
    // It is to be seen, and to harm nobody.
    await cluster.apply({ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration", metadata: { name: "meddler" }, webhooks: [{ ...meddler, matchConditions: [{ name: "never", expression: "false" }] }] });
    try {
      const found = await diagnosed("--set", "dnsMode=node-local");
      expect(about(found, "permissions")).toMatch(/^failure: the ServiceAccount `sluice-system\/sluice` may not `create tokenreviews\.authentication\.k8s\.io`, `create subjectaccessreviews/);
      expect(about(found, "other webhooks")).toMatch(/^warning: `meddler\.example\.com` of `meddler` fails closed for pods in `sluice-system`, `kube-system` \(unless its matchConditions say otherwise\)/);
      expect(about(found, "webhook configurations")).toMatch(/^warning: the replicas have other packs in force \(sha256:\w+\) than the doctor was given/);
      expect(about(found, "profile")).toBe("warning: `dnsMode` is set to node-local, and DaemonSet `kube-system/node-local-dns`, which would tell of it, is not there");
      // What pods are told, nobody need repeat.
      const container = { name: "main", image: "main", args: ["--set=dnsMode=node-local"], securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } } };
      await cluster.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: `told-${suffix}`, namespace: "sluice-system", labels: { "app.kubernetes.io/name": "sluice" } }, spec: { securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } }, containers: [container] } });
      expect(about(await diagnosed(), "profile")).toBe(about(found, "profile"));
    } finally {
      await cluster.kubectl(["delete", "pod", "-n", "sluice-system", `told-${suffix}`, "--ignore-not-found", "--grace-period=0", "--force"]);
      await cluster.kubectl(["delete", "validatingwebhookconfiguration", "meddler"]);
      await cluster.apply(manifests("deploy/base/rbac.yaml"));
    }
    const inside = await doctor([], await cluster.serviceAccountKubeconfig("sluice-system", "sluice"));
    expect([inside.code, inside.stdout]).toEqual([0, expect.stringMatching(/^ok {11}webhook configurations {3}as the packs/m)]);
    expect(inside.stdout).toMatch(/^not checked {2}kinds .*is forbidden/m);
    expect(await doctor([], "/nonexistent")).toMatchObject({ code: 2, stdout: "" });
  });

  it("prints the ways out, and changes nothing", async () => {
    const before = await denying();
    const { code, stdout } = await doctor(["--emergency", "--namespace", mine]);
    expect([code, [...stdout.matchAll(/^(?:\d )?(\w+): /gm)].map(([, grade]) => grade)]).toEqual([0, ["exempt", "dryrun", "ignore", "remove", "back"]]);
    expect(stdout).toContain("nothing was changed");
    expect([await denying(), await newNamespace()]).toEqual([before, expect.stringContaining("declares no baseline")]);
    for (const [args, message] of [[["--apply"], "needs `--grade`"], [["--grade", "panic"], "is none of"], [["--grade", "exempt", "--apply"], "needs `--namespace`"], [["--grade", "dryrun", "--rule", "no/such"], "is no rule in force"], [["--namespace", "nowhere"], "no such namespace"]] as const) {
      expect(await doctor(["--emergency", ...args])).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
    }
  });

  it("carries out each way while Sluice answers; the leader leaves it so, and puts all right on the way back", async () => {
    expect(await newPod(other)).toContain("the pod is held");
    expect(await emergency("--grade", "exempt", "--namespace", other, "--apply")).toContain("a policy in the namespace is no longer refused");
    expect([await newPod(other), await newNamespace()]).toEqual(["", expect.stringContaining("declares no baseline")]);
    expect(about(await diagnosed(), "webhook configurations")).toMatch(/^warning: nobody keeps them for now: grade exempt by admin at .*: emergency\nfailure: `deny\.sluice\.dev` differs in namespaceSelector$/);
    expect((await program.get("/readyz?verbose")).text).toMatch(/\[\+\]webhook configurations kept ok: not for now, the Lease says: grade exempt by admin/);
    await emergency("--grade", "2", "--apply", "--reason", "the shop is down");
    expect([await newNamespace(), await newPod(mine), await denying()]).toEqual(["", "", { "packs.sluice.dev": "Ignore" }]);
    await emergency("--grade", "back", "--apply");
    expect(await denying()).toEqual({ "deny.sluice.dev": "Fail", "packs.sluice.dev": "Fail" });
    await cluster.waitFor("refusals again", async () => (await newNamespace()).includes("declares no baseline"), 30_000);
  }, 180_000);

  it("carries out each way while Sluice is away, by hand too; what comes back leaves it so until it is told", async () => {
    await program.kill();
    const failing = expect.stringContaining('failed calling webhook "deny.sluice.dev"');
    expect([await newPod(other), await newNamespace()]).toEqual([failing, failing]);
    expect(about(await diagnosed(), "way from the API server")).toMatch(/^failure: the API server cannot call `packs\.sluice\.dev`: /);
    await emergency("--grade", "exempt", "--namespace", other, "--apply");
    expect([await newPod(other), await newPod(mine)]).toEqual(["", failing]);
    await emergency("--grade", "dryrun", "--rule", "baseline/*", "--apply");
    expect([await newNamespace(), await newPod(mine)]).toEqual(["", failing]);
    const { stdout } = await doctor(["--emergency", "--grade", "ignore"]);
    const commands = [...stdout.matchAll(/^ {2}\$ (.*)$/gm)].map(([, command = ""]) => command);
    const env = { PATH: `${cluster.binaries}${delimiter}${process.env["PATH"] ?? ""}`, KUBECONFIG: cluster.kubeconfig("admin"), HOME: directory };
    for (const command of commands) await promisify(execFile)("sh", ["-c", command], { env });
    expect(commands.length).toBe(2);
    expect([await newPod(mine), await denying()]).toEqual(["", { "deny.sluice.dev": "Ignore", "packs.sluice.dev": "Ignore" }]);
    await start();
    await emergency("--grade", "ignore", "--apply");
    await emergency("--grade", "remove", "--apply");
    expect([await newPod(mine), await denying()]).toEqual(["", {}]);
    await emergency("--grade", "back", "--apply");
    await cluster.waitFor("refusals again", async () => (await newNamespace()).includes("declares no baseline"), 30_000);
    expect(await denying()).toEqual({ "deny.sluice.dev": "Fail", "packs.sluice.dev": "Fail" });
  }, 180_000);
});
