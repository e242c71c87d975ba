import { describe, expect, test } from "vitest";
import { readObject } from "../../src/dialects/index.js";
import type { AdmissionRequest } from "../../src/model/admission.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { inAuditMode } from "../../src/review/audit-mode.js";
import { pendingOf, type View } from "../../src/review/pending-change.js";
import { decodeValue } from "../../src/server/decode.js";
import { makeJudge, type JudgeParts, type Pending } from "../../src/server/judge.js";
import { MemoryLedger, type LedgerStore } from "../../src/pending/ledger-store.js";
import { LiveSnapshot } from "../../src/server/live-snapshot.js";
import { NotNow } from "../../src/pending/not-now.js";
import { PendingChanges } from "../../src/pending/pending-changes.js";
import { ServerMetrics } from "../../src/server/metrics.js";
import { ALLOWED, DENIED, DNS } from "./decisions.js";
import { reviewOf } from "./requests.js";
import { keptLog } from "./small-app.js";

const policy = (name: string, namespace = "demo"): KubeObject => ({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace }, spec: { podSelector: {} } });
const facts = (object: KubeObject) => readObject(object).facts;
const policiesOf = (snapshot: Snapshot) => [...snapshot.policies()].map(({ ref }) => `${ref.namespace ?? ""}/${ref.name}`).sort();
const viewOf = (...objects: KubeObject[]): View => ({ snapshot: Snapshot.EMPTY.with(objects.flatMap(facts).map((put) => ({ put }))), versions: {} });
const soon = () => performance.now() + 1_000;

function requestOf(changes: Record<string, unknown>): AdmissionRequest {
  const decoded = decodeValue(reviewOf(changes));
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
  return decoded.request;
}
const create = (name: string, changes = {}) => requestOf({ name, object: policy(name), ...changes });
const remove = (name: string, changes = {}) => requestOf({ name, operation: "DELETE", object: null, oldObject: policy(name), ...changes });

/** Refuses to let the last policy of a namespace go. */
const keepOne: JudgeParts["validate"] = ({ operation, namespace = "" }, snapshot) =>
  operation === "DELETE" && (snapshot.namespaces.get(namespace)?.policies.size ?? 0) <= 1 ? DENIED : ALLOWED;

function judgeOf(changes: Partial<JudgeParts> = {}) {
  const live = new LiveSnapshot();
  const metrics = new ServerMetrics("test");
  const { log, lines } = keptLog();
  return { live, metrics, lines, judge: makeJudge({ live, metrics, log, validate: keepOne, mutate: () => ALLOWED, ...changes }) };
}

describe("in mode audit", () => {
  const audited: JudgeParts["validate"] = (request, snapshot) => inAuditMode(keepOne(request, snapshot), { request, enforced: [], warns: false });

  test("what would be refused is confirmed as a refusal would be", async () => {
    const fresh = judgeOf({ validate: audited, confirm: async () => viewOf(policy("a"), policy("b")) });
    expect(await fresh.judge(remove("a"), "validate/deny", soon())).toMatchObject({ allowed: true, violations: [] });
    const same = judgeOf({ validate: audited, confirm: async () => viewOf(policy("a")) });
    expect(await same.judge(remove("a"), "validate/deny", soon())).toMatchObject({ allowed: true, violations: [{ action: "dryrun", wouldDeny: true }] });
  });

  test("it is told by the route that would refuse, and admitted when nothing can be confirmed", async () => {
    const { judge } = judgeOf({ validate: audited, confirm: async () => Promise.reject(new Error("no answer")) });
    expect(await judge(remove("a"), "validate/warn", soon())).toMatchObject({ allowed: true, violations: [] });
    const decision = await judge(remove("a"), "validate/deny", soon());
    expect(decision).toMatchObject({ allowed: true, violations: [{ wouldDeny: true }] });
    expect(decision).not.toHaveProperty("code");
  });
});

