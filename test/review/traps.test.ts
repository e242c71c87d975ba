import { describe, expect, test } from "vitest";
import { applyPatch } from "../../src/review/apply-patch.js";
import { EMPTY_LEDGER, attempt, record } from "../../src/review/pending.js";
import { goingIn, pendingOf } from "../../src/review/pending-change.js";
import { reviewMutation, reviewValidation } from "../../src/review/review.js";
import { webhookConfigurations } from "../../src/review/webhooks.js";
import type { AdmissionRequest } from "../../src/model/admission.js";
import { isRecord, recordsIn, type KubeObject } from "../../src/model/kubernetes.js";
import { readObject } from "../../src/dialects/index.js";
import { judge, kfCluster, request, shippedPacks, stored } from "./world.js";

/**
 * The traps of the admission interface, as recorded from a real API server, each by its number. A1, A3, A7, A8, A9, A13, A14 and A15 stand with what
 * they are about: test/server/judge, decode, app, respond, serve, and test/chaos/restarts.
 */

const packs = shippedPacks();
const snapshot = kfCluster();
const now = Date.parse("2026-11-21T12:00:00Z");
const context = { snapshot, packs, now };
const dns = stored("NetworkPolicy", "space-closed", "allow-dns");
const withMeta = (object: KubeObject, metadata: object): KubeObject => ({ ...object, metadata: { ...object.metadata, ...metadata } });

test("the policy that these tests delete is needed", () => {
  expect(judge(snapshot, request("DELETE", dns)).allowed).toBe(false);
});

test("a review written by hand that leaves `oldObject` out is about what the state has", () => {
  const { oldObject: _none, ...deletion } = request("DELETE", dns);
  expect(judge(snapshot, deletion)).toEqual(judge(snapshot, request("DELETE", dns)));
  expect(judge(snapshot, { ...deletion, name: "gone" }).allowed).toBe(true);
  const { oldObject: _neither, ...update } = request("UPDATE", { ...dns, spec: { podSelector: {}, policyTypes: ["Egress"] } });
  expect(judge(snapshot, { ...update, operation: "UPDATE" }).allowed).toBe(false);
});

describe("A2: one DELETE is several reviews", () => {
  const deletes = ["one", "two", "three"].map((uid) => ({ ...request("DELETE", withMeta(dns, { uid: "u", resourceVersion: "7" })), uid }));

  test("each with a uid of its own, and each with the same answer", () => {
    const [first, ...rest] = deletes.map((one) => reviewValidation(one, context));
    for (const other of rest) expect(other).toEqual(first);
  });

  test("that count once among the pending changes", () => {
    const changes = deletes.flatMap((one) => pendingOf(one, snapshot) ?? []);
    const ledger = changes.reduce(record, EMPTY_LEDGER);
    expect(ledger.changes).toHaveLength(3);
    const states: number[] = [];
    const other = pendingOf(request("DELETE", stored("NetworkPolicy", "space-closed", "allow-mesh")), snapshot);
    if (!other) throw new Error("a delete of a policy is a change");
    const decide = (): ReturnType<typeof judge> => (states.push(1), { allowed: true, violations: [], warnings: [], patch: [], errors: [] });
    expect(attempt(ledger, { snapshot, versions: {} }, { change: other, decide, concerns: () => true }).result).toBe("admitted");
    // The view itself, and each of the three as the one that is stored; not their eight subsets.
    expect(states).toHaveLength(4);
  });

  test("of which the last one finds the object going, and is admitted", () => {
    expect(judge(snapshot, request("DELETE", withMeta(dns, { deletionTimestamp: "2026-11-21T12:00:00Z" }))).allowed).toBe(true);
  });
});

describe("A4: a mutating webhook sees objects that the API server will refuse", () => {
  const pod = (spec: unknown, metadata: object = {}): KubeObject => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "space-open", ...metadata }, spec });
  const objects: Readonly<Record<string, KubeObject>> = {
    "60,000 empty containers": pod({ containers: Array.from({ length: 60_000 }, () => ({})) }),
    "no spec": pod(undefined),
    "a spec that is a text": pod("x"),
    "containers that are none": pod({ containers: [null, 1, "x", []], initContainers: {} }),
    "ports that are none": pod({ containers: [{ ports: [{ containerPort: "many" }, null] }] }),
    "labels of the wrong shape": pod({ containers: [] }, { labels: { "kf.dev/networkpolicy": "" } }),
    "a bad CIDR": { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "p", namespace: "space-open" }, spec: { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: "10.0.0.1/99" } }, {}] }], policyTypes: ["Sideways"] } },
  };

  test.each(Object.entries(objects))("%s: answered, and never refused by /mutate", (_, object) => {
    const decision = reviewMutation(request("CREATE", object), context);
    expect(decision).toMatchObject({ allowed: true, violations: [] });
    expect(decision.errors).toEqual([]);
  });
});

