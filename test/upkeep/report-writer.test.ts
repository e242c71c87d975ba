import { Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { violationKey, type StandingViolation } from "../../src/model/audit.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { datesIn, REPORT_APIS, reportsOf, type ReportApi } from "../../src/upkeep/report-objects.js";
import { ReportWriter, type ReportWriterParts } from "../../src/upkeep/report-writer.js";
import { keptLog } from "../server/small-app.js";
import { auditState, violationIn } from "./audit-states.js";
import { MemoryObjects } from "./memory-objects.js";

const running: (() => Promise<void>)[] = [];
afterEach(async () => void (await Promise.all(running.splice(0).map((stop) => stop()))));

const BOTH = ["reports", "clusterreports", "policyreports", "clusterpolicyreports"];

function started(objects: MemoryObjects, parts: Partial<ReportWriterParts> & { readonly resources?: readonly string[] } = {}) {
  const registry = new Registry();
  const recalled = new Map<string, Pick<StandingViolation, "since">>();
  const { resources = BOTH, ...others } = parts;
  const writer = new ReportWriter({
    store: objects.client("one").store, collection: objects.collection(resources), owner: async () => undefined, rules: () => 10, apiVersionOf: () => "v1",
    recall: (known) => { for (const [key, dates] of known) recalled.set(key, dates); }, log: keptLog().log, registry, timing: { apartMs: 0, againMs: 0, lookMs: 60_000, pauseMs: 10 }, ...others,
  });
  const stopping = new AbortController();
  const ended = writer.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await ended;
  };
  running.push(stop);
  return { writer, registry, recalled, stop };
}

const settled = async (objects: MemoryObjects, count: number): Promise<void> => {
  await expect.poll(() => objects.writes.length).toBe(count);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(objects.writes.length).toBe(count);
};
const summary = (object: KubeObject | undefined): unknown => object?.["summary"];

