import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/engine/evaluate.js";
import { equivalent, implies } from "../../src/proof/implies.js";
import { excludes, excludesForPod, exclusionRegression, holds, holdsForPod, regression, affectedRunning } from "../../src/proof/prove.js";
import { isolated, isolationRegression } from "../../src/proof/prove-isolation.js";
import type { Counterexample, Flow, FlowPeer, PodSpace, Proof } from "../../src/proof/question.js";
import type { EngineProfile } from "../../src/engine/verdict.js";
import { isLive, type Endpoint } from "../../src/model/endpoint.js";
import { DIRECTIONS } from "../../src/model/policy.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { change, cluster, lawRuns, snapshotOf } from "./arbitrary-cluster.js";
import { arbitraryFlow, arbitraryIsolationSpace } from "./arbitrary-flow.js";
import { breaks, escapes, opens, running } from "./brute-force.js";

/** `wide`: selectors are looked at label by label, or each as one unknown. */
const profile: fc.Arbitrary<EngineProfile & { readonly wide: number }> = fc.record({ cidrSelectsPods: fc.boolean(), wide: fc.constantFrom(1, 2, 64) });
const budget = { steps: 1_000_000 };

function says(proof: Proof): boolean {
  if (proof.answer === "not-proven") throw new Error("the budget ended");
  return proof.answer === "proven";
}

describe("a proof is what trying every pod says", () => {
  it("holds", () => {
    fc.assert(fc.property(cluster, arbitraryFlow({ slots: 2 }), profile, (objects, flow, p) => {
      const snapshot = snapshotOf(objects);
      const asked = flow(snapshot);
      expect(says(holds(snapshot, asked, { profile: p, budget, wide: p.wide }))).toBe(!breaks({ after: snapshot, flow: asked, profile: p }));
    }), lawRuns());
  });

  it("regression", () => {
    fc.assert(fc.property(cluster, fc.array(change, { minLength: 1, maxLength: 2 }), arbitraryFlow({ slots: 1 }), profile, (objects, changes, flow, p) => {
      const before = snapshotOf(objects);
      const after = snapshotOf([...objects, ...changes]);
      const asked = flow(after);
      expect(says(regression(before, after, { flow: asked, context: { profile: p, budget, wide: p.wide } }))).toBe(!breaks({ before, after, flow: asked, profile: p }));
    }), lawRuns());
  });

  it("excludes", () => {
    fc.assert(fc.property(cluster, arbitraryFlow({ slots: 2 }), profile, (objects, flow, p) => {
      const snapshot = snapshotOf(objects);
      const asked = flow(snapshot);
      expect(says(excludes(snapshot, asked, { profile: p, budget, wide: p.wide }))).toBe(!opens({ after: snapshot, flow: asked, profile: p }));
    }), lawRuns());
  });

  it("exclusion regression", () => {
    fc.assert(fc.property(cluster, fc.array(change, { minLength: 1, maxLength: 2 }), arbitraryFlow({ slots: 1 }), profile, (objects, changes, flow, p) => {
      const before = snapshotOf(objects);
      const after = snapshotOf([...objects, ...changes]);
      const asked = flow(after);
      expect(says(exclusionRegression(before, after, { flow: asked, context: { profile: p, budget, wide: p.wide } }))).toBe(!opens({ before, after, flow: asked, profile: p }));
    }), lawRuns());
  });

  it("isolated", () => {
    fc.assert(fc.property(cluster, arbitraryIsolationSpace, fc.subarray([...DIRECTIONS], { minLength: 1 }), profile, (objects, space, directions, p) => {
      const snapshot = snapshotOf(objects);
      const expected = directions.every((direction) => !escapes({ after: snapshot, space, direction, profile: p }));
      expect(says(isolated(snapshot, { space, directions, context: { profile: p, budget, wide: p.wide } }))).toBe(expected);
    }), lawRuns());
  });

  it("isolation regression", () => {
    fc.assert(fc.property(cluster, fc.array(change, { minLength: 1, maxLength: 2 }), arbitraryIsolationSpace, profile, (objects, changes, space, p) => {
      const before = snapshotOf(objects);
      const after = snapshotOf([...objects, ...changes]);
      const expected = DIRECTIONS.every((direction) => !escapes({ before, after, space, direction, profile: p }));
      expect(says(isolationRegression(before, after, { space, directions: DIRECTIONS, context: { profile: p, budget, wide: p.wide } }))).toBe(expected);
    }), lawRuns());
  });
});

