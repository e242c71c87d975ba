import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lossesOf, mayLose } from "../../src/proof/losses.js";
import { holds, regression } from "../../src/proof/prove.js";
import type { Flow, FlowPeer, FlowTarget, FlowTraffic } from "../../src/proof/question.js";
import { StandingFlow } from "../../src/proof/standing.js";
import { readObjects } from "../../src/dialects/index.js";
import { isLive, type Pod } from "../../src/model/endpoint.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { portRange } from "../../src/model/traffic.js";
import { IntervalSet } from "../../src/sets/interval-set.js";
import { IpSet, parseCidr } from "../../src/sets/ip-set.js";
import { LabelBox } from "../../src/sets/label-box.js";
import { oneOf } from "../../src/sets/value-set.js";
import { readChange } from "../../src/review/change.js";
import { refOf } from "../../src/model/kubernetes.js";
import type { Scope } from "../../src/rules/rule.js";
import { request } from "../review/world.js";
import { packOf } from "../rules/inline-pack.js";
import { adminPolicy, BLOCKS, change, cluster, lawRuns, NAMESPACES, namespaceObject, networkPolicy, pod, snapshotOf } from "./arbitrary-cluster.js";

/** What is remembered of proofs, and what a change is taken to leave alone, against proofs made afresh. */

const box = fc.constantFrom(LabelBox.ALL, LabelBox.from([["app", oneOf(["x"])]]), LabelBox.from([["tier", oneOf(["x"])]]));
const traffic = fc.constantFrom<FlowTraffic>(
  portRange("TCP", 80, 80), portRange("UDP", 53, 53).union(portRange("TCP", 53, 53)),
  (destination: Pod) => IntervalSet.from((destination.ports.length > 0 ? destination.ports : [{ port: 81, protocol: "TCP" as const }]).flatMap(({ port, protocol }) => portRange(protocol, port, port).ranges)),
);

interface EndPlan {
  readonly kind: "running" | "space" | "addresses";
  readonly pods: LabelBox;
  readonly namespaces: readonly string[];
  readonly block: string;
  readonly traffic: FlowTraffic;
}

const endPlan: fc.Arbitrary<EndPlan> = fc.record({
  kind: fc.constantFrom("running" as const, "space" as const, "space" as const, "addresses" as const),
  pods: box,
  namespaces: fc.subarray(NAMESPACES, { minLength: 1 }),
  block: fc.constantFrom(...BLOCKS),
  traffic,
});

const flowPlan = fc.record({
  scope: fc.oneof(fc.constantFrom<string | LabelBox>(...NAMESPACES), fc.constant<string | LabelBox>(LabelBox.ALL)),
  pods: box,
  direction: fc.constantFrom("ingress" as const, "egress" as const),
  anyOf: fc.array(endPlan, { minLength: 1, maxLength: 2 }),
});
type FlowPlan = typeof flowPlan extends fc.Arbitrary<infer T> ? T : never;

function peersOf({ kind, pods, namespaces, block }: EndPlan, snapshot: Snapshot): readonly FlowPeer[] {
  if (kind === "addresses") return [{ kind, addresses: parseCidr(block) ?? IpSet.EMPTY }];
  return namespaces.flatMap((name): readonly FlowPeer[] => {
    if (kind === "space") return [{ kind, namespace: snapshot.namespace(name), pods, ports: [] }];
    return [...(snapshot.namespaces.get(name)?.pods.values() ?? [])].filter((one) => isLive(one) && pods.matches(one.labels)).map((one) => ({ kind: "pod", pod: one }));
  });
}

function flowOn({ scope, pods, direction, anyOf }: FlowPlan, snapshot: Snapshot): Flow | undefined {
  const targets = anyOf.flatMap((plan): readonly FlowTarget[] => {
    const peers = peersOf(plan, snapshot);
    const plain = plan.kind === "addresses" && typeof plan.traffic === "function" ? portRange("TCP", 80, 80) : plan.traffic;
    return peers.length > 0 ? [{ peers, traffic: plain }] : [];
  });
  const namespace = typeof scope === "string" ? snapshot.namespace(scope) : { future: scope };
  return targets.length > 0 ? { subject: { namespace, pods, ports: [] }, direction, anyOf: targets } : undefined;
}