describe("with a state of files", () => {
  test("an admitted change is there for the next review, and a refused one is not", () => {
    const { judge, live } = judgeOf({ facts });
    for (const name of ["a", "b"]) judge(create(name), "validate", soon());
    expect(policiesOf(live.current)).toEqual(["demo/a", "demo/b"]);
    judge(remove("a"), "validate", soon());
    expect(judge(remove("b"), "validate/deny", soon())).toEqual(DENIED);
    expect(policiesOf(live.current)).toEqual(["demo/b"]);
  });

  test("two deletes, each harmless alone: the second one is judged on what the first one left", () => {
    const { judge, live } = judgeOf({ facts });
    for (const name of ["a", "b"]) judge(create(name), "validate", soon());
    const decisions = ["a", "b"].map((name) => judge(remove(name), "validate", soon()));
    expect(decisions).toEqual([ALLOWED, DENIED]);
    expect(policiesOf(live.current)).toEqual(["demo/b"]);
  });

  test("a dry run and a mutation leave no trace", () => {
    const { judge, live } = judgeOf({ facts });
    judge(create("a", { dryRun: true }), "validate", soon());
    judge(create("a"), "mutate", soon());
    expect(live.current).toBe(Snapshot.EMPTY);
  });

  test("a repeated DELETE is no error", () => {
    const { judge, live } = judgeOf({ facts, validate: () => ALLOWED });
    judge(create("a"), "validate", soon());
    for (let times = 0; times < 3; times++) expect(judge(remove("a"), "validate", soon())).toEqual(ALLOWED);
    judge(remove("never", { namespace: "nowhere", oldObject: policy("never", "nowhere") }), "validate", soon());
    expect(policiesOf(live.current)).toEqual([]);
  });

  test("A3: a deletecollection takes the object away that only oldObject names", () => {
    const { judge, live } = judgeOf({ facts, validate: () => ALLOWED });
    judge(create("a"), "validate", soon());
    judge(remove("a", { name: undefined }), "validate", soon());
    expect(policiesOf(live.current)).toEqual([]);
  });

  test("the removal of the last finalizer takes a deleted object away; a status or a subresource of another kind does not", () => {
    const { judge, live } = judgeOf({ facts, validate: () => ALLOWED });
    const dying = { ...policy("a"), metadata: { name: "a", namespace: "demo", finalizers: ["x"], deletionTimestamp: "2026-11-21T09:00:00Z" } };
    judge(create("a", { object: dying }), "validate", soon());
    judge(requestOf({ operation: "CREATE", subResource: "eviction", kind: { group: "policy", version: "v1", kind: "Eviction" }, object: { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "a", namespace: "demo" } } }), "validate", soon());
    judge(requestOf({ operation: "CONNECT", subResource: "exec", object: { apiVersion: "v1", kind: "PodExecOptions" } }), "validate", soon());
    expect(policiesOf(live.current)).toEqual(["demo/a"]);
    expect(live.current.objects.size).toBe(0);
    judge(requestOf({ operation: "UPDATE", object: { ...dying, metadata: { ...dying.metadata, finalizers: [] } }, oldObject: dying }), "validate", soon());
    expect(policiesOf(live.current)).toEqual([]);
  });

  test("a review written by hand may leave the namespace to the request, and oldObject out", () => {
    const { judge, live } = judgeOf({ facts, validate: () => ALLOWED });
    judge(create("a", { object: { ...policy("a"), metadata: { name: "a" } } }), "validate", soon());
    expect(policiesOf(live.current)).toEqual(["demo/a"]);
    judge(requestOf({ name: "a", operation: "DELETE", object: null }), "validate", soon());
    expect(policiesOf(live.current)).toEqual([]);
  });
});

