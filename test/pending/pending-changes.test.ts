import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { readObject } from "../../src/dialects/index.js";
import type { Decision } from "../../src/model/decision.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot, type Change } from "../../src/model/snapshot.js";
import { EMPTY_LEDGER, record, sweep, type Candidate } from "../../src/review/pending.js";
import { openIn, pendingOf, type View } from "../../src/review/pending-change.js";
import { decodeLedger, encodeLedger, MAX_CHANGES, MemoryLedger, MemoryText, SharedLedger, type LedgerStore } from "../../src/pending/ledger-store.js";
import { LiveSnapshot } from "../../src/server/live-snapshot.js";
import { NotNow } from "../../src/pending/not-now.js";
import { PendingChanges } from "../../src/pending/pending-changes.js";
import { ALLOWED, DENIED } from "../server/decisions.js";
import { reviewOf } from "../server/requests.js";
import { decodeValue } from "../../src/server/decode.js";
import { keptLog } from "../server/small-app.js";

const KIND = "NetworkPolicy.networking.k8s.io";
const patience = { waitMs: 60, reserveMs: 20, endMs: 60_000, storeMs: 100, pauseMs: 5, atOnce: 16 };

const END = 150;

function policy(name: string, version = "1", spec: object = { podSelector: {}, policyTypes: ["Egress"], egress: [{}] }): KubeObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace: "demo", uid: `uid-${name}`, resourceVersion: version }, spec };
}

/** A cluster of policies, what a replica's watch shows of it, and the replica's list. */
function replica(store: LedgerStore, names: readonly string[], endMs = patience.endMs) {
  const live = new LiveSnapshot(Snapshot.EMPTY.with(names.flatMap((name) => readObject(policy(name)).facts.map((put) => ({ put })))));
  const state = { version: 10, stored: new Set(names), reads: 0, fails: false };
  const view = (): View => ({ snapshot: live.current, versions: { [KIND]: String(state.version) } });
  const removalsOf = (): Change[] => names.filter((name) => !state.stored.has(name)).map((name) => ({ remove: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "demo", name } }));
  const read = async (): Promise<readonly Change[]> => {
    state.reads += 1;
    if (state.fails) throw new Error("no answer");
    return removalsOf();
  };
  const kept = keptLog();
  const pending = new PendingChanges({ store, view, read, catchUp: read, log: kept.log, patience: { ...patience, endMs } });
  return {
    pending,
    state,
    lines: kept.lines,
    /** The watch shows what was stored. */
    observe: () => {
      state.version += 1;
      live.apply(removalsOf());
      pending.observed();
    },
    remove: (name: string, changes: Partial<Candidate> = {}, ms = 5_000) => pending.admit({ ...deletion(name, live.current), ...changes }, { deadline: performance.now() + ms }),
  };
}

/** The deletion of a policy, harmless while another one is there. */
function deletion(name: string, snapshot: Snapshot): Candidate {
  const decoded = decodeValue(reviewOf({ uid: `review-${name}`, name, operation: "DELETE", object: null, oldObject: policy(name) }));
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
  const change = pendingOf(decoded.request, snapshot);
  if (!change) throw new Error("a delete of a policy is a change");
  const left = (state: Snapshot): number => [...(state.namespaces.get("demo")?.policies.keys() ?? [])].filter((key) => !key.endsWith(`/${name}`)).length;
  return { change, decide: (state): Decision => (left(state) > 0 ? ALLOWED : DENIED), concerns: () => true };
}

describe("two deletes of the last two policies", () => {
  test("the second one waits for the watch, and is then judged on what it shows", async () => {
    const { pending, remove, state, observe } = replica(new MemoryLedger(), ["a", "b"]);
    expect(await remove("a")).toMatchObject({ result: "admitted" });
    expect(pending.open).toBe(1);
    const second = remove("b");
    state.stored.delete("a");
    setTimeout(observe, 20);
    expect(await second).toMatchObject({ result: "refused", decision: { allowed: false } });
    expect(pending.open).toBe(0);
    expect(state.reads).toBe(0);
  });

  test("when the watch says nothing the API server is asked, and shows that the first one is done", async () => {
    const { remove, state } = replica(new MemoryLedger(), ["a", "b"]);
    await remove("a");
    state.stored.delete("a");
    expect(await remove("b")).toMatchObject({ result: "refused" });
    expect(state.reads).toBe(1);
  });

  test("when the API server does not show it either, the second one is refused for now, and says with what", async () => {
    const { remove } = replica(new MemoryLedger(), ["a", "b"]);
    await remove("a");
    const refused = await remove("b");
    expect(refused).toMatchObject({ result: "refused-together", decision: { allowed: false, code: 429 } });
    expect(refused.decision.violations[0]?.message).toBe(`together with the DELETE of NetworkPolicy \`demo/a\`, admitted and not visible yet: ${DENIED.violations[0]?.message ?? ""}`);
  });

  test("a first one that was never stored is forgotten when no request can be under way any more", async () => {
    const { remove, pending } = replica(new MemoryLedger(), ["a", "b"], END);
    await remove("a");
    await sleep(END);
    expect((await remove("b")).result).toBe("admitted");
    pending.stop();
  });

  test("a first one that was never stored goes off the list by itself", async () => {
    const { remove, pending, state } = replica(new MemoryLedger(), ["a", "b"], END);
    await remove("a");
    await expect.poll(() => pending.open, { timeout: 2_000 }).toBe(0);
    expect(state.reads).toBeGreaterThan(0);
    pending.stop();
  });

  test("a failed read is no proof that it was not stored", async () => {
    const { remove, state, pending } = replica(new MemoryLedger(), ["a", "b"], END);
    await remove("a");
    state.fails = true;
    await sleep(END * 2);
    await expect(remove("b")).rejects.toThrow(NotNow);
    pending.stop();
  });

  test("at the same instant: exactly one of two passes that may not both", async () => {
    const { remove } = replica(new MemoryLedger(), ["a", "b"]);
    const results = await Promise.all(["a", "b"].map((name) => remove(name)));
    expect(results.map(({ result }) => result).sort()).toEqual(["admitted", "refused-together"]);
  });
});