type Step = { readonly put: KubeObject } | { readonly remove: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: networkPolicy.map((put): Step => ({ put })) },
  { weight: 3, arbitrary: pod.map((put): Step => ({ put })) },
  { weight: 1, arbitrary: adminPolicy.map((put): Step => ({ put })) },
  { weight: 1, arbitrary: namespaceObject.map((put): Step => ({ put })) },
  { weight: 3, arbitrary: fc.nat({ max: 20 }).map((remove): Step => ({ remove })) },
);

function after(snapshot: Snapshot, one: Step): Snapshot {
  if ("put" in one) return snapshot.with(readObjects([one.put]).changes);
  const refs = [...[...snapshot.policies()].map(({ ref }) => ref), ...[...snapshot.pods()].map(({ namespace, name }) => ({ group: "", kind: "Pod", namespace, name }))];
  const ref = refs[one.remove % Math.max(1, refs.length)];
  return ref ? snapshot.with([{ remove: ref }]) : snapshot;
}

const context = { profile: { cidrSelectsPods: true }, budget: { steps: 1_000_000 } };

describe("what is remembered of a flow", () => {
  it("is what a fresh proof says, whatever happened since", () => {
    fc.assert(fc.property(cluster, flowPlan, fc.array(step, { minLength: 1, maxLength: 8 }), (objects, plan, steps) => {
      const standing = new StandingFlow(context);
      let snapshot = snapshotOf(objects);
      for (const next of [undefined, ...steps]) {
        if (next) snapshot = after(snapshot, next);
        const now = snapshot;
        const whole = flowOn(plan, now);
        if (whole) expect(standing.isProven(now, whole)).toBe(holds(now, whole, context).answer === "proven");
      }
    }), lawRuns());
  });
});

describe("what a change may take away", () => {
  const edits = fc.array(fc.oneof({ weight: 5, arbitrary: networkPolicy.map((put): Step => ({ put })) }, { weight: 2, arbitrary: fc.nat({ max: 20 }).map((remove): Step => ({ remove })) }, { weight: 1, arbitrary: change.map((put): Step => ({ put })) }), { minLength: 1, maxLength: 2 });

  it("is all that can break a flow; and what held for every pod is broken iff it does not hold after", () => {
    fc.assert(fc.property(cluster, flowPlan, edits, fc.constantFrom(...NAMESPACES), (objects, plan, steps, namespace) => {
      const before = snapshotOf(objects);
      const now = steps.reduce(after, before);
      const losses = lossesOf(before, now, namespace);
      const flow = flowOn(plan, now);
      if (!losses || !flow) return;
      const broken = regression(before, now, { flow, context }).answer !== "proven";
      if (!mayLose(losses, flow)) expect(broken).toBe(false);
      if (holds(before, flow, context).answer === "proven") expect(broken).toBe(holds(now, flow, context).answer !== "proven");
    }), lawRuns());
  });
});

