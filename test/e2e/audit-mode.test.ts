import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tokenOf } from "./api.js";
import type { KubectlResult } from "./cluster-client.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { namespace, pod, tryApply, warnedOf } from "./kf-world.js";
import { runSluice, startSluice, type RunningSluice } from "./sluice.js";

/** `serve --mode audit` on a real API server: what enforce would refuse is admitted, and told everywhere; then it is enforced in one namespace. */

const openReports = readFileSync(new URL("fixtures/open-reports.yaml", import.meta.url), "utf8");

interface Reports {
  readonly items: readonly { readonly results: readonly { readonly policy: string; readonly rule: string; readonly result: string }[] }[];
}

describeWithCluster("mode audit", (cluster) => {
  const packs = mkdtempSync(join(tmpdir(), "sluice-packs-"));
  const names: string[] = [];
  let sluice: RunningSluice;

  beforeAll(async () => {
    await cluster.apply(openReports);
    for (const prefix of ["watched", "guarded"]) {
      const name = await cluster.freshNamespace(prefix);
      names.push(name);
      // Older than Sluice, and with no baseline.
      await cluster.apply([namespace(name), pod(name, "old")]);
    }
    cpSync("policies", packs, { recursive: true, filter: (path) => path === "policies" || /^policies\/[\w-]+\.yaml$/.test(path) || /^policies\/profiles/.test(path) });
    sluice = await startSluice(cluster, { args: ["--mode", "audit", "--audit-warnings", "--own-namespace", "sluice-system", "--lease", "3", "--packs", packs] });
  });
  afterAll(async () => {
    await sluice?.stop();
    await cluster.kubectl(["delete", "-f", "-", "--ignore-not-found"], { input: openReports });
    await cluster.kubectl(["delete", "-n", "sluice-system", "lease/sluice-audit", "configmap/sluice-pending-changes", "--ignore-not-found"]);
    await cluster.kubectl(["delete", "namespace", ...names, "--wait=false"]);
    rmSync(packs, { recursive: true, force: true });
  });

  const start = (where: string | undefined): Promise<KubectlResult> => tryApply(cluster, pod(where ?? "", "new"), "developer", ["--dry-run=server"]);

  it("admits what would be refused, and warns of it, counts it, logs it and reports it", async () => {
    const [watched = ""] = names;
    const answered = await cluster.waitFor("the webhooks to be asked", async () => {
      const result = await start(watched);
      return warnedOf(result).length > 0 && result;
    });
    expect([answered.code, answered.stderr]).toEqual([0, expect.stringMatching(/Warning: \[baseline\/[\w-]+\] would be refused: .*the pod is held/)]);
    const { text } = await sluice.get("/metrics", { authorization: `Bearer ${tokenOf(cluster, "admin")}` });
    expect(text).toMatch(/^sluice_admission_requests_total\{route="validate\/deny",operation="CREATE",outcome="would-deny"\} [1-9]/m);
    expect(text).not.toMatch(/^sluice_admission_requests_total\{.*outcome="denied"\} [1-9]/m);
    const told = await cluster.waitFor("the log", async () => sluice.log().split("\n").find((line) => line.includes('"msg":"would deny"')));
    expect(told).toContain(watched);
    const configuration = await cluster.get<{ readonly webhooks: readonly { readonly failurePolicy: string }[] }>("validatingwebhookconfiguration", "sluice-deny");
    expect(new Set(configuration?.webhooks.map(({ failurePolicy }) => failurePolicy))).toEqual(new Set(["Ignore"]));
    const reported = await cluster.waitFor("the report", async () => {
      const results = (await cluster.get<Reports>("reports", "-n", watched))?.items.flatMap((one) => one.results) ?? [];
      return results.length > 0 && results;
    }, 30_000);
    expect(reported).toContainEqual(expect.objectContaining({ rule: "default-deny", result: "fail" }));
  });

  it("is nothing that a doctor who knows of it would mend", async () => {
    const asked = async (...flags: string[]): Promise<Record<string, string>> => {
      const { stdout } = await runSluice(["doctor", "-o", "json", "--packs", packs, ...flags], { KUBECONFIG: cluster.kubeconfig("admin"), HOME: packs });
      const { checks } = JSON.parse(stdout) as { readonly checks: readonly { readonly check: string; readonly status: string }[] };
      return Object.fromEntries(checks.filter(({ check }) => ["way from the API server", "webhook configurations", "running namespaces"].includes(check)).map(({ check, status }) => [check, status]));
    };
    expect(await asked("--mode", "audit")).toEqual({ "way from the API server": "not checked", "webhook configurations": "ok", "running namespaces": "ok" });
    expect(await asked()).toMatchObject({ "way from the API server": "failure", "webhook configurations": "failure" });
  });

  it("refuses where an overlay enforces it, without a restart, and nowhere else", async () => {
    const [watched, guarded = ""] = names;
    writeFileSync(join(packs, "rollout.yaml"), JSON.stringify({ apiVersion: "sluice.dev/v1alpha1", kind: "PackOverlay", metadata: { name: "rollout" }, spec: { enforce: [{ rules: ["baseline/*"], namespaces: [guarded] }] } }));
    const refused = await cluster.waitFor("the overlay to be in force", async () => {
      const result = await start(guarded);
      return result.code !== 0 && result;
    });
    expect(refused.stderr).toMatch(/denied the request: .*\[baseline\/[\w-]+\]/s);
    const passed = await start(watched);
    expect([passed.code, passed.stderr]).toEqual([0, expect.stringContaining("would be refused")]);
  });
});
