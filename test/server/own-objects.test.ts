import { describe, expect, test } from "vitest";
import type { AdmissionRequest } from "../../src/model/admission.js";
import { judgeOwn } from "../../src/server/own-objects.js";
import { statusWith, writeStatus, type OwnOutcome } from "../../src/upkeep/own-status.js";
import { ALLOWED } from "./decisions.js";
import { MemoryObjects } from "../upkeep/memory-objects.js";
import { keptLog } from "./small-app.js";

const AT = { apiVersion: "sluice.dev/v1alpha1", resource: "rulepacks", name: "house" };
const pack = (generation: number) => ({ apiVersion: AT.apiVersion, kind: "RulePack", metadata: { name: "house", generation } });
const good: OwnOutcome = { generation: 1, problems: [], hash: "sha256:1" };
const now = new Date("2026-11-21T12:00:00.500Z");
const later = new Date("2026-11-21T13:00:00.500Z");

describe("the status of a pack", () => {
  test("says what is in force, since when, and at which replica", () => {
    const status = statusWith(undefined, good, { replica: "a", now });
    expect(status).toEqual({
      observedGeneration: 1,
      hash: "sha256:1",
      conditions: [{ type: "Accepted", status: "True", reason: "InForce", message: "", observedGeneration: 1, lastTransitionTime: "2026-11-21T12:00:00Z" }],
      replicas: [{ name: "a", observedGeneration: 1, accepted: true, hash: "sha256:1", seen: "2026-11-21T12:00:00.500Z" }],
    });
    expect(statusWith(status, good, { replica: "a", now: later })).toEqual(status);
  });

  test("keeps the other replicas of this generation, forgets those of earlier ones, and tells problems", () => {
    const first = statusWith(statusWith(undefined, good, { replica: "a", now }), good, { replica: "b", now: later });
    expect(first).toMatchObject({ replicas: [{ name: "b" }, { name: "a" }], conditions: [{ lastTransitionTime: "2026-11-21T12:00:00Z" }] });
    const broken = statusWith(first, { generation: 2, problems: ["spec.rules: no"], hash: "sha256:1" }, { replica: "b", now: later });
    expect(broken).toMatchObject({ problems: ["spec.rules: no"], conditions: [{ status: "False", reason: "NotUsable", message: "spec.rules: no; the generation last accepted stays in force", lastTransitionTime: "2026-11-21T13:00:00Z" }], replicas: [{ name: "b", observedGeneration: 2, accepted: false }] });
  });

  test("holds a bounded number of replicas", () => {
    let status: object = {};
    for (let i = 0; i < 50; i++) status = statusWith(status, good, { replica: `r${i}`, now: new Date(now.getTime() + i * 1_000) });
    const { replicas } = status as { replicas: { name: string }[] };
    expect([replicas.length, replicas[0]?.name]).toEqual([20, "r49"]);
  });

  test("is written once by each replica, at the same time, and never for a generation that is gone", async () => {
    const objects = new MemoryObjects();
    objects.put(AT, pack(1));
    const [log, replicas] = [keptLog().log, ["a", "b", "c", "d"]];
    await Promise.all(replicas.map((replica) => writeStatus(AT, good, { store: objects.client(replica).store, replica, log })));
    const written = objects.get("house") as unknown as { status: { replicas: { name: string }[] } };
    expect(written.status.replicas.map(({ name }) => name).sort()).toEqual(replicas);
    const { length } = objects.writes;
    await writeStatus(AT, good, { store: objects.client("a").store, replica: "a", log });
    objects.edit("house", (object) => ({ ...object, metadata: { ...object.metadata, generation: 2 } }));
    await writeStatus(AT, good, { store: objects.client("e").store, replica: "e", log });
    expect(objects.writes.length).toBe(length);
  });

  test("that cannot be written is told, and not thrown", async () => {
    const { log, text } = keptLog();
    const store = { read: () => Promise.reject(new Error("forbidden")), write: () => Promise.reject(new Error("forbidden")) };
    expect([await writeStatus(AT, good, { store, replica: "a", log }), text()]).toEqual([false, expect.stringContaining("a status could not be written")]);
  });
});

describe("a request about a pack", () => {
  const request = { kind: { group: "sluice.dev", version: "v1alpha1", kind: "RulePack" }, object: pack(1) } as unknown as AdmissionRequest;
  const judge = judgeOwn(() => ALLOWED, ({ kind }) => (kind.kind === "RulePack" ? [{ code: "x", path: "spec.rules", message: "no rules" }] : undefined));

  test("is decided by its problems, and every other one by the rules", () => {
    expect(judge(request, "validate/deny", 0)).toMatchObject({ allowed: false, violations: [{ pack: "sluice", rule: "pack", action: "deny", path: "spec.rules", object: { kind: "RulePack", name: "house" } }] });
    expect(judge(request, "mutate", 0)).toBe(ALLOWED);
    expect(judge({ ...request, kind: { group: "", version: "v1", kind: "Pod" } }, "validate", 0)).toBe(ALLOWED);
  });
});
