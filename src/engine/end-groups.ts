import type { End } from "./ends.js";
import { endsOfWorkload } from "./named-ends.js";
import { endpointOf } from "./endpoints.js";
import type { Reachability } from "./reachability.js";
import { cutsOf, externalParty, rangesOf } from "./survey.js";
import { workloads } from "./workloads.js";
import type { Endpoint } from "../model/endpoint.js";
import type { Direction } from "../model/policy.js";
import { failed, ok, type Result } from "../model/result.js";
import { IpSet, parseAddress, parseCidr } from "../sets/ip-set.js";

/** One end by the name it is told under. */
export interface NamedEnd {
  readonly name: string;
  readonly end: End;
}

/** What a text stands for: pods, or a block of addresses with the ends that policies tell apart in it. */
export interface EndGroup {
  readonly text: string;
  readonly ends: readonly NamedEnd[];
  /** Set for addresses of nobody in the cluster. */
  readonly block?: IpSet;
}

export interface Place {
  readonly reach: Reachability;
  /** Sources are told apart by ingress rules, destinations by egress rules. */
  readonly direction: Direction;
  readonly families: "ipv4" | "dual";
}

/** Reads `namespace/pod`, `namespace/workload[Kind]`, an address or a CIDR. */
export function groupNamed(text: string, place: Place): Result<EndGroup> {
  const { snapshot } = place.reach;
  const address = parseAddress(text);
  const end = endpointOf(snapshot, text);
  if (end && (end.kind === "pod" || address === undefined)) return ok({ text, ends: [namedEnd(end, place)] });
  const block = address === undefined ? parseCidr(text) : IpSet.of(address);
  if (block) return ok({ text, block, ends: externalEnds(place, [block]).filter(({ low }) => block.contains(low)) });
  const pods = endsOfWorkload(snapshot, text);
  if (pods.length > 0) return ok({ text, ends: pods.map((pod) => namedEnd(pod, place)) });
  return failed({ code: "use/no-end", message: `\`${text}\` is no pod or workload of the state, no address and no CIDR`, path: "" });
}

/** Every end of the cluster and around it, but for those of the groups. */
export function otherEnds(groups: readonly EndGroup[], place: Place): readonly NamedEnd[] {
  const named = new Set(groups.flatMap(({ ends }) => ends.map(({ name }) => name)));
  const blocks = groups.flatMap(({ block }) => block ?? []);
  const inside = podsOf(place).filter(({ name }) => !named.has(name));
  return [...inside, ...externalEnds(place, blocks).filter(({ low }) => !blocks.some((block) => block.contains(low)))];
}

/** Running pods, and a pod for each workload that has none. */
function podsOf({ reach }: Place): readonly NamedEnd[] {
  const { snapshot } = reach;
  return workloads(snapshot).flatMap(({ pods }) => pods.map((pod) => namedEnd({ kind: "pod", pod: snapshot.pod(pod.namespace, pod.name) ?? pod }, { reach })));
}

/** What is outside, cut where policies or these blocks have a border. */
function externalEnds({ reach, direction, families }: Place, blocks: readonly IpSet[]): readonly (NamedEnd & { readonly low: number | bigint })[] {
  const ranges = rangesOf([...cutsOf(reach, direction), ...blocks], { profile: reach.profile, addressFamilies: families });
  return ranges.flatMap((range) => {
    const { name, ends: [end] } = externalParty(reach, range);
    return end ? [{ name: name.replace("[External]", ""), end, low: range[0] }] : [];
  });
}

function namedEnd(endpoint: Endpoint, { reach }: Pick<Place, "reach">): NamedEnd {
  const name = endpoint.kind === "pod" ? `${endpoint.pod.namespace}/${endpoint.pod.name}` : "";
  return { name, end: reach.end(endpoint) };
}