test("a policy that was made and deleted before any watch showed it: its deletion tells of both", () => {
  const made = { id: "1", uid: "u", ref: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "demo", name: "a" }, object: policy("a") };
  const { object: _object, ...deleted } = { ...made, id: "2", base: "7" };
  const view = (version: string, fresh?: string): View => ({ snapshot: Snapshot.EMPTY, versions: { [KIND]: version }, ...(fresh !== undefined && { fresh: new Set([fresh]) }) });
  const open = (of: View): string[] => openIn([made, deleted], of).map(({ id }) => id);
  expect(open(view("6"))).toEqual(["1", "2"]);
  expect(open(view("7"))).toEqual([]);
  expect(open(view("6", "demo"))).toEqual([]);
  expect(openIn([made, { ...deleted, uid: "another" }], view("7")).map(({ id }) => id)).toEqual(["1"]);
});

test("clean-up by controllers passes, whatever it breaks, and is remembered", async () => {
  const { remove, pending } = replica(new MemoryLedger(), ["a", "b"]);
  await remove("a", { mustPass: true, decide: () => ALLOWED });
  await remove("b", { mustPass: true, decide: () => ALLOWED });
  expect(pending.open).toBe(2);
});

test("past a handful of changes that concern it a change waits; those that do not concern it do not count", async () => {
  const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
  const { remove, pending } = replica(new MemoryLedger(), names);
  for (const name of names.slice(0, 6)) await remove(name, { concerns: () => false });
  expect(pending.open).toBe(6);
  await expect(remove("g", {}, 300)).rejects.toThrow("too many changes that concern this one are under way");
  expect((await remove("g", { concerns: () => false })).result).toBe("admitted");
});

test("a list that is full takes no more", async () => {
  const names = Array.from({ length: MAX_CHANGES + 2 }, (_, index) => `p${index}`);
  const { remove } = replica(new MemoryLedger(), names);
  for (const name of names.slice(0, MAX_CHANGES)) await remove(name, { concerns: () => false });
  await expect(remove(`p${MAX_CHANGES}`, { concerns: () => false }, 300)).rejects.toThrow(NotNow);
});