describe("what a change does not harm", () => {
  const packs = packOf(`
namespaces:
  all: {exempt: false}
  prod: {matchLabels: {env: prod}}
endpoints:
  web: {pods: {namespaces: all, matchLabels: {app: "y"}}, ports: [80/TCP]}
  same: {pods: {namespaces: same, which: every}, ports: [81/TCP]}
  either: {anyOf: [{addresses: [192.168.0.0/24]}, {pods: {namespaces: prod, which: every}, ports: [53/UDP]}]}
rules:
  - {id: one, check: require-flow, enforcementAction: deny, with: {flows: [{what: web, subject: {namespaces: all, matchLabels: {app: x}}, egressTo: web}]}}
  - {id: two, check: require-flow, enforcementAction: deny, with: {flows: [{what: own, subject: {namespaces: prod}, ingressFrom: same}]}}
  - {id: three, check: require-flow, enforcementAction: deny, with: {flows: [{what: outside, subject: {namespaces: all, matchLabels: {tier: x}}, egressTo: either}]}}
`);
  const written = (now: Snapshot, one: Step): ReturnType<typeof request> | undefined => {
    if ("put" in one) {
      const old = now.policy(refOf(one.put))?.object;
      return request(old ? "UPDATE" : "CREATE", one.put, old ? { old } : {});
    }
    const stored = [...now.policies()][one.remove];
    return stored && request("DELETE", stored.object);
  };

  it("is what holds for every scope, whatever was asked before", () => {
    let quick = 0;
    fc.assert(fc.property(cluster, fc.array(fc.tuple(step, fc.boolean()), { minLength: 2, maxLength: 6 }), (objects, steps) => {
      let snapshot = snapshotOf(objects);
      for (const [one, isMade] of steps) {
        const asked = "put" in one && one.put.kind !== "NetworkPolicy" ? undefined : written(snapshot, one);
        if (asked) {
          const { change: made } = readChange(asked, snapshot, packs);
          for (const { id, behaviour: { protect } } of packs.rules) {
            if (!protect?.unharmed?.(made)) continue;
            quick += 1;
            // Elsewhere only the peers in the namespace of the change are asked about; others may be broken for long.
            const isOwn = (scope: Scope): boolean => !("future" in scope) && scope.name === made.namespace;
            const outcomes = protect.scopes(made).flatMap((scope) => (isOwn(scope) ? protect.standing(made.after, scope) : protect.regression(made, scope)));
            expect(outcomes.filter(({ outcome }) => outcome !== "holds"), id).toEqual([]);
          }
        }
        if (isMade) snapshot = after(snapshot, one);
      }
    }), lawRuns());
    expect(quick).toBeGreaterThan(50);
  });
});

describe("what is foreseen of a pod", () => {
  const packs = packOf(`
namespaces:
  all: {exempt: false}
  prod: {matchLabels: {env: prod}}
endpoints:
  web: {pods: {namespaces: prod, matchLabels: {app: "y"}}, ports: [80/TCP]}
  same: {pods: {namespaces: same, which: every}, declaredPorts: {protocol: TCP, otherwise: [81/TCP]}}
  outside: {addresses: [192.168.0.0/24], ports: [53/UDP]}
rules:
  - {id: one, check: require-flow, enforcementAction: deny, hold: deny, with: {flows: [{what: web, subject: {namespaces: all, matchLabels: {app: x}}, egressTo: web}]}}
  - {id: two, check: require-flow, enforcementAction: deny, hold: deny, with: {flows: [{what: own, subject: {namespaces: all}, ingressFrom: same}]}}
  - {id: three, check: require-flow, enforcementAction: deny, hold: deny, with: {judges: namespace, flows: [{what: outside, subject: {namespaces: all, matchLabels: {tier: x}}, egressTo: outside}, {what: called, subject: {namespaces: all}, ingressFrom: web}]}}
`);

  it("is what asking for that very pod gives, whatever pods were asked about before", () => {
    let quick = 0;
    fc.assert(fc.property(cluster, fc.array(pod, { minLength: 2, maxLength: 3 }), (objects, pods) => {
      const snapshot = snapshotOf(objects);
      // Each also with the labels of the others, so that pods of one sort are peers and are none.
      const relabelled = pods.flatMap((one) => pods.map(({ metadata: { labels = {} } }): KubeObject => ({ ...one, metadata: { ...one.metadata, labels } })));
      for (const object of relabelled) {
        const { change: made } = readChange(request("CREATE", object), snapshot, packs);
        const one = made.after.pod(object.metadata.namespace ?? "", object.metadata.name ?? "");
        for (const { id, behaviour: { protect } } of packs.rules) {
          if (!one || !isLive(one) || !protect?.foreseen?.(made, one)) continue;
          quick += 1;
          expect(protect.forPod(made.after, one).filter(({ outcome }) => outcome !== "holds"), id).toEqual([]);
        }
      }
    }), lawRuns());
    expect(quick).toBeGreaterThan(50);
  });
});
