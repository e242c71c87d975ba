import fc from "fast-check";
import type { Flow, FlowPeer, FlowTarget, FlowTraffic, PodSpace } from "../../src/proof/question.js";
import type { Namespace, Pod } from "../../src/model/endpoint.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { ALL_PORTS, portRange, type TrafficSet } from "../../src/model/traffic.js";
import { IntervalSet } from "../../src/sets/interval-set.js";
import { IpSet, parseCidr } from "../../src/sets/ip-set.js";
import { LabelBox } from "../../src/sets/label-box.js";
import { noneOf, oneOf, PRESENT, type ValueSet } from "../../src/sets/value-set.js";
import { BLOCKS, NAMESPACES, POD_VALUES } from "./arbitrary-cluster.js";

/** Random flows and spaces over the words of `arbitrary-cluster`; a flow needs the snapshot whose pods it names. */

const podBox: fc.Arbitrary<LabelBox> = fc.oneof(
  { weight: 5, arbitrary: fc.constant(LabelBox.ALL) },
  // Selects nobody: by contradiction, or by a value that no label can have.
  { weight: 1, arbitrary: fc.constantFrom(LabelBox.NONE, LabelBox.from([["app", oneOf(["no label!"])]])) },
  { weight: 5, arbitrary: fc.constantFrom<readonly [string, readonly string[]]>(...Object.entries(POD_VALUES))
    .chain(([key, values]) => fc.constantFrom<ValueSet>(oneOf(values.slice(0, 1)), oneOf(values), noneOf(values.slice(0, 1)), PRESENT).map((set) => LabelBox.from([[key, set]]))) },
);

const ports = fc.constantFrom<PodSpace["ports"]>(
  [],
  [{ name: "web", port: 80, protocol: "TCP", container: "main" }],
  [{ name: "web", port: 8080, protocol: "TCP", container: "main" }, { name: "dns", port: 53, protocol: "UDP", container: "main" }],
);

/** An existing namespace by its name only: the snapshot knows its labels. */
const existing: fc.Arbitrary<PodSpace["namespace"]> = fc.constantFrom(...NAMESPACES).map((name): Namespace => ({ name, labels: { "kubernetes.io/metadata.name": name }, terminating: false }));
const future: fc.Arbitrary<PodSpace["namespace"]> = fc.constantFrom(LabelBox.ALL, LabelBox.from([["env", oneOf(["dev"])]])).map((box) => ({ future: box }));

const spaceIn = (namespace: fc.Arbitrary<PodSpace["namespace"]>): fc.Arbitrary<PodSpace> => fc.record({ namespace, pods: podBox, ports });
const space = spaceIn(fc.oneof({ weight: 4, arbitrary: existing }, { weight: 1, arbitrary: future }));
export const arbitraryIsolationSpace = space;

const traffic: fc.Arbitrary<TrafficSet> = fc.constantFrom(
  portRange("UDP", 53, 53).union(portRange("TCP", 53, 53)),
  portRange("TCP", 80, 80),
  portRange("TCP", 80, 8080),
  ALL_PORTS,
);
const served: FlowTraffic = (pod: Pod) => IntervalSet.from((pod.ports.length > 0 ? pod.ports : [{ port: 81, protocol: "TCP" as const }]).flatMap(({ port, protocol }) => portRange(protocol, port, port).ranges));

const blocks: fc.Arbitrary<IpSet> = fc.uniqueArray(fc.constantFrom(...BLOCKS), { minLength: 1, maxLength: 2 })
  .map((texts) => texts.reduce<IpSet>((all, text) => all.union(parseCidr(text) ?? IpSet.EMPTY), IpSet.EMPTY));

/** A pod that is not there but could be, as packs name one when none runs. */
const imagined: fc.Arbitrary<Pod> = fc.record({
  namespace: fc.constantFrom(...NAMESPACES), name: fc.constant("imagined"), labels: fc.constantFrom<Record<string, string>>({}, { app: "x" }, { app: "y", tier: "x" }),
  addresses: fc.constant([]), ports, hostNetwork: fc.constant(false), finished: fc.constant(false), origin: fc.constant("hypothetical" as const),
});

type PeerPlan = { readonly running: number } | { readonly peer: FlowPeer };

/** Only the first target may have a future namespace as peer: two of them would have to be one when they have one name. */
function peerPlan(spaces: "any" | "existing" | "none"): fc.Arbitrary<PeerPlan> {
  return fc.oneof(
    fc.nat({ max: 4 }).map((running) => ({ running })),
    imagined.map((pod): PeerPlan => ({ peer: { kind: "pod", pod } })),
    blocks.map((addresses): PeerPlan => ({ peer: { kind: "addresses", addresses } })),
    ...(spaces === "none" ? [] : [(spaces === "any" ? space : spaceIn(existing)).map((one): PeerPlan => ({ peer: { kind: "space", ...one } }))]),
  );
}

interface TargetPlan {
  readonly peers: readonly PeerPlan[];
  readonly traffic: FlowTraffic;
  readonly some: boolean;
}

function targetPlan(spaces: "any" | "existing" | "none"): fc.Arbitrary<TargetPlan> {
  return fc.record({ peers: fc.array(peerPlan(spaces), { minLength: 1, maxLength: 2 }), traffic: fc.oneof({ weight: 3, arbitrary: traffic as fc.Arbitrary<FlowTraffic> }, { weight: 1, arbitrary: fc.constant(served) }), some: fc.boolean() });
}

/** A flow, once a snapshot gives it its running peers. At most `slots` of its peers are spaces. */
export function arbitraryFlow({ slots }: { readonly slots: number }): fc.Arbitrary<(snapshot: Snapshot) => Flow> {
  return fc.record({
    subject: space,
    direction: fc.constantFrom("ingress" as const, "egress" as const),
    runningOnly: fc.constantFrom(false, false, false, true),
    anyOf: fc.oneof(fc.tuple(targetPlan("any")), fc.tuple(targetPlan("any"), targetPlan(slots > 1 ? "existing" : "none"))),
  }).map(({ subject, direction, runningOnly, anyOf }) => {
    const make = (snapshot: Snapshot): Flow => {
      const pods = [...snapshot.pods()];
      const targets = anyOf.map((plan): FlowTarget => {
        const peers = plan.peers.flatMap((peer): FlowPeer[] => {
          if ("peer" in peer) return [peer.peer];
          const pod = pods[peer.running % Math.max(1, pods.length)];
          return pod ? [{ kind: "pod", pod }] : [];
        });
        const spaces = peers.filter((peer) => peer.kind === "space");
        const kept = slots > 1 ? peers : peers.filter((peer) => peer.kind !== "space" || peer === spaces[0]);
        // Addresses have no declared ports: a flow with such peers has plain traffic.
        const plain = direction === "egress" && kept.some((peer) => peer.kind === "addresses") && typeof plan.traffic === "function";
        return { peers: kept, traffic: plain ? portRange("TCP", 80, 80) : plan.traffic, some: plan.some };
      });
      return { subject, direction, anyOf: targets, ...(runningOnly ? { runningOnly } : {}) };
    };
    return Object.assign(make, { [fc.toStringMethod]: () => fc.stringify({ subject, direction, runningOnly, anyOf }) });
  });
}