describe("routes", () => {
  const mixed = { ...DENIED, violations: [DNS, { ...DNS, action: "warn" as const }, { ...DNS, action: "dryrun" as const }], warnings: ["being set up"] };
  const { judge } = judgeOf({ isExempt: (name) => name === "kube-system", validate: () => mixed, mutate: () => ({ ...ALLOWED, patch: [{ op: "remove", path: "/x" }] }) });

  test("/validate and /validate/deny tell all, /validate/warn refuses in exempt namespaces only, /mutate patches", () => {
    for (const route of ["validate", "validate/deny"] as const) expect(judge(create("a"), route, soon())).toEqual(mixed);
    expect(judge(create("a"), "validate/warn", soon())).toEqual({ ...mixed, allowed: true, violations: mixed.violations.slice(1) });
    expect(judge(create("a", { namespace: "kube-system", object: policy("a", "kube-system") }), "validate/warn", soon())).toEqual(mixed);
    expect(judge(create("a"), "mutate", soon())).toMatchObject({ allowed: true, patch: [{ path: "/x" }] });
  });
});

test("what /validate/warn lets pass for /validate/deny to refuse is not applied to a state of files", () => {
  const { judge, live } = judgeOf({ facts, validate: () => DENIED });
  expect(judge(create("a"), "validate/warn", soon())).toMatchObject({ allowed: true });
  expect(live.current).toBe(Snapshot.EMPTY);
});