describe("several replicas", () => {
  /** A text in memory that fails when it is told to: before the swap, or after it. */
  class Text {
    text = "";
    version = 1;
    fault: "none" | "before" | "after" | "hangs" = "none";
    async read(signal: AbortSignal) {
      if (this.fault !== "after") await this.fail(signal);
      return { text: this.text, version: String(this.version) };
    }
    async swap(version: string, text: string, signal: AbortSignal) {
      await sleep(1);
      if (this.fault === "before" || this.fault === "hangs") await this.fail(signal);
      if (version !== String(this.version)) return undefined;
      this.text = text;
      this.version += 1;
      await this.fail(signal);
      return String(this.version);
    }
    async fail(signal: AbortSignal) {
      if (this.fault === "none") return;
      const fault = this.fault;
      if (fault === "hangs") return new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(new Error("no answer"))));
      throw new Error(fault);
    }
  }
  const two = (names: readonly string[]) => {
    const text = new Text();
    const log = keptLog().log;
    return { text, replicas: [replica(new SharedLedger(text, log), names), replica(new SharedLedger(text, log), names)] as const };
  };

  test("what one admits the other one knows", async () => {
    const { replicas: [one, other], text } = two(["a", "b"]);
    expect((await one.remove("a")).result).toBe("admitted");
    expect((await other.remove("b")).result).toBe("refused-together");
    expect(decodeLedger(text.text)?.changes.map(({ ref }) => ref.name)).toEqual(["a"]);
  });

  test.each([
    ["several replicas", () => new Text()],
    ["several workers of one replica", () => new MemoryText()],
  ])("of a hundred racing pairs on %s never both pass", async (_, make) => {
    const { log } = keptLog();
    const outcomes = Array.from({ length: 100 }, async () => {
      const text = make();
      const [one, other] = [replica(new SharedLedger(text, log), ["a", "b"]), replica(new SharedLedger(text, log), ["a", "b"])];
      const results = await Promise.all([one.remove("a"), other.remove("b")]);
      return results.map(({ result }) => result).sort().join(" ");
    });
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["admitted refused-together"]));
  });

  test("a replica whose watch is behind what another one has taken off the list waits, then reads the kind whole", async () => {
    const { replicas: [one, other] } = two(["a", "b", "c"]);
    await one.remove("a");
    one.state.stored.delete("a");
    one.observe();
    await one.remove("b");
    other.state.stored.delete("a");
    expect(await other.remove("c")).toMatchObject({ result: "refused-together" });
    expect(other.state.reads).toBeGreaterThan(0);
  });

  test.each(["before", "after", "hangs"] as const)("a swap that fails (%s) admits nothing; once it works again, it goes on", async (fault) => {
    const { replicas: [one, other], text } = two(["a", "b"]);
    text.fault = fault;
    await expect(one.remove("a", {}, 250)).rejects.toThrow(NotNow);
    text.fault = "none";
    // It may have been written, so it counts as if it were.
    expect((await other.remove("b")).result).toBe(fault === "after" ? "refused-together" : "admitted");
  });

  test("a version that is no number keeps nobody from going on", async () => {
    const text = new Text();
    text.text = JSON.stringify({ seen: { [KIND]: "abc" }, changes: [] });
    text.version += 1;
    const { remove: other } = replica(new SharedLedger(text, keptLog().log), ["a", "b"]);
    expect((await other("a")).result).toBe("admitted");
  });

  test("a text that is no ledger is begun anew, and said so", async () => {
    const text = new Text();
    text.text = "<html>";
    const kept = keptLog();
    const { remove } = replica(new SharedLedger(text, kept.log), ["a", "b"]);
    expect((await remove("a")).result).toBe("admitted");
    expect(kept.lines()).toMatchObject([{ level: "error", msg: "the shared list of pending changes cannot be read; it is begun anew" }]);
  });
});

describe("the text of a ledger", () => {
  const changeOf = (spec: object) => {
    const decoded = decodeValue(reviewOf({ object: policy("a", "7", spec) }));
    if (!decoded.ok) throw new Error("unreadable");
    const change = pendingOf(decoded.request, Snapshot.EMPTY);
    if (!change) throw new Error("no change");
    return change;
  };

  test("never names a version that no view can be compared with", () => {
    const ledger = record(EMPTY_LEDGER, changeOf({ podSelector: {} }));
    const view: View = { snapshot: Snapshot.EMPTY.with(readObject(policy("a", "abc")).facts.map((put) => ({ put }))), versions: { [KIND]: "abc" } };
    expect(sweep(ledger, view)).toBe(ledger);
  });

  test("holds what a policy does, and no more of it", () => {
    const spec = { podSelector: {}, policyTypes: ["Ingress"] };
    const ledger = decodeLedger(encodeLedger({ ...record(EMPTY_LEDGER, changeOf(spec)), seen: { [KIND]: "5" } }));
    expect(ledger).toEqual({
      seen: { [KIND]: "5" },
      changes: [{ id: expect.any(String) as string, uid: "uid-a", ref: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "demo", name: "a" }, object: { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "a", namespace: "demo", uid: "uid-a" }, spec } }],
    });
  });

  test("of a long one says only that there is one", () => {
    const ledger = decodeLedger(encodeLedger(record(EMPTY_LEDGER, changeOf({ podSelector: {}, ingress: Array.from({ length: 1_000 }, () => ({ from: [] })) }))));
    expect(ledger?.changes[0]).toMatchObject({ untold: true });
    expect(ledger?.changes[0]).not.toHaveProperty("object");
  });

  test("a full list is far below what a ConfigMap holds", () => {
    const long = { ...changeOf({ podSelector: { matchLabels: { x: "y".repeat(3_500) } } }) };
    const changes = Array.from({ length: MAX_CHANGES }, (_, index) => ({ ...long, id: String(index), ref: { ...long.ref, name: "n".repeat(253), namespace: "m".repeat(63) } }));
    expect(encodeLedger({ changes, seen: {} }).length).toBeLessThan(512 * 1_024);
  });

  test.each(["[]", "{}", "null", '{"seen":{},"changes":[1]}', '{"seen":{"x":1},"changes":[]}', '{"seen":{"x":"abc"},"changes":[]}', '{"seen":{"x":""},"changes":[]}', '{"seen":{},"changes":[{"id":"x"}]}', "{"])("is none: %s", (text) => {
    expect(decodeLedger(text)).toBeUndefined();
  });
});
