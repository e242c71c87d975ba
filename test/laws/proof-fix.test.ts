import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import { fixFlow } from "../../src/fix/fix.js";
import { closeFlow } from "../../src/fix/narrow.js";
import { implies } from "../../src/proof/implies.js";
import { excludes, holds, type ProofContext } from "../../src/proof/prove.js";
import type { Flow } from "../../src/proof/question.js";
import { isLive } from "../../src/model/endpoint.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { DIRECTIONS, type Policy } from "../../src/model/policy.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { cluster, lawRuns, snapshotOf } from "./arbitrary-cluster.js";
import { arbitraryFlow } from "./arbitrary-flow.js";
import { breaks, opens } from "./brute-force.js";

const budget = { steps: 1_000_000 };
const contexts: fc.Arbitrary<ProofContext> = fc.boolean().map((cidrSelectsPods) => ({ profile: { cidrSelectsPods }, budget }));

function isProven(snapshot: Snapshot, flow: Flow, context: ProofContext): boolean {
  return holds(snapshot, flow, context).answer === "proven";
}

function plus(snapshot: Snapshot, objects: readonly KubeObject[]): Snapshot {
  const { changes, problems } = readObjects(objects);
  expect(problems).toEqual([]);
  return snapshot.with(changes);
}

/** For each direction a policy isolates, one that lets everyone through for the same pods: the most an addition can do that isolates nobody. */
function openings({ ref, isolates, object }: Policy): readonly KubeObject[] {
  const { podSelector } = object.spec as { readonly podSelector: unknown };
  return DIRECTIONS.filter((direction) => isolates[direction]).map((direction) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: ref.namespace ?? "", name: `open-${ref.name}-${direction}` },
    spec: { podSelector, policyTypes: [direction === "ingress" ? "Ingress" : "Egress"], [direction]: [{}] },
  }));
}

/** A pod on its node's network that has no address, or a finished one, is nobody but "everyone" to a rule. */
function canBeNamed({ anyOf }: Flow): boolean {
  return anyOf.every(({ peers }) => peers.every((peer) => peer.kind !== "pod" || isLive(peer.pod)));
}

describe("a fix", () => {
  it("makes the flow hold for every pod, makes nothing worse, and needs all it writes", () => {
    fc.assert(fc.property(cluster, arbitraryFlow({ slots: 1 }), contexts, (objects, make, context) => {
      const snapshot = snapshotOf(objects);
      const flow = make(snapshot);
      if (isProven(snapshot, flow, context)) return;
      const isolating = [...snapshot.policies()].filter(({ ref }) => ref.kind === "NetworkPolicy").flatMap(openings);
      const fix = fixFlow(snapshot, flow, { name: "flow", context });
      if (!fix) {
        if (canBeNamed(flow)) expect(isProven(plus(snapshot, isolating), flow, context)).toBe(false);
        return;
      }
      const after = plus(snapshot, fix.apply);
      expect(breaks({ after, flow, profile: context.profile })).toBe(false);
      expect(implies(snapshot, after, { context }).answer).toBe("proven");
      for (const object of fix.apply) expect(isProven(plus(snapshot, fix.apply.filter((other) => other !== object)), flow, context)).toBe(false);
      // Several peers of one namespace may need a policy each: one for all of them would open more than the flow asks for.
      const onePeerEach = flow.anyOf.every(({ peers }) => peers.length <= 1);
      if (fix.apply.length > 1 && onePeerEach && canBeNamed(flow)) for (const one of isolating) expect(isProven(plus(snapshot, [one]), flow, context)).toBe(false);
    }), lawRuns());
  });
});

describe("a closing", () => {
  it("leaves no pod the flow, opens nothing, and says in YAML what was proven", () => {
    let closed = 0;
    fc.assert(fc.property(cluster, arbitraryFlow({ slots: 1 }), contexts, (objects, make, context) => {
      const snapshot = snapshotOf(objects);
      const flow = make(snapshot);
      if (excludes(snapshot, flow, context).answer === "proven") return;
      const fix = closeFlow(snapshot, flow, { name: "flow", context });
      if (!fix) return;
      closed++;
      const after = plus(snapshot, fix.apply);
      expect(opens({ after, flow, profile: context.profile })).toBe(false);
      expect(implies(after, snapshot, { context }).answer).toBe("proven");
      for (const object of fix.apply) expect(excludes(plus(snapshot, fix.apply.filter((other) => other !== object)), flow, context).answer).not.toBe("proven");
    }), lawRuns());
    expect(closed).toBeGreaterThan(100);
  });
});