describe("A1: with a cluster, never deny on stale data", () => {
  const counted = async (metrics: ServerMetrics) => (await metrics.registry.getSingleMetricAsString("sluice_denials_confirmed_total")).split("\n").filter((line) => line.endsWith(" 1"));

  test("a denial that fresh data does not bear out is no denial", async () => {
    const asked: (readonly string[])[] = [];
    const confirm: JudgeParts["confirm"] = async (namespaces) => (asked.push(namespaces), viewOf(policy("a"), policy("b")));
    const { judge, metrics, live } = judgeOf({ confirm });
    expect(await judge(remove("a"), "validate", soon())).toEqual(ALLOWED);
    expect(asked).toEqual([["demo"]]);
    expect(await counted(metrics)).toEqual(['sluice_denials_confirmed_total{result="changed"} 1']);
    expect(policiesOf(live.current)).toEqual([]);
  });

  test("a denial that holds is one; every namespace of the proof was read", async () => {
    const asked: (readonly string[])[] = [];
    const confirm: JudgeParts["confirm"] = async (namespaces) => (asked.push(namespaces), viewOf());
    const denied = { ...DENIED, violations: [{ ...DNS, object: { ...DNS.object, namespace: "other" }, policies: ["kube-system/dns", "cluster-wide"] }] };
    const { judge, metrics } = judgeOf({ confirm, validate: () => denied });
    expect(await judge(remove("a"), "validate", soon())).toEqual(denied);
    expect(asked).toEqual([["demo", "other", "kube-system"]]);
    expect(await counted(metrics)).toEqual(['sluice_denials_confirmed_total{result="same"} 1']);
  });

  test("what cannot be confirmed is refused for now: the client asks again", async () => {
    const { judge, metrics, lines } = judgeOf({ confirm: () => Promise.reject(new Error("no answer")) });
    const message = expect.stringMatching(/^on what was seen last, for the API server could not be asked in time: ./) as string;
    expect(await judge(remove("a"), "validate", soon())).toEqual({ ...DENIED, code: 429, violations: DENIED.violations.map((violation) => ({ ...violation, message })) });
    expect(await counted(metrics)).toEqual(['sluice_denials_confirmed_total{result="failed"} 1']);
    expect(lines()).toMatchObject([{ level: "warn", reason: "no answer" }]);
  });

  test("the reading ends with the deadline", async () => {
    const confirm: JudgeParts["confirm"] = (_, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    const { judge } = judgeOf({ confirm });
    expect(await judge(remove("a"), "validate", performance.now() + 20)).toMatchObject({ allowed: false, code: 429 });
  });

  test("an admission asks nobody", async () => {
    const { judge } = judgeOf({ validate: () => ALLOWED, confirm: () => Promise.reject(new Error("must not be asked")) });
    expect(judge(create("a"), "validate", soon())).toEqual(ALLOWED);
  });
});

describe("with pending changes", () => {
  const patience = { waitMs: 40, reserveMs: 20, endMs: 5_000, storeMs: 100, pauseMs: 5, atOnce: 16 };
  const kind = "NetworkPolicy.networking.k8s.io";
  const versioned = (name: string): KubeObject => ({ ...policy(name), metadata: { ...policy(name).metadata, uid: `uid-${name}`, resourceVersion: "5" } });

  /** Two policies of which one must stay; the watch shows a removal when it is told to. */
  function pendingOn(store: LedgerStore = new MemoryLedger(), changes: Partial<JudgeParts> = {}) {
    const { log } = keptLog();
    const live = new LiveSnapshot(Snapshot.EMPTY.with(["a", "b"].flatMap((name) => facts(versioned(name))).map((put) => ({ put }))));
    const state = { version: "5" };
    const pendingChanges = new PendingChanges({ store, view: () => ({ snapshot: live.current, versions: { [kind]: state.version } }), read: async () => [], catchUp: async () => [], log, patience });
    const pending: Pending = { changes: pendingChanges, changeOf: pendingOf, concerns: () => true, mustPass: ({ userInfo }) => userInfo.username === "cleaner" };
    const metrics = new ServerMetrics("test");
    const judge = makeJudge({ live, metrics, log, validate: keepOne, mutate: () => ALLOWED, pending, confirm: (namespaces, signal) => pendingChanges.readFresh(namespaces, signal), ...changes });
    const shows = (name: string): void => {
      state.version = "9";
      live.apply([{ remove: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "demo", name } }]);
      pendingChanges.observed();
    };
    return { judge, shows, pendingChanges, metrics };
  }
  const removal = (name: string, changes: Record<string, unknown> = {}) => requestOf({ uid: `review-${name}`, name, operation: "DELETE", object: null, oldObject: versioned(name), ...changes });

  test("the second of two deletes is refused for now, and for good when the watch shows the first", async () => {
    const { judge, shows, pendingChanges, metrics } = pendingOn();
    expect(await judge(removal("a"), "validate/deny", soon())).toMatchObject({ allowed: true });
    expect(pendingChanges.open).toBe(1);
    expect(await judge(removal("b"), "validate/deny", soon())).toMatchObject({ allowed: false, code: 429 });
    const second = judge(removal("b"), "validate/deny", soon());
    shows("a");
    const refused = await second;
    expect(refused).toMatchObject({ allowed: false });
    expect(refused).not.toHaveProperty("code");
    const counted = await metrics.registry.getSingleMetricAsString("sluice_pending_admissions_total");
    for (const line of ['{result="admitted"} 1', '{result="refused-together"} 1', '{result="refused"} 1']) expect(counted).toContain(line);
  });

  test("the call that does not refuse leaves no trace, and neither does a dry run", async () => {
    const { judge, pendingChanges } = pendingOn();
    for (const asked of [removal("a"), removal("a", { dryRun: true })]) expect(judge(asked, asked.dryRun ? "validate/deny" : "validate/warn", soon())).toMatchObject({ allowed: true });
    expect(pendingChanges.open).toBe(0);
    const inExempt = pendingOn(new MemoryLedger(), { isExempt: () => true });
    await inExempt.judge(removal("a"), "validate/warn", soon());
    expect(inExempt.pendingChanges.open).toBe(1);
  });

  test("when the list cannot be had a change is not judged, and clean-up passes all the same", async () => {
    const broken: LedgerStore = { read: () => Promise.reject(new Error("no answer")), swap: () => Promise.reject(new Error("no answer")) };
    const { judge } = pendingOn(broken);
    await expect(judge(removal("a"), "validate/deny", performance.now() + 150)).rejects.toThrow(NotNow);
    expect(await judge(removal("a", { userInfo: { username: "cleaner" } }), "validate/deny", performance.now() + 150)).toMatchObject({ allowed: true });
  });
});

test("a live snapshot counts its batches; earlier snapshots stay as they are", () => {
  const live = new LiveSnapshot();
  const before = live.current;
  live.apply(facts(policy("a")).map((put) => ({ put })));
  live.apply([]);
  expect([policiesOf(before), policiesOf(live.current), live.version]).toEqual([[], ["demo/a"], 2]);
  expect(live.ageSeconds).toBeLessThan(5);
});
