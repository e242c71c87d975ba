import type { FlowTarget } from "../proof/question.js";
import { isRecord, type KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { NO_TRAFFIC, portRange, type TrafficSet } from "../model/traffic.js";
import { IpSet, parseAddress, parseCidr } from "../sets/ip-set.js";
import type { NamespaceSelector } from "./namespace-selector.js";
import { podAlternative, type Alternative, type Seen } from "./pods-selector.js";
import { endpointSubsets, isService, listsEndpoints, readPorts, serviceAddresses } from "./service-selector.js";

export { ENDPOINT_SCHEMA, PORTS_SCHEMA } from "./schema-selector.js";
export type { Reach } from "./pods-selector.js";

/** The other end of a flow, as packs write it: alternatives, of which one must hold in full (or, forbidden, none in part). */
export interface EndpointSelector {
  /** The alternatives on a snapshot, seen from a subject's namespace; none: the peer is unset and the flow is not checked. */
  resolve(snapshot: Snapshot, seen: Seen): readonly FlowTarget[];
  /** Could pods of this namespace be peers (of subjects in other namespaces)? */
  hosts(snapshot: Snapshot, namespace: string): boolean;
  /** Could pods of a namespace of this name be peers, whatever its labels? */
  couldHost(namespace: string): boolean;
  /** Is it told by this Service, Endpoints or EndpointSlice? */
  reads(object: KubeObject): boolean;
  /** Only pods of the subject's own namespace are peers. */
  readonly local: boolean;
  /** It has one alternative, whose peers in each namespace are what they are whatever is in the others. */
  readonly splits: boolean;
  /** The alternatives in force one by one, with their paths. */
  readonly alternatives: readonly AlternativeSelector[];
}

/** One alternative of an endpoint. */
export interface AlternativeSelector {
  /** Where the pack's rule says it: `...egressTo`, or `...egressTo.anyOf[1]`. */
  readonly path: string;
  resolve: EndpointSelector["resolve"];
}

/** What compiling an endpoint needs from its pack. */
export interface EndpointScope {
  namespaces(spec: unknown, path: string): Result<NamespaceSelector>;
  /** Is a `when` condition true for the parameters and profile in force? */
  when(condition: unknown, path: string): Result<boolean>;
}

/** Compiles an endpoint; the alternatives whose `when` is false are left out. */
export function compileEndpoint(spec: unknown, scope: EndpointScope, path: string): Result<EndpointSelector> {
  if (!isRecord(spec)) return failed({ code: "pack/endpoint", message: "an endpoint must be an object", path });
  const terms = Array.isArray(spec.anyOf) ? spec.anyOf : [spec];
  const problems: Problem[] = [];
  const alternatives: Alternative[] = [];
  const paths: string[] = [];
  terms.forEach((term: unknown, i) => {
    const at = Array.isArray(spec.anyOf) ? `${path}.anyOf[${i}]` : path;
    const compiled = compileAlternative(term, scope, at);
    if (!compiled.ok) problems.push(...compiled.problems);
    else if (compiled.value) {
      alternatives.push(compiled.value);
      paths.push(at);
    }
  });
  if (problems.length > 0) return failed(...problems);
  const each = alternatives.map((alternative, i): AlternativeSelector => ({ path: paths[i] ?? path, resolve: (snapshot, seen) => alternative.targets(snapshot, seen) }));
  return ok({
    alternatives: each,
    resolve: (...asked) => each.flatMap((alternative) => alternative.resolve(...asked)),
    couldHost: (namespace) => alternatives.some((alternative) => alternative.couldHost(namespace)),
    hosts: (snapshot, namespace) => alternatives.some((alternative) => alternative.hosts(snapshot, namespace)),
    reads: (object) => alternatives.some((alternative) => alternative.reads?.(object) ?? false),
    local: alternatives.length > 0 && alternatives.every((alternative) => alternative.local),
    splits: alternatives.length === 1 && alternatives.every((alternative) => alternative.splits),
  });
}

function compileAlternative(term: unknown, scope: EndpointScope, path: string): Result<Alternative | undefined> {
  if (!isRecord(term)) return failed({ code: "pack/endpoint", message: "an alternative of an endpoint must be an object", path });
  const when = scope.when(term.when, `${path}.when`);
  if (!when.ok) return when;
  if (!when.value) return ok(undefined);
  if (term.pods !== undefined) return podAlternative(term, scope, path);
  if (isRecord(term.endpointsOf)) return ok(endpointsAlternative(term.endpointsOf, readPorts(term.ports)));
  if (isRecord(term.services)) return ok(serviceAlternative(term.services, readPorts(term.ports)));
  return addressAlternative(term, path);
}

const NOWHERE = { hosts: () => false, couldHost: () => false, local: false, splits: false } as const;

function addressAlternative(term: Readonly<Record<string, unknown>>, path: string): Result<Alternative> {
  if (Array.isArray(term.anyAddress)) return anyAddress(term.anyAddress.map((address) => addressAlternative({ ...term, anyAddress: undefined, addresses: [address] }, path)));
  const list = Array.isArray(term.addresses) ? term.addresses.map(String) : [];
  const problems: Problem[] = [];
  const byPort = new Map<string, IpSet[]>();
  list.forEach((text, i) => {
    const [, block = "", port] = /^(.+?)(?:(?<=\/\d+):(\d+))?$/.exec(text) ?? [];
    const [set, known] = [readBlock(block), byPort.get(port ?? "")];
    if (!set) problems.push({ code: "pack/address", message: `\`${text}\` is no address or CIDR`, path: `${path}.addresses[${i}]` });
    else if (known) known.push(set);
    else byPort.set(port ?? "", [set]);
  });
  if (problems.length > 0) return failed(...problems);
  const targets = [...byPort].map(([port, sets]) =>
    addressTarget(IpSet.unionOf(sets), port === "" ? readPorts(term.ports) : portRange("TCP", Number(port), Number(port)), term.some === true),
  );
  return ok({ ...NOWHERE, targets: () => targets });
}

/** Packs are compiled often, with long lists that stay the same: the public Internet above all. */
const blocks = new Map<string, IpSet | undefined>();
const REMEMBERED = 4_096;

function readBlock(text: string): IpSet | undefined {
  if (blocks.has(text)) return blocks.get(text);
  const address = parseAddress(text);
  const block = parseCidr(text) ?? (address === undefined ? undefined : IpSet.of(address));
  if (blocks.size >= REMEMBERED) blocks.clear();
  blocks.set(text, block);
  return block;
}

function anyAddress(each: readonly Result<Alternative>[]): Result<Alternative> {
  const problems = each.flatMap((one) => (one.ok ? [] : one.problems));
  const ready = each.flatMap((one) => (one.ok ? [one.value] : []));
  return problems.length > 0 ? failed(...problems) : ok({ ...NOWHERE, targets: (...asked) => ready.flatMap((one) => one.targets(...asked)) });
}

function addressTarget(addresses: IpSet, traffic: TrafficSet, some = false): FlowTarget {
  return { peers: [{ kind: "addresses", addresses }], traffic, ...(some ? { some } : {}) };
}

/** Every cluster address of the Services with this selector; none known: no alternative. */
function serviceAlternative(spec: Readonly<Record<string, unknown>>, traffic: TrafficSet): Alternative {
  return {
    ...NOWHERE,
    reads: (object) => isService(object, spec),
    targets: (snapshot) => {
      const addresses = serviceAddresses(snapshot, spec);
      return addresses.isEmpty ? [] : [addressTarget(addresses, traffic)];
    },
  };
}

/** The addresses and ports that an Endpoints object, or the EndpointSlices of the Service, list; `ports` replaces theirs. */
function endpointsAlternative(spec: Readonly<Record<string, unknown>>, ports: TrafficSet): Alternative {
  const [namespace, name] = [String(spec.namespace), String(spec.name)];
  return {
    ...NOWHERE,
    reads: (object) => listsEndpoints(object, namespace, name),
    targets: (snapshot) => {
      const subsets = endpointSubsets(snapshot, namespace, name);
      const traffic = ports.isEmpty ? subsets.reduce((set, subset) => set.union(subset.traffic), NO_TRAFFIC) : ports;
      const addresses = subsets.reduce((set, subset) => set.union(subset.addresses), IpSet.EMPTY);
      return addresses.isEmpty || traffic.isEmpty ? [] : [addressTarget(addresses, traffic)];
    },
  };
}

