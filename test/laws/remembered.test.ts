import fc from "fast-check";
import { expect, it } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import type { AdmissionRequest } from "../../src/model/admission.js";
import { refOf, type KubeObject } from "../../src/model/kubernetes.js";
import type { CompiledPacks } from "../../src/packs/compile.js";
import { remembering } from "../../src/review/remembered.js";
import { reviewMutation, reviewValidation, type ReviewContext } from "../../src/review/review.js";
import { Decoder } from "../../src/server/decoder.js";
import { kfCluster, objectsIn, objectsInFolder, request, shippedPacks } from "../review/world.js";
import { lawRuns } from "./arbitrary-cluster.js";

/** Whatever is asked in whatever order, on whatever comes of the cluster meanwhile: what is remembered is what would be decided afresh. */

const DAY = 86_400_000;
const START = Date.parse("2026-11-01T00:00:00Z");
const exception = (name: string, rule: string, day: number) => ({ name, owner: "a@example.com", reason: "r", expires: `day ${day}`, ends: START + day * DAY, scope: { rules: [rule] }, becomes: "warn" as const, problems: [] });
const shipped = shippedPacks();
const PACKS: readonly CompiledPacks[] = [
  { ...shipped, exceptions: [exception("one", "baseline/*", 2), exception("two", "kf/*", 4)] },
  shippedPacks({ kf: { unclassifiedPods: "deny" } }),
];

const example = objectsInFolder("examples/kf-cluster");
const extra = objectsIn(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: more, namespace: space-closed}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shut, namespace: kube-system}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: v1
kind: Pod
metadata: {name: late, namespace: space-closed, labels: {app.kubernetes.io/component: app-server}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 9000, protocol: TCP}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: nowhere}
spec: {containers: [{name: c, image: i}]}
`);
const NAMES = ["allow-dns", "default-deny", "allow-workload-identity", "more", "shut", "late", "bare", "space-closed", "kube-dns-7f9c"];
const POOL = [...example, ...extra].filter(({ kind, metadata: { name = "", namespace } }) => kind !== "Space" && NAMES.includes(name) && namespace !== "space-open");

const asked = fc.record({ ask: fc.nat(POOL.length - 1), operation: fc.constantFrom("CREATE" as const, "UPDATE" as const, "DELETE" as const), half: fc.boolean(), fixes: fc.boolean(), packs: fc.nat(1), dryRun: fc.boolean(), user: fc.constantFrom("jane", "system:serviceaccount:kf:controller") });
const changed = fc.record({ change: fc.nat(POOL.length - 1), remove: fc.boolean() });
const passed = fc.record({ days: fc.integer({ min: -3, max: 3 }) });
const again = fc.record({ again: fc.nat(), fixes: fc.boolean(), packs: fc.nat(1) });
const step = fc.oneof({ weight: 2, arbitrary: asked }, { weight: 6, arbitrary: again }, { weight: 3, arbitrary: changed }, { weight: 1, arbitrary: passed });
type Asked = typeof asked extends fc.Arbitrary<infer T> ? T : never;

function body(uid: string, { operation, dryRun, user, object }: { readonly operation: AdmissionRequest["operation"]; readonly dryRun: boolean; readonly user: string; readonly object: KubeObject }): Uint8Array {
  const old = operation === "UPDATE" ? { old: { ...object, metadata: { ...object.metadata, labels: {} } } } : {};
  const { uid: _none, ...rest } = { ...request(operation, object, { user, ...old }), dryRun };
  return Buffer.from(JSON.stringify({ kind: "AdmissionReview", apiVersion: "admission.k8s.io/v1", request: { uid, ...rest } }));
}

it("a remembered decision is the one that would be made afresh", () => {
  let [hits, decisions] = [0, 0];
  fc.assert(fc.property(asked, fc.array(step, { minLength: 2, maxLength: 30 }), (first, list) => {
    const before: Asked[] = [first];
    const decoder = new Decoder();
    let fresh = 0;
    const count = (decide: typeof reviewValidation) => (one: AdmissionRequest, context: ReviewContext) => (fresh++, decide(one, context));
    const halves = [remembering(count(reviewValidation)), remembering(count(reviewMutation))] as const;
    let [snapshot, now, uid] = [kfCluster(), START, 0];
    for (const one of list) {
      if ("days" in one) now += one.days * DAY;
      else if ("change" in one) {
        const object = POOL[one.change] as KubeObject;
        snapshot = snapshot.with(one.remove ? [{ remove: refOf(object) }] : readObjects([object]).changes);
      } else {
        const { half, ...question } = "again" in one ? { ...(before[one.again % before.length] as Asked), fixes: one.fixes, packs: one.packs } : one;
        if ("ask" in one) before.push(one);
        const decoded = decoder.decode(body(`uid-${uid++}`, { ...question, object: POOL[question.ask] as KubeObject }));
        if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
        const context: ReviewContext = { snapshot, packs: PACKS[question.packs] as CompiledPacks, now, fixes: question.fixes };
        const made = fresh;
        const decision = halves[half ? 0 : 1](decoded.request, context);
        decisions += 1;
        hits += Number(fresh === made);
        expect(decision).toEqual((half ? reviewValidation : reviewMutation)(decoded.request, context));
      }
    }
  }), lawRuns(60));
  console.info(`${hits} of ${decisions} decisions were remembered`);
  expect(hits).toBeGreaterThan(decisions / 20);
});
