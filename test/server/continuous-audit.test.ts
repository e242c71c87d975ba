import { Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { violationKey } from "../../src/model/audit.js";
import { AuditHistory } from "../../src/server/audit-history.js";
import { ContinuousAudit, type ContinuousAuditParts } from "../../src/server/continuous-audit.js";
import { LiveSnapshot } from "../../src/server/live-snapshot.js";
import { kfCluster, shippedPacks } from "../review/world.js";
import { keptLog } from "./small-app.js";

const running: ContinuousAudit[] = [];
afterEach(() => { for (const audit of running.splice(0)) audit.stop(); });

const allowAll: KubeObject = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "open", namespace: "space-closed" }, spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] } };
const workloadIdentity = { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "space-closed", name: "allow-workload-identity" };

function started(parts: Partial<ContinuousAuditParts> = {}) {
  const [live, registry, packs] = [new LiveSnapshot(kfCluster()), new Registry(), shippedPacks()];
  const audit = new ContinuousAudit({ snapshot: () => live.current, packs: () => ({ packs, digest: "sha256:1" }), everyMs: 0, log: keptLog().log, registry, ...parts });
  running.push(audit);
  audit.start();
  return { audit, live, registry, packs };
}

const known = async (audit: ContinuousAudit): Promise<void> => expect.poll(() => audit.current?.waiting).toBe(0);
const rulesIn = (audit: ContinuousAudit, list: "violations" | "newlyBroken" | "wouldDeny"): string[] => (audit.current?.[list] ?? []).map(({ rule, object }) => `${rule} ${object.name}`);

describe("an audit while serving", () => {
  it("tells what stands, and dates what breaks while it looks", async () => {
    const { audit, live } = started();
    await known(audit);
    expect(audit.current).toMatchObject({ packs: "sha256:1", newlyBroken: [] });
    live.apply([{ remove: workloadIdentity }]);
    await expect.poll(() => rulesIn(audit, "newlyBroken")).toContain("workload-identity space-closed");
    const [broken] = audit.current?.newlyBroken ?? [];
    expect(Date.now() - Date.parse(broken?.since ?? "")).toBeLessThan(60_000);
    expect(audit.history.length).toBe(2);
  });

  it("keeps the date of what stays broken, and forgets it with what is mended", async () => {
    const { audit, live } = started();
    await known(audit);
    live.apply([{ remove: workloadIdentity }]);
    await expect.poll(() => rulesIn(audit, "newlyBroken")).toContain("workload-identity space-closed");
    const since = audit.current?.newlyBroken[0]?.since;
    live.apply(readObjects([allowAll]).changes.map((change) => change));
    await expect.poll(() => audit.current?.violations.some(({ object }) => object.name === "open") || audit.current?.waiting === 0).toBe(true);
    expect(audit.current?.newlyBroken.find(({ rule }) => rule === "workload-identity")?.since).toBe(since);
    live.apply([{ put: { fact: "policy", value: [...kfCluster().policies()].find(({ ref }) => ref.name === "allow-workload-identity") as never } }]);
    await expect.poll(() => rulesIn(audit, "violations")).not.toContain("workload-identity space-closed");
  });

  it("believes those who looked before about how old something is", async () => {
    const { audit, live } = started();
    live.apply([{ remove: workloadIdentity }]);
    await expect.poll(() => rulesIn(audit, "violations")).toContain("workload-identity space-closed");
    const found = audit.current?.violations.find(({ rule }) => rule === "workload-identity");
    audit.recall(new Map(found ? [[violationKey(found), { since: "2020-01-01T00:00:00.000Z", newlyBroken: true }]] : []));
    expect(audit.current?.newlyBroken).toMatchObject([{ rule: "workload-identity", since: "2020-01-01T00:00:00.000Z" }]);
  });

  it("is not complete while something cannot be read, and says so in its metrics", async () => {
    const { audit, registry } = started({ reasons: () => ["Pod cannot be read: 403"], letsPass: () => true });
    await known(audit);
    expect(audit.current).toMatchObject({ complete: false, reasons: expect.arrayContaining(["Pod cannot be read: 403"]) });
    expect(audit.current?.wouldDeny.length).toBe(audit.current?.violations.filter(({ action, exception }) => action === "deny" || (action === "dryrun" && !exception)).length);
    const metrics = await registry.metrics();
    expect(metrics).toMatch(/^sluice_audit_complete 0$/m);
    expect(metrics).toMatch(/^sluice_audit_last_run_timestamp_seconds \d{10}/m);
    expect(metrics).toMatch(/^sluice_audit_duration_seconds_count 1$/m);
  });

  it("holds no more violations than it has room for, says so, and takes up the rest when there is room", async () => {
    const kept = keptLog();
    const { audit, live, registry } = started({ most: 1, everyMs: 200, log: kept.log });
    const all = [...kfCluster().policies()].filter(({ ref: { namespace } }) => namespace === "space-closed");
    live.apply(all.map(({ ref }) => ({ remove: ref })));
    await expect.poll(() => audit.current?.reasons.some((reason) => /^more than 1 violations are more than is kept in memory: \d+ are left out$/.test(reason))).toBe(true);
    expect(audit.current).toMatchObject({ complete: false, violations: [{ action: "deny" }] });
    expect(await registry.metrics()).toMatch(/^sluice_audit_violations_left_out [1-9]\d*$/m);
    expect(kept.text().match(/more violations than it keeps in memory/g)).toHaveLength(1);
    live.apply(all.map((value) => ({ put: { fact: "policy", value } })));
    await expect.poll(() => audit.current?.reasons.some((reason) => reason.startsWith("more than"))).toBe(false);
    expect(await registry.metrics()).toMatch(/^sluice_audit_violations_left_out 0$/m);
  });

  it("waits until there are packs to audit by", async () => {
    let inForce: ReturnType<ContinuousAuditParts["packs"]>;
    const { audit, packs } = started({ packs: () => inForce });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(audit.current).toBeUndefined();
    inForce = { packs, digest: "sha256:2" };
    await known(audit);
  });
});

describe("the history of an audit", () => {
  const point = (violations: number) => ({ complete: true, counts: [{ pack: "p", rule: "r", action: "deny" as const, violations }] });
  const minute = 60_000;

  it("has a point for each change, one a minute at most", () => {
    const history = new AuditHistory();
    for (const [count, at] of [[1, 0], [1, minute], [2, 2 * minute], [3, 2.5 * minute], [4, 4 * minute]] as const) history.add(point(count), at);
    expect(history.points.map(({ at, counts }) => [Date.parse(at) / minute, counts[0]?.violations])).toEqual([[0, 1], [2, 3], [4, 4]]);
  });

  it("is bounded", () => {
    const history = new AuditHistory();
    for (let i = 0; i < 2_000; i++) history.add(point(i), i * minute);
    expect([history.points.length, history.points.at(-1)?.counts[0]?.violations]).toEqual([1_440, 1_999]);
  });
});
