import { endpointOf } from "../engine/endpoints.js";
import { evaluate } from "../engine/evaluate.js";
import type { EngineProfile } from "../engine/verdict.js";
import type { Endpoint, Pod } from "../model/endpoint.js";
import { isRecord } from "../model/kubernetes.js";
import { DIRECTIONS, type Direction } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { PROTOCOLS, trafficPoint, type Protocol } from "../model/traffic.js";
import type { CelVariables } from "../rules/rule.js";

/** The engine, as CEL asks it: answers are of the plain judge, on the state before or after the change. */
export type Questions = NonNullable<CelVariables["cluster"]>;

interface States {
  readonly before: Snapshot;
  readonly after: Snapshot;
}

export function questionsAbout(states: States, profile: EngineProfile): Questions {
  return {
    allowed: (src, dst, port, when) => {
      const [from, to] = [endOf(src, states, when), endOf(dst, states, when)];
      const traffic = portOf(port);
      return from !== undefined && to !== undefined && evaluate(states[when], { src: from, dst: to, traffic }, profile).allowed;
    },
    isolated: (pod, direction) => {
      const end = endOf(pod, states, "after");
      if (end && end.kind !== "pod") throw new Error("only pods are isolated; an address is not");
      return end !== undefined && directionsOf(direction).every((one) => isIsolated(states.after, end.pod, one));
    },
  };
}

/** "A pod is isolated for direction X iff some NP selects it and lists X" (S2). */
function isIsolated(snapshot: Snapshot, pod: Pod, direction: Direction): boolean {
  const policies = [...(snapshot.namespaces.get(pod.namespace)?.policies.values() ?? []), ...snapshot.clusterPolicies.values()];
  const namespace = snapshot.namespace(pod.namespace);
  return policies.some(({ isolates, subject }) => isolates[direction] && subject.namespaces.matches(namespace.labels) && subject.pods.matches(pod.labels));
}

function directionsOf(direction: string | undefined): readonly Direction[] {
  if (direction === undefined) return DIRECTIONS;
  const one = DIRECTIONS.find((known) => known === direction);
  if (!one) throw new Error(`\`${direction}\` is no direction; one of ${DIRECTIONS.join(", ")}`);
  return [one];
}

/**
 * `'namespace/pod'`, an IP address (a pod's own stands for the pod), a Pod object, or `{'namespace': ..., 'labels': {...}}` for a
 * pod that could be, without address. A pod that the change makes or removes has no end on the other side of it: undefined.
 */
function endOf(value: unknown, states: States, when: keyof States): Endpoint | undefined {
  if (typeof value === "string") return known(value, states, when);
  const plain = value instanceof Map ? (Object.fromEntries(value) as Record<string, unknown>) : value;
  if (!isRecord(plain)) throw new Error("an end is `'namespace/pod'`, an address, a Pod, or a map with `namespace` and `labels`");
  if (isRecord(plain.metadata)) return known(`${String(plain.metadata.namespace ?? "")}/${String(plain.metadata.name ?? "")}`, states, when);
  return { kind: "pod", pod: podThatCouldBe(plain) };
}

function known(text: string, states: States, when: keyof States): Endpoint | undefined {
  const end = endpointOf(states[when], text);
  if (!end && !endpointOf(states[when === "after" ? "before" : "after"], text)) throw new Error(`\`${text}\` is neither a pod of the cluster nor an address`);
  return end;
}

function podThatCouldBe(map: Readonly<Record<string, unknown>>): Pod {
  const labels = map.labels instanceof Map ? (Object.fromEntries(map.labels) as unknown) : (map.labels ?? {});
  if (typeof map.namespace !== "string" || !isRecord(labels)) throw new Error("a pod that could be is a map with `namespace` (a text) and `labels` (a map)");
  const texts = Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, String(value)]));
  return { namespace: map.namespace, name: "(any)", labels: texts, addresses: [], ports: [], hostNetwork: false, finished: false, origin: "hypothetical" };
}

/** A number or `'5432'` is TCP; else `'53/UDP'`. */
function portOf(value: unknown): number {
  const [, port = "", protocol = "TCP"] = /^(\d{1,5})(?:\/(\w+))?$/.exec(String(value)) ?? [];
  const known = PROTOCOLS.find((one) => one === protocol) as Protocol | undefined;
  const number = Number(port);
  if (port === "" || !known || number < 1 || number > 65_535) throw new Error(`\`${String(value)}\` is no port; write \`5432\` or \`'53/UDP'\``);
  return trafficPoint(known, number);
}
