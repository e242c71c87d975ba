import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clusterCollection, clusterObjects, connectTo, type ClusterConnection } from "../../src/cluster/cluster.js";
import type { AuditState } from "../../src/model/audit.js";
import { ReportWriter } from "../../src/upkeep/report-writer.js";
import { keptLog } from "../server/small-app.js";
import { auditState, violationIn } from "../upkeep/audit-states.js";
import { tokenOf } from "./api.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { namespace, pod, policy } from "./kf-world.js";
import { startProgram, type Program } from "./sluice.js";

/** What the audit finds, as reports in a real API server with the shapes of both report APIs. Nobody guards the cluster: no webhook is registered. */

interface Report {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string; readonly namespace?: string; readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[] };
  readonly source?: string;
  readonly summary: { readonly fail: number };
  readonly results: readonly { readonly rule: string; readonly result: string; readonly message: string; readonly properties: { readonly since: string } }[];
}
interface Reports {
  readonly items: readonly Report[];
}

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}.yaml`, import.meta.url), "utf8");

describeWithCluster("reports of the audit", (cluster) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-e2e-"));
  let place = "";
  let program: Program | undefined;
  let since = "";

  const start = async (): Promise<Program> => startProgram(cluster, { certDir: directory, args: ["--own-namespace", "sluice-system"] });
  const writes = async (result = "written"): Promise<number> => {
    const { text } = (await program?.get("/metrics", { authorization: `Bearer ${tokenOf(cluster, "admin")}` })) ?? { text: "" };
    return Number(new RegExp(`^sluice_report_writes_total\\{result="${result}"\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  };
  const report = async (kind = "reports"): Promise<Report | undefined> => (await cluster.get<Reports>(kind, "-n", place))?.items[0];
  const broken = async (kind = "reports"): Promise<Report["results"][number] | undefined> => (await report(kind))?.results.find(({ rule }) => rule === "default-deny");
  const close = (): Promise<void> => cluster.apply(policy(place, "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }));
  /** Until nothing was written for two seconds. */
  const settled = async (): Promise<number> => {
    let [last, since] = [-1, Date.now()];
    return cluster.waitFor("the writer to rest", async () => {
      const now = await writes();
      if (now !== last) [last, since] = [now, Date.now()];
      return Date.now() - since > 2_000 && now + 1;
    }, 90_000).then((count) => count - 1);
  };
  const remove = async (name: string): Promise<void> => void (await cluster.kubectl(["delete", "-f", "-", "--ignore-not-found"], { input: fixture(name) }));

  beforeAll(async () => {
    await cluster.apply(fixture("open-reports"));
    place = await cluster.freshNamespace("reported");
    await cluster.apply(namespace(place));
    await cluster.apply(pod(place, "web"));
    await cluster.apply(policy(place, "allow-dns", { podSelector: {}, policyTypes: ["Egress"], egress: [{ ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] }] }));
    await close();
    program = await start();
  });
  afterAll(async () => {
    await program?.stop();
    for (const name of ["open-reports", "policy-reports"]) await remove(name);
    await cluster.kubectl(["delete", "-n", "sluice-system", "lease/sluice-audit", "configmap/sluice-pending-changes", "--ignore-not-found"]);
    await cluster.kubectl(["delete", "namespace", place, "--wait=false"]);
    rmSync(directory, { recursive: true, force: true });
  });

  it("tell of a namespace that is broken behind Sluice's back, within two seconds", async () => {
    await settled();
    expect(await broken()).toBeUndefined();
    await cluster.kubectl(["delete", "networkpolicy", "-n", place, "default-deny"]);
    const begun = Date.now();
    const found = await cluster.waitFor("the report", () => broken(), 30_000);
    console.info(`the report showed it after ${Date.now() - begun} ms`);
    since = found.properties.since;
    expect(found).toMatchObject({ result: "fail", message: expect.stringContaining("has no default deny") });
    const whole = await report();
    expect(whole).toMatchObject({ source: "sluice", metadata: { name: "sluice", ownerReferences: [{ kind: "Namespace", name: "sluice-system" }] } });
    expect((await cluster.kubectl(["get", "reports", "-n", place])).stdout).toMatch(new RegExp(`NAME +PASS +FAIL +WARN +ERROR +SKIP +AGE\\nsluice +\\d+ +${whole?.summary.fail ?? 0} `));
  });

  it("are not written while nothing changes, nor by what changes nothing", async () => {
    const before = await settled();
    for (let i = 0; i < 20; i++) await cluster.kubectl(["annotate", "--overwrite", "pod", "-n", place, "web", `turn=${i}`]);
    expect((await settled()) - before).toBe(0);
  });

  it("keep their dates over a restart, which writes nothing", async () => {
    const version = async (): Promise<unknown> => (await report())?.metadata.resourceVersion;
    const before = await version();
    await program?.stop();
    program = await start();
    await settled();
    // Of its own namespace only: what other tests leave behind may still be going away.
    expect(await version()).toBe(before);
    expect((await broken())?.properties.since).toBe(since);
  });

  it("go when nothing is left to tell", async () => {
    await close();
    await cluster.waitFor("no report", async () => (await report()) === undefined);
  });

  it("are PolicyReports where only those are known", async () => {
    await program?.stop();
    await remove("open-reports");
    await cluster.apply(fixture("policy-reports"));
    await cluster.kubectl(["delete", "networkpolicy", "-n", place, "default-deny"]);
    program = await start();
    expect(await cluster.waitFor("the report", () => broken("policyreports"), 60_000)).toMatchObject({ result: "fail" });
    expect(await report("policyreports")).not.toHaveProperty("source");
    await program.stop();
    program = undefined;
  });

  it("stay below 256 KB each at 10,000 violations, and what changes is all that is written", async () => {
    await cluster.apply(fixture("open-reports"));
    const many = `many-${place}`;
    await cluster.apply(namespace(many));
    const violations = Array.from({ length: 10_000 }, (_, i) => violationIn(many, i));
    const connection = connectTo(cluster.server, async () => ({ ca: cluster.ca, headers: { authorization: `Bearer ${tokenOf(cluster, "admin")}` } }));
    const { registry, stop, update } = writing(connection);
    const count = async (): Promise<number> => Number(/result="written"\} (\d+)/.exec(await registry.metrics())?.[1] ?? 0);
    try {
      const all = auditState(violations);
      update(all);
      const list = async (): Promise<readonly Report[]> => (await cluster.get<Reports>("reports", "-n", many))?.items ?? [];
      const stored = await cluster.waitFor("all of them", async () => {
        const reports = await list();
        return reports.reduce((sum, { summary }) => sum + summary.fail, 0) === 10_000 && reports;
      }, 60_000);
      const sizes = stored.map((one) => Buffer.byteLength(JSON.stringify(one)));
      console.info(`10,000 violations: ${stored.length} reports, the largest of ${Math.max(...sizes)} bytes`);
      expect(Math.max(...sizes)).toBeLessThan(256_000);
      const first = await count();
      expect(first).toBe(stored.length);
      update({ ...all, at: new Date().toISOString() });
      update(auditState([...violations]));
      // One violation goes: one report is written.
      update(auditState(violations.slice(1)));
      await cluster.waitFor("the write", async () => (await count()) > first);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect(await count()).toBe(first + 1);
    } finally {
      await stop();
      connection.close();
      await cluster.kubectl(["delete", "namespace", many, "--wait=false"]);
    }
  });
});

function writing(connection: ClusterConnection) {
  const registry = new Registry();
  const writer = new ReportWriter({ store: clusterObjects(connection), collection: clusterCollection(connection), log: keptLog().log, registry, owner: async () => undefined, rules: () => 10, recall: () => undefined, apiVersionOf: () => "v1", timing: { apartMs: 10, againMs: 0, lookMs: 600_000, pauseMs: 100 } });
  const stopping = new AbortController();
  const running = writer.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
  };
  return { registry, stop, update: (state: AuditState) => writer.update(state) };
}
