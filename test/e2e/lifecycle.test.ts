import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REPORT_LABELS } from "../../src/upkeep/report-objects.js";
import { keeperTiming } from "../../src/upkeep/certificate-keeper.js";
import { issueCa, issueLeaf } from "../../src/upkeep/certificates.js";
import { apiServerBinaries } from "../apiserver/binaries.mjs";
import { askedIn, auditFlags } from "./api-audit.js";
import { tokenOf } from "./api.js";
import { startCluster, type StartedCluster } from "./cluster.js";
import { buildReleases, LEASE_MS, startLoad, startReplica, type Release, type Replica } from "./deployed.js";
import { startForwarder } from "./forwarder.js";
import { findHelm } from "./helm.js";
import { buildSurroundings, makeSpaceNamespace, namespace, pod, tryApply, untilInForce } from "./kf-world.js";
import { driveReports, RULES } from "./reported.js";
import { isUsed, rightsOf, textOf } from "./rights.js";
import { installPrintedWebhooks } from "./sluice.js";

/** Install, upgrade, roll back, break, remove: on an API server of its own, which writes down all that Sluice asks of it. */

const USER = "system:serviceaccount:sluice-system:sluice";
const OVERLAY = "overlays/kf-gke-dataplane-v1";
const suffix = randomBytes(3).toString("hex");
const DAY_MS = 86_400_000;

const binaries = await apiServerBinaries();
const helm = await findHelm();
const missing = "missing" in binaries ? binaries.missing : (helm.missing ?? (binaries.controllerManager ? undefined : "there is no kube-controller-manager"));
if (missing !== undefined && process.env["CI"] === "true") throw new Error(missing);

