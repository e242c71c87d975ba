import { setTimeout as sleep } from "node:timers/promises";
import { Registry } from "prom-client";
import { afterEach, describe, expect, test } from "vitest";
import { Leader, leaderTiming } from "../../src/upkeep/leader.js";
import { MemoryObjects } from "./memory-objects.js";
import { keptLog } from "../server/small-app.js";

const AT = { apiVersion: "coordination.k8s.io/v1", resource: "leases", namespace: "sluice-system", name: "sluice" };
const TIMING = { leaseMs: 1_000, deadlineMs: 500, retryMs: 40 };

interface Replica {
  readonly name: string;
  readonly leader: Leader;
  readonly way: { cut: boolean; loseAnswers: boolean };
  readonly registry: Registry;
  log(): string;
  /** Ends it in order, or as a killed process ends. */
  stop(): Promise<void>;
}

let objects = new MemoryObjects();
let replicas: Replica[] = [];
/** Who worked as the leader, from when to when. */
let terms: { readonly name: string; readonly from: number; to: number }[] = [];

afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  [objects, replicas, terms] = [new MemoryObjects(), [], []];
});

function start(name: string): Replica {
  const { store, way } = objects.client(name);
  const [stopping, registry] = [new AbortController(), new Registry()];
  const lead = async (leading: AbortSignal): Promise<void> => {
    const term = { name, from: performance.now(), to: Number.POSITIVE_INFINITY };
    terms.push(term);
    await new Promise((resolve) => leading.addEventListener("abort", resolve, { once: true }));
    term.to = performance.now();
  };
  const kept = keptLog();
  const leader = new Leader({ store, at: AT, identity: name, lead, log: kept.log, registry, timing: TIMING });
  const running = leader.run(stopping.signal);
  const replica = { name, leader, way, registry, log: kept.text, stop: async () => (stopping.abort(), await running) };
  replicas.push(replica);
  return replica;
}

const leading = (): string[] => replicas.filter(({ leader }) => leader.leads).map(({ name }) => name);
const until = (names: string[]) => expect.poll(leading, { interval: 5, timeout: 10_000 }).toEqual(names);
const holder = (): unknown => (objects.get("sluice")?.["spec"] as { holderIdentity?: unknown } | undefined)?.holderIdentity;
function overlaps(): number {
  const sorted = [...terms].sort((a, b) => a.from - b.from);
  return sorted.filter((term, i) => sorted.slice(0, i).some(({ to }) => to > term.from)).length;
}

describe("the leader", () => {
  test("has the times of other controllers, and in proportion to another lease", () => {
    expect(leaderTiming()).toEqual({ leaseMs: 15_000, deadlineMs: 10_000, retryMs: 2_000 });
    expect(leaderTiming(6_000)).toEqual({ leaseMs: 6_000, deadlineMs: 4_000, retryMs: 800 });
  });

  test("is one of the replicas, stands in the lease, and is told in the metrics", async () => {
    const [a, b] = [start("a"), start("b")];
    await expect.poll(() => leading().length, { interval: 5 }).toBe(1);
    await sleep(300);
    const [name] = leading();
    expect([leading().length, holder(), terms.length]).toEqual([1, name, 1]);
    const gauges = await Promise.all([a, b].map(async ({ registry }) => /^sluice_leader (\d)$/m.exec(await registry.metrics())?.[1]));
    expect(gauges.sort()).toEqual(["0", "1"]);
    expect(objects.get("sluice")).toMatchObject({ kind: "Lease", spec: { leaseDurationSeconds: 1, leaseTransitions: 0, renewTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) } });
  });

  test("hands over at once when it stops", async () => {
    const a = start("a");
    await until(["a"]);
    start("b");
    await sleep(100);
    await a.stop();
    // Nobody's: the next one need not wait for its end.
    expect(holder()).toBe("");
    await until(["b"]);
    expect(overlaps()).toBe(0);
    expect(objects.get("sluice")).toMatchObject({ spec: { leaseTransitions: 1 } });
  });

  test("that cannot be reached stops before another one starts, and does not come back while that one leads", async () => {
    const a = start("a");
    await until(["a"]);
    start("b");
    await sleep(100);
    a.way.cut = true;
    await until([]);
    await until(["b"]);
    expect(a.log().split("the lease could not be read or renewed").length).toBe(2);
    a.way.cut = false;
    await sleep(300);
    expect([leading(), overlaps()]).toEqual([["b"], 0]);
  });

  test("whose renewals are carried out but not answered goes on as soon as it is heard again; nobody else leads meanwhile", async () => {
    const a = start("a");
    await until(["a"]);
    start("b");
    a.way.loseAnswers = true;
    await until([]);
    a.way.loseAnswers = false;
    await expect.poll(() => leading().length, { interval: 5, timeout: 10_000 }).toBe(1);
    expect(overlaps()).toBe(0);
  });

  test.each(["1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"])("believes no other clock: a lease renewed at %s counts for its whole duration, and no longer", async (renewTime) => {
    const spec = { holderIdentity: "gone", leaseDurationSeconds: 1, leaseTransitions: 4, acquireTime: renewTime, renewTime };
    objects.put(AT, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "sluice", namespace: "sluice-system" }, spec });
    const started = performance.now();
    start("a");
    await until(["a"]);
    expect((terms[0]?.from ?? 0) - started).toBeGreaterThanOrEqual(1_000);
    expect(objects.get("sluice")).toMatchObject({ spec: { leaseTransitions: 5 } });
  });

  test("whose lease was deleted, or taken by force, notices", async () => {
    start("a");
    await until(["a"]);
    objects.edit("sluice", (lease) => ({ ...lease, spec: { ...(lease["spec"] as object), holderIdentity: "somebody" } }));
    await until([]);
    objects.delete("sluice");
    await until(["a"]);
    expect(overlaps()).toBe(0);
  });

  test("never are there two, whatever is cut and healed", async () => {
    const names = ["a", "b", "c"].map(start);
    // A fixed pattern of which way is open, so that a failure can be repeated.
    const patterns = [0b111, 0b011, 0b101, 0b000, 0b110, 0b010, 0b111, 0b100, 0b001, 0b111];
    for (const pattern of patterns) {
      names.forEach(({ way }, i) => (way.cut = (pattern & (1 << i)) === 0));
      await sleep(350);
    }
    await expect.poll(() => leading().length, { timeout: 10_000 }).toBe(1);
    expect([overlaps(), terms.length > 1]).toEqual([0, true]);
  }, 30_000);
});