describe("implies", () => {
  const scope = (p: EngineProfile & { readonly wide: number }) => ({ context: { profile: p, budget, wide: p.wide } });

  it("proven: no connection that any flow is about is opened; else one that is", () => {
    fc.assert(fc.property(cluster, fc.array(change, { minLength: 1, maxLength: 2 }), arbitraryFlow({ slots: 1 }), profile, (objects, changes, flow, p) => {
      const a = snapshotOf([...objects, ...changes]);
      const b = snapshotOf(objects);
      const proof = implies(a, b, scope(p));
      if (says(proof)) expect(opens({ before: b, after: a, flow: withoutPorts(flow(a)), profile: p })).toBe(false);
      else if (proof.answer === "counterexample") expect(isOpened(proof.counterexample, { a, b, p })).toBe(true);
    }), lawRuns());
  });

  it("equivalent: the order of objects does not matter, and a change that opens or closes something does", () => {
    fc.assert(fc.property(cluster, change, arbitraryFlow({ slots: 1 }), profile, (objects, object, flow, p) => {
      const a = snapshotOf(objects);
      expect(says(equivalent(a, snapshotOf([...objects].reverse()), scope(p)))).toBe(true);
      const b = snapshotOf([...objects, object]);
      // To policies a pod on its node's network is its node, and a finished one nobody: as pods the two are not compared.
      if (![flow(a), flow(b)].every(namesLivePods) || !says(equivalent(a, b, scope(p)))) return;
      expect(opens({ before: b, after: a, flow: withoutPorts(flow(a)), profile: p })).toBe(false);
      expect(opens({ before: a, after: b, flow: withoutPorts(flow(b)), profile: p })).toBe(false);
    }), lawRuns());
  });
});

function namesLivePods({ anyOf }: Flow): boolean {
  return anyOf.every(({ peers }) => peers.every((peer) => peer.kind !== "pod" || isLive(peer.pod)));
}

/** `implies` takes pods nobody has created to declare no ports. */
function withoutPorts(flow: Flow): Flow {
  const bare = <T extends FlowPeer | PodSpace>(space: T): T => ("ports" in space ? { ...space, ports: [] } : space);
  const pod = (peer: FlowPeer): FlowPeer => (peer.kind === "pod" && peer.pod.origin === "hypothetical" ? { ...peer, pod: { ...peer.pod, ports: [] } } : bare(peer));
  return { ...flow, subject: bare(flow.subject), anyOf: flow.anyOf.map((target) => ({ ...target, peers: target.peers.map(pod) })) };
}

/** The counterexample's connection is allowed in `a` and not in `b`. */
function isOpened({ connection, subjectNamespace, peerNamespace }: Counterexample, { a, b, p }: { readonly a: Snapshot; readonly b: Snapshot; readonly p: EngineProfile }): boolean {
  if (!connection) return false;
  const complete = (snapshot: Snapshot): Snapshot => {
    const missing = [subjectNamespace, ...(peerNamespace ? [peerNamespace] : [])].filter(({ name }) => !snapshot.namespaces.has(name));
    return snapshot.with(missing.map((value) => ({ put: { fact: "namespace", value } })));
  };
  const past = (end: Endpoint): Endpoint => {
    const known = end.kind === "pod" && end.pod.origin !== "hypothetical" ? b.pod(end.pod.namespace, end.pod.name) : undefined;
    return known && end.kind === "pod" && isLive(known) === isLive(end.pod) ? { kind: "pod", pod: known } : end;
  };
  const { src, dst, traffic } = connection;
  return evaluate(complete(a), { src, dst, traffic }, p).allowed && !evaluate(complete(b), { src: past(src), dst: past(dst), traffic }, p).allowed;
}

describe("for running pods", () => {
  it("one pod and the affected ones agree with the judge", () => {
    fc.assert(fc.property(cluster, fc.array(change, { maxLength: 1 }), arbitraryFlow({ slots: 1 }), profile, (objects, changes, flow, p) => {
      const before = snapshotOf(objects);
      const after = snapshotOf([...objects, ...changes]);
      const asked = flow(after);
      const context = { profile: p, budget, wide: p.wide };
      for (const past of [undefined, before]) {
        const pods = running({ before: past, after, flow: asked, profile: p });
        expect(affectedRunning(past, after, { flow: asked, context })).toBe(pods.filter((one) => one.breaks).length);
        expect(affectedRunning(past, after, { flow: asked, context, mode: "excludes" })).toBe(pods.filter((one) => one.opens).length);
        for (const one of past ? [] : pods) {
          expect(says(holdsForPod(after, asked, { pod: one.pod, context }))).toBe(!one.breaks);
          expect(says(excludesForPod(after, asked, { pod: one.pod, context }))).toBe(!one.opens);
        }
      }
    }), lawRuns());
  });
});