describe.skipIf(missing !== undefined)("the life of an installation", () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-life-"));
  let cluster: StartedCluster;
  let releases: ReturnType<typeof buildReleases>;
  let forwarder: Awaited<ReturnType<typeof startForwarder>>;
  let replicas: readonly Replica[] = [];

  beforeAll(async () => {
    if ("missing" in binaries) return;
    releases = buildReleases();
    cluster = await startCluster(binaries, (folder) => auditFlags(folder, USER));
    await buildSurroundings(cluster);
    await cluster.apply(fixture("policy-reports"));
    await cluster.apply(CLUSTER_POLICIES.map(([plural, kind, version]) => definitionOf(plural, kind, version)));
    await cluster.apply([namespace("shop"), namespace("older")]);
    forwarder = await startForwarder([]);
  });
  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop("SIGKILL")));
    await forwarder?.stop();
    await cluster?.stop();
    await helm.remove();
    for (const folder of [directory, releases?.folder]) if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const must = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const install = (release: Release): Promise<string> => must("apply", "--server-side", "--force-conflicts", "--validate=strict", "-k", join(release.manifests, OVERLAY));
  const start = (release: Release, more: object = {}): Promise<Replica> => startReplica(cluster, { release, url: forwarder.url, directory, ...more });
  const behind = (...next: readonly Replica[]): void => {
    replicas = next;
    forwarder.use(next.map(({ port }) => port));
  };
  const metrics = (replica: Replica): Promise<{ text: string }> => replica.get("/metrics", { authorization: `Bearer ${tokenOf(cluster, "admin")}` });
  const named = async (...what: readonly string[]): Promise<readonly string[]> => (await must("get", what.join(","), "-A", "-o", "name", "--ignore-not-found")).split("\n").filter((name) => name !== "");
  const starts = async (inNamespace: string): Promise<string> => {
    const { code, stderr } = await tryApply(cluster, pod(inNamespace, "try", {}, { spec: RESTRICTED }), "admin", ["--dry-run=server"]);
    return code === 0 ? "starts" : stderr;
  };
  /** As a Deployment rolls: another one is ready before one is told to stop. */
  async function roll(release: Release): Promise<void> {
    await install(release);
    const stopped: Promise<number | null>[] = [];
    for (const old of replicas) {
      const next = await start(release);
      behind(...replicas.filter((one) => one !== old), next);
      stopped.push(old.stop());
    }
    expect(await Promise.all(stopped)).toEqual([0, 0]);
  }

  it("is installed by one command; until a replica serves nothing is asked of it", async () => {
    const applied = await install(releases.before);
    expect(applied).toContain("deployment.apps/sluice serverside-applied");
    expect(await named("validatingwebhookconfiguration", "mutatingwebhookconfiguration")).toEqual([]);
    // Its own pods are made while it does not run: by the ReplicaSet, under the rules of its namespace.
    await cluster.waitFor("its pods to be made", async () => (await named("pods")).filter((name) => name.startsWith("pod/sluice-")).length === 2);
    behind(...(await Promise.all([start(releases.before), start(releases.before)])));
    await untilInForce(cluster, suffix);
  });

  it("is upgraded and rolled back, one replica after the other, under load: no request fails, and none passes that may not", async () => {
    const load = startLoad(cluster);
    await roll(releases.now);
    await roll(releases.before);
    const { admitted, refused, wrong } = await load.stop();
    expect(wrong).toEqual([]);
    expect(Math.min(admitted, refused)).toBeGreaterThan(100);
  });

  it("a replica that dies takes no more than what it was answering, and nothing slips through", async () => {
    const load = startLoad(cluster);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const [first, second] = replicas as [Replica, Replica];
    await first.stop("SIGKILL");
    behind(second);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { wrong } = await load.stop();
    expect(wrong.filter((text) => !text.includes("failed calling webhook"))).toEqual([]);
    expect(wrong.length).toBeLessThanOrEqual(4);
    await second.stop("SIGKILL");
    await install(releases.now);
    behind(...(await Promise.all([start(releases.now), start(releases.now)])));
  });

  describe("everything that it may, it does, and it asks for nothing else", () => {
    it("after doing all that it can do", async () => {
      await must("delete", "validatingwebhookconfiguration", "sluice-warn");
      for (const kind of ["mutatingwebhookconfiguration/sluice", "validatingwebhookconfiguration/sluice-deny"]) await must("label", kind, "app.kubernetes.io/name-");
      await must("patch", "secret", "-n", "sluice-system", "sluice-certificates", "--type=json", "-p", '[{"op": "remove", "path": "/data/tls.crt"}]');
      await cluster.apply({ apiVersion: "sluice.dev/v1alpha1", kind: "RulePack", metadata: { name: "house" }, spec: { rules: RULES } });
      await cluster.apply({ apiVersion: "sluice.dev/v1alpha1", kind: "PolicyException", metadata: { name: "older" }, spec: { owner: "team", reason: "older", expires: new Date(Date.now() + 30 * DAY_MS).toISOString().slice(0, 10), rules: ["baseline/default-deny"], namespaces: ["older"] } });
      await makeSpaceNamespace(cluster, "space-one", "PermitAll");
      await cluster.waitFor("the Space to have its policies", async () => (await named("networkpolicies")).length >= 4, 30_000);
      await cluster.waitFor("the pack to be taken over", async () => (await must("get", "rulepack", "house", "-o", "jsonpath={.status.hash}")) !== "");
      await cluster.waitFor("the exception to be looked at", async () => (await must("get", "policyexception", "older", "-o", "jsonpath={.status.conditions}")) !== "");
      await cluster.waitFor("a certificate", async () => (await must("get", "secret", "-n", "sluice-system", "sluice-certificates", "-o", "jsonpath={.data.tls\\.crt}")) !== "", 30_000);
      await cluster.waitFor("the configurations to be put right", async () => (await must("get", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "-l", "app.kubernetes.io/name=sluice", "-o", "name")).trim().split("\n").length === 3, 30_000);
      expect((await metrics(replicas[0] as Replica)).text).toContain("sluice_build_info");
    });

    it("after reporting all that it can report, by the newer kinds once they are there", async () => {
      await driveReports(cluster, ["policyreports", "clusterpolicyreports"]);
      await cluster.apply(fixture("open-reports"));
      await must("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s");
      // These are left from before.
      await cluster.apply([["wgpolicyk8s.io/v1alpha2", "PolicyReport"], ["wgpolicyk8s.io/v1alpha2", "ClusterPolicyReport"], ["openreports.io/v1alpha1", "ClusterReport"]].map(([apiVersion, kind = ""]) => ({ apiVersion, kind, metadata: { name: "sluice-2-of-2", labels: REPORT_LABELS, ...(kind === "PolicyReport" && { namespace: "kube-public" }) }, ...(kind === "ClusterReport" && { source: "sluice" }) })));
      await roll(releases.now);
      await driveReports(cluster, ["reports", "clusterreports"]);
    });

    it("nothing was refused", () => {
      expect(askedIn(cluster.directory).filter(({ code }) => code === 401 || code === 403)).toEqual([]);
    });

    it("every right was used, and every request has its right", async () => {
      const roles = (JSON.parse(await must("get", "roles,clusterroles", "-A", "-l", "app.kubernetes.io/name=sluice", "-o", "json")) as { items: Parameters<typeof rightsOf>[0] }).items;
      const rights = rightsOf(roles);
      const asked = askedIn(cluster.directory);
      expect(rights.filter((right) => !isUsed(right, asked)).map(textOf)).toEqual(RARELY_USED);
      const used = new Set(rights.map(textOf));
      expect([...new Set(asked.filter(({ code }) => code < 400).map(({ verb, group, what }) => textOf({ verb, group, what })))].filter((text) => !used.has(text) && !/selfsubject|^get \/apis?\b/.test(text))).toEqual([]);
    });
  });

  it("names no metric in alerts and dashboard that it does not have", async () => {
    const { text } = await metrics(replicas[0] as Replica);
    const has = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? ""));
    const asked = await Promise.all(["alerts", "dashboard"].map((part) => must("kustomize", join(releases.now.manifests, "components", part))));
    const names = new Set(asked.join("").match(/\bsluice_[a-z_]+/g)?.map((name) => name.replace(/_bucket$/, "")));
    expect(names.size).toBeGreaterThan(10);
    expect([...names].filter((name) => !has.has(name))).toEqual([]);
  });

  describe("when it does not answer, the system and its own pods start, and what it guards waits", () => {
    it("because it does not run", async () => {
      await Promise.all(replicas.map((replica) => replica.stop("SIGKILL")));
      expect([await starts("kube-system"), await starts("sluice-system"), await starts("shop")]).toEqual(["starts", "starts", expect.stringContaining('failed calling webhook "deny.sluice.dev"')]);
      // What the alerts ask the API server's own metrics for.
      const told = await must("get", "--raw", "/metrics");
      expect(told).toMatch(/^apiserver_admission_webhook_rejection_count\{error_type="calling_webhook_error",name="deny\.sluice\.dev",/m);
      expect(told).toMatch(/^apiserver_admission_webhook_fail_open_count\{name="label\.sluice\.dev",/m);
    });

    it("because its certificate has expired", async () => {
      const [certDir, then] = [join(directory, "expired"), new Date(Date.now() - 200 * DAY_MS)];
      const ca = await issueCa(then);
      const leaf = await issueLeaf({ ca, names: [], now: then });
      mkdirSync(certDir);
      for (const [name, text] of Object.entries({ "ca.crt": ca.certificate, "tls.crt": leaf.certificate, "tls.key": leaf.key })) writeFileSync(join(certDir, name), text);
      await must("patch", "deployment", "-n", "sluice-system", "sluice", "--type=json", "-p", '[{"op": "replace", "path": "/spec/template/spec/containers/0/args/5", "value": "--profile=gke-dataplane-v1"}]');
      behind(await start(releases.now, { until: "/livez", args: [`--cert-dir=${certDir}`] }));
      await installPrintedWebhooks(cluster, ["--url", forwarder.url, "--ca-bundle", join(certDir, "ca.crt")]);
      await cluster.waitFor("the expired certificate to be seen", async () => (await starts("shop")).includes("certificate has expired"));
      expect([await starts("kube-system"), await starts("sluice-system")]).toEqual(["starts", "starts"]);
      await replicas[0]?.stop("SIGKILL");
    });

    it("because its namespace is gone: it can be installed again", async () => {
      await must("delete", "namespace", "sluice-system", "--timeout=60s");
      // These belong to nobody: with the configurations of a leader, the garbage collector takes them away with the namespace.
      await must("delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "-l", "app.kubernetes.io/name=sluice");
      const remove = await installPrintedWebhooks(cluster, ["--service", "sluice-system/sluice"]);
      await cluster.waitFor("the webhooks to be in force", async () => (await starts("shop")).includes("failed calling webhook"));
      expect(await starts("kube-system")).toBe("starts");
      await install(releases.now);
      await cluster.waitFor("its pods to be made", async () => (await named("pods")).filter((name) => name.startsWith("pod/sluice-")).length === 2);
      await remove();
    });
  });

  describe("is removed, and leaves nothing behind", () => {
    const KINDS = ["validatingwebhookconfiguration", "mutatingwebhookconfiguration", "clusterrole", "clusterrolebinding", "role", "rolebinding", "deployment", "service", "secret", "lease", "configmap", "networkpolicy", "poddisruptionbudget", "serviceaccount", "priorityclass", "customresourcedefinition", "pods"];
    const left = async (): Promise<readonly string[]> => (await named(...KINDS)).filter((name) => name.includes("sluice"));
    /** Its leader goes on running, as it does for some seconds in a pod. */
    const goesWhileServing = async (remove: () => Promise<unknown>): Promise<void> => {
      behind(await start(releases.now));
      await untilInForce(cluster, suffix);
      const load = startLoad(cluster, { mayPass: true });
      await remove();
      // A look of the leader, and time for the API server to have learnt of what it did.
      await new Promise((resolve) => setTimeout(resolve, keeperTiming(LEASE_MS).lookMs + 1_000));
      const { refused, wrong } = await load.stop();
      expect([wrong, refused > 0]).toEqual([[], true]);
      expect(await named("validatingwebhookconfiguration", "mutatingwebhookconfiguration")).toEqual([]);
      expect(replicas[0]?.log()).toContain("leads");
      expect(await replicas[0]?.stop()).toBe(0);
      behind();
    };

    it("by the commands of the documentation", async () => {
      const lines = commandsOf("## Removing", "kubectl delete clusterrolebinding");
      expect(lines).toHaveLength(3);
      await goesWhileServing(async () => {
        for (const line of lines) await must(...line.replace("deploy/overlays/enforce", join(releases.now.manifests, OVERLAY)).split(" ").slice(1), "--timeout=60s");
      });
      expect(await left()).toEqual([]);
      expect(await cluster.get("namespace", "sluice-system")).toBeUndefined();
    });

    it("by helm, which installs, upgrades and rolls back too", async () => {
      const release = async (...args: readonly string[]): Promise<void> => {
        const { code, stderr } = await helm.run([...args, "--namespace", "sluice-system"], cluster.kubeconfig("admin"));
        // Its client logs a watch that ends while it waits.
        expect([code, stderr.replace(/^I\d{4} .*reflector\.go.*\n/gm, "")]).toEqual([0, ""]);
      };
      await release("install", "sluice", join(releases.now.manifests, "helm/sluice"), "--create-namespace", "--set", "crds.keep=false");
      await release("upgrade", "sluice", join(releases.now.manifests, "helm/sluice"), "--set", "crds.keep=false", "--set", "profile=gke-dataplane-v2");
      expect(await must("get", "deployment", "-n", "sluice-system", "sluice", "-o", "jsonpath={.spec.template.spec.containers[0].args}")).toContain("--profile=gke-dataplane-v2");
      await release("rollback", "sluice", "1");
      expect(await must("get", "deployment", "-n", "sluice-system", "sluice", "-o", "jsonpath={.spec.template.spec.containers[0].args}")).not.toContain("--profile");
      const [uninstall = "", ...rest] = commandsOf("## Removing", "helm uninstall");
      await goesWhileServing(() => release(...uninstall.replace(" --namespace sluice-system", "").split(" ").slice(1)));
      for (const line of rest) await must(...line.split(" ").slice(1), "--timeout=60s");
      expect(await left()).toEqual([]);
    });
  });
});

/** The lines of a block of docs/install.md, below a heading. */
function commandsOf(heading: string, first: string): readonly string[] {
  const page = readFileSync(new URL("../../docs/install.md", import.meta.url), "utf8");
  const blocks = [...page.slice(page.indexOf(heading)).matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text = ""]) => text.trim().split("\n"));
  return blocks.find(([line = ""]) => line.startsWith(first)) ?? [];
}

/** What the namespace asks of its pods. */
const RESTRICTED = { securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } }, containers: [{ name: "main", image: "main", securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } } }] };

/** Asked for by a `patch` that makes the object (server-side apply), which the audit log calls `patch`. */
const RARELY_USED = ["create networking.k8s.io/networkpolicies"];
const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}.yaml`, import.meta.url), "utf8");
/** Policies of the cluster, as far as they are asked for here: their kinds are there. */
const CLUSTER_POLICIES = [["adminnetworkpolicies", "AdminNetworkPolicy", "v1alpha1"], ["baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy", "v1alpha1"], ["clusternetworkpolicies", "ClusterNetworkPolicy", "v1alpha2"]] as const;

function definitionOf(plural: string, kind: string, name: string): object {
  const group = "policy.networking.k8s.io";
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  // The group is the project's own: its definitions say who approved them.
  const metadata = { name: `${plural}.${group}`, annotations: { "api-approved.kubernetes.io": "unapproved, for tests" } };
  return { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata, spec: { group, scope: "Cluster", names: { plural, singular: kind.toLowerCase(), kind }, versions: [{ name, served: true, storage: true, schema }] } };
}