describe("A5: clean-up is let through", () => {
  test.each(["system:serviceaccount:kube-system:namespace-controller", "system:serviceaccount:kube-system:generic-garbage-collector", "system:kube-controller-manager"])("by %s", (user) => {
    expect(judge(snapshot, request("DELETE", dns, { user })).allowed).toBe(true);
  });

  test("in a namespace that is going, by anybody", () => {
    const going = withMeta(stored("Namespace", undefined, "space-closed"), { deletionTimestamp: "2026-11-21T12:00:00Z" });
    const after = snapshot.with(readObject({ ...going, status: { phase: "Terminating" } }).facts.map((put) => ({ put })));
    expect(judge(after, request("DELETE", dns)).allowed).toBe(true);
  });

  test("also of the Namespace, at the same instant as of its policies: it is not going yet", () => {
    expect(judge(snapshot, request("DELETE", stored("Namespace", undefined, "space-closed"))).allowed).toBe(true);
  });
});

describe("A6: an object that is going can go", () => {
  const going = withMeta(dns, { deletionTimestamp: "2026-11-21T12:00:00Z", finalizers: ["example.com/wait"], uid: "u", resourceVersion: "7" });

  test("its finalizer's removal is admitted", () => {
    expect(judge(snapshot, request("UPDATE", withMeta(going, { finalizers: [] }), { old: going })).allowed).toBe(true);
  });

  test("and other changes are judged as if it were there, and as if it were gone", () => {
    const now = snapshot.with(readObject(going).facts.map((put) => ({ put })));
    expect(goingIn(now).map(({ ref }) => ref.name)).toEqual(["allow-dns"]);
    expect(goingIn(snapshot)).toEqual([]);
  });
});

describe("A10: a patch that does not apply fails the request, and failurePolicy Ignore does not help", () => {
  const bare = (labels?: object): KubeObject => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "space-open", ...(labels && { labels }) }, spec: { containers: [] } }) as KubeObject;

  test.each([["no labels", bare()], ["empty labels", bare({})], ["other labels", bare({ app: "x", "a~b/c": "y" })]])("%s: the parent of what is added is there", (_, pod) => {
    const { patch } = reviewMutation(request("CREATE", pod), context);
    expect(patch.length).toBeGreaterThan(0);
    for (const { op, path } of patch) {
      expect(op).toBe("add");
      expect(at(pod, path.slice(0, path.lastIndexOf("/")))).toSatisfy(isRecord);
    }
    const patched = applyPatch(pod, patch);
    expect(patched.metadata.labels).toMatchObject({ ...pod.metadata.labels, "kf.dev/networkpolicy": "app" });
    expect(reviewMutation(request("CREATE", patched), context).patch).toEqual([]);
  });

  function at(object: unknown, pointer: string): unknown {
    return pointer.split("/").slice(1).reduce<unknown>((value, key) => (isRecord(value) ? value[key.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined), object);
  }
});

test("A11: no selector looks at labels that an author can take off", () => {
  const made = webhookConfigurations(packs, { at: { namespace: "sluice-system", name: "sluice" } });
  if (!made.ok) throw new Error(made.problems[0]?.message);
  const webhooks = made.value.flatMap(({ webhooks }) => recordsIn(webhooks));
  expect(webhooks.length).toBeGreaterThan(2);
  for (const { namespaceSelector, objectSelector } of webhooks) {
    expect(objectSelector ?? {}).toEqual({});
    const { matchExpressions, matchLabels } = isRecord(namespaceSelector) ? namespaceSelector : {};
    expect(matchLabels).toBeUndefined();
    // The API server sets this label on every namespace and keeps it.
    for (const { key } of recordsIn(matchExpressions)) expect(key).toBe("kubernetes.io/metadata.name");
  }
});

describe("what leaves no pending change", () => {
  const update = (object: KubeObject, changes: Partial<AdmissionRequest> = {}): AdmissionRequest => ({ ...request("UPDATE", object, { old: dns }), ...changes });
  const narrowed = { ...dns, spec: { podSelector: {}, policyTypes: ["Egress"] } };
  const namespace = stored("Namespace", undefined, "space-closed");

  test("but this does", () => {
    expect(pendingOf(update(narrowed), snapshot)).toMatchObject({ ref: { name: "allow-dns", namespace: "space-closed" }, object: narrowed });
    expect(pendingOf(request("UPDATE", withMeta(namespace, { labels: {} }), { old: namespace }), snapshot)).toMatchObject({ ref: { kind: "Namespace", name: "space-closed" } });
  });

  test.each<[string, AdmissionRequest]>([
    ["a dry run", update(narrowed, { dryRun: true })],
    ["a change of metadata", update(withMeta(dns, { annotations: { a: "b" } }))],
    ["a subresource", update(narrowed, { subResource: "status" })],
    ["a pod", request("CREATE", { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "space-open" }, spec: {} })],
    ["a namespace that comes", request("CREATE", namespace)],
    ["a namespace that goes", request("DELETE", namespace)],
    ["annotations of a namespace", request("UPDATE", withMeta(namespace, { annotations: { a: "b" } }), { old: namespace })],
  ])("%s", (_, asked) => {
    expect(pendingOf(asked, snapshot)).toBeUndefined();
  });
});