describe("reports written back", () => {
  it("are one for each namespace that has something to tell, and go with the last of it", async () => {
    const objects = new MemoryObjects();
    const { writer } = started(objects);
    const [one, other] = [violationIn("a", 1), { ...violationIn("b", 1), action: "dryrun" as const }];
    writer.update(auditState([one, other]));
    await settled(objects, 2);
    expect(objects.writes.map(({ at, object }) => [at, summary(object)])).toEqual([
      ["reports/a/sluice", { pass: 9, fail: 1, warn: 0, error: 0, skip: 0 }],
      ["reports/b/sluice", { pass: 9, fail: 0, warn: 1, error: 0, skip: 0 }],
    ]);
    writer.update(auditState([other]));
    await expect.poll(() => objects.all().map(({ metadata }) => metadata.namespace)).toEqual(["b"]);
  });

  it("are written when they say something else, and not when they are told again", async () => {
    const objects = new MemoryObjects();
    const { writer } = started(objects);
    const violations = [violationIn("a", 1), violationIn("b", 1)];
    writer.update(auditState(violations));
    await settled(objects, 2);
    writer.update(auditState([...violations].map((violation) => ({ ...violation })), { at: "2027-01-01T00:00:00.000Z" }));
    await settled(objects, 2);
    writer.update(auditState([violations[0] as StandingViolation, { ...(violations[1] as StandingViolation), action: "warn" }]));
    await settled(objects, 3);
    expect(objects.writes.at(-1)?.at).toBe("reports/b/sluice");
  });

  it("that change all the time wait before they are written again", async () => {
    const objects = new MemoryObjects();
    const { writer } = started(objects, { timing: { apartMs: 0, againMs: 600_000, lookMs: 600_000, pauseMs: 10 } });
    for (let i = 0; i < 200; i++) {
      writer.update(auditState([violationIn("a", i)]));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await settled(objects, 1);
  });

  it("tell what was not looked at as an error, in the report of the cluster", async () => {
    const objects = new MemoryObjects();
    started(objects).writer.update(auditState([], { complete: false, reasons: ["Pod cannot be read: 403"] }));
    await settled(objects, 1);
    expect([objects.writes[0]?.at, summary(objects.get("sluice"))]).toEqual(["clusterreports//sluice", { pass: 10, fail: 0, warn: 0, error: 1, skip: 0 }]);
  });

  it("have a most, refusals first, and a metric for the rest", async () => {
    const objects = new MemoryObjects();
    const { writer, registry } = started(objects, { most: 2 });
    writer.update(auditState([0, 1, 2, 3, 4].map((i) => violationIn("a", i))));
    await settled(objects, 1);
    expect([summary(objects.get("sluice")), await registry.metrics()]).toEqual([expect.objectContaining({ fail: 2 }), expect.stringMatching(/^sluice_report_violations_left_out 3$/m)]);
  });

  it("are put right when somebody else has changed them", async () => {
    const objects = new MemoryObjects();
    const { writer } = started(objects);
    writer.update(auditState([violationIn("a", 1)]));
    await settled(objects, 1);
    objects.edit("sluice", (object) => ({ ...object, results: [] }));
    writer.update(auditState([violationIn("a", 2)]));
    await expect.poll(() => summary(objects.get("sluice"))).toMatchObject({ fail: 1 });
    await expect.poll(() => objects.get("sluice")?.["results"]).toMatchObject([{ resources: [{ name: "web-2" }] }]);
  });

  it("of the other kind go, and dates of what is known are told", async () => {
    const objects = new MemoryObjects();
    const old = started(objects, { resources: ["policyreports", "clusterpolicyreports"] });
    const violation = violationIn("a", 7);
    old.writer.update(auditState([violation]));
    await settled(objects, 1);
    await old.stop();
    const { writer, recalled } = started(objects, { resources: BOTH });
    writer.update(auditState([violation]));
    await settled(objects, 2);
    expect(objects.all().map(({ kind }) => kind)).toEqual(["Report"]);
    expect(recalled.get(violationKey(violation))?.since).toBe(violation.since);
    const again = started(objects);
    await expect.poll(() => again.recalled.get(violationKey(violation))?.since).toBe(violation.since);
  });

  it("are not written where neither kind is known", async () => {
    const objects = new MemoryObjects();
    const { writer } = started(objects, { resources: [] });
    writer.update(auditState([violationIn("a", 1)]));
    await settled(objects, 0);
  });
});

describe("one report", () => {
  const options = { api: REPORT_APIS[0] as ReportApi, rules: 10, apiVersionOf: () => "v1", at: "2026-01-01T00:00:00Z" };
  const made = (violations: readonly StandingViolation[]): readonly KubeObject[] => reportsOf({ namespace: "a", violations }, options);

  it("is split by bytes, and one violation more changes one of them", () => {
    const violations = Array.from({ length: 2_000 }, (_, i) => violationIn("a", i));
    const [before, after] = [made(violations), made(violations.slice(1))];
    expect(before.length).toBeGreaterThan(1);
    for (const report of before) expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThan(256_000);
    expect(before.flatMap(datesIn).length).toBe(2_000);
    const contents = new Set(before.map(({ metadata }) => metadata.annotations?.["sluice.dev/content"]));
    expect(after.filter(({ metadata }) => !contents.has(metadata.annotations?.["sluice.dev/content"])).length).toBe(1);
  });

  it("stays small with texts of any length, and keeps dates and keys", () => {
    const violation: StandingViolation = { ...violationIn("a", 1), message: "x".repeat(100_000), counterexample: "y", exception: { name: "e", owner: "o", expires: "2027-01-31" } };
    const [report] = made([violation]);
    expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThan(10_000);
    expect(datesIn(report as KubeObject)).toEqual([[violationKey(violation), { since: violation.since, newlyBroken: violation.newlyBroken }]]);
  });
});
