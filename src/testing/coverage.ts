import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { Coverage, CoverageItem } from "../model/test-result.js";
import type { Parameter } from "../packs/pack.js";
import type { Observations } from "./observe.js";

/**
 * What tests showed of packs. Each rule should be seen firing and asked without firing; each required or forbidden flow held and
 * broken, and so each alternative of an endpoint by itself; each parameter with its default and with another value, and one that has
 * a list of values with each. `beside`: packs in force, whose flows may name the endpoints of these.
 */
export function coverage(packs: readonly KubeObject[], observations: Observations, beside: readonly KubeObject[] = packs): Coverage {
  const items = packs.flatMap((pack) => [...rulesOf(pack), ...wholeFlows(pack), ...alternativesOf(pack, beside), ...parametersOf(pack)]).map((wanted) => itemOf(wanted, observations));
  return { items, covered: items.reduce((sum, { seen }) => sum + seen.length, 0), total: items.reduce((sum, { seen, missing }) => sum + seen.length + missing.length, 0) };
}

/** The share of ways that were seen, in percent; nothing to see is all of it. */
export function percentOf({ covered, total }: Coverage): number {
  return total === 0 ? 100 : (100 * covered) / total;
}

interface Wanted {
  readonly pack: string;
  readonly what: CoverageItem["what"];
  readonly name: string;
  readonly path: string;
  /** Where it was observed, by pack and path. */
  readonly at: readonly (readonly [pack: string, path: string])[];
  readonly ways: readonly string[];
  /** What a way that was seen counts as. */
  as?(way: string): string;
}

function itemOf({ pack, what, name, at, path, ways, as }: Wanted, observations: Observations): CoverageItem {
  const seen = new Set(at.flatMap((key) => [...observations.ways(...key)]).map((way) => as?.(way) ?? way));
  return { pack, what, name, path, seen: ways.filter((way) => seen.has(way)), missing: ways.filter((way) => !seen.has(way)) };
}

const RULE_WAYS = ["fired", "held"] as const;
const FLOW_WAYS = ["held", "broken"] as const;

function rulesOf(pack: KubeObject): readonly Wanted[] {
  const name = nameOf(pack);
  return listAt(pack.spec, "rules").map((rule, i) => {
    const path = `spec.rules[${i}]`;
    return { pack: name, what: "rule", name: `${name}/${textOf(rule, "id")}`, path, at: [[name, path]], ways: RULE_WAYS };
  });
}

/** One flow of a rule, and the endpoint that it names or writes in place. */
interface WrittenFlow {
  readonly pack: string;
  readonly name: string;
  readonly path: string;
  /** Path of the endpoint, below which its alternatives are observed. */
  readonly end: string;
  readonly endpoint: unknown;
}

function flowsOf(pack: KubeObject): readonly WrittenFlow[] {
  return listAt(pack.spec, "rules").flatMap((rule, i) =>
    listAt(field(rule, "with"), "flows").map((flow, j) => {
      const [path, end] = [`spec.rules[${i}].with.flows[${j}]`, field(flow, "egressTo") === undefined ? "ingressFrom" : "egressTo"];
      return { pack: nameOf(pack), name: `${nameOf(pack)}/${textOf(rule, "id")}: ${textOf(flow, "what")}`, path, end: `${path}.${end}`, endpoint: field(flow, end) };
    }),
  );
}

function wholeFlows(pack: KubeObject): readonly Wanted[] {
  return flowsOf(pack).map(({ name, path, end }) => ({ pack: nameOf(pack), what: "flow", name, path, at: [[nameOf(pack), end]], ways: FLOW_WAYS }));
}

/** Alternatives stand where an endpoint is written; flows of any pack that name it show them. */
function alternativesOf(pack: KubeObject, packs: readonly KubeObject[]): readonly Wanted[] {
  const own = nameOf(pack);
  const flows = packs.flatMap(flowsOf);
  const named = Object.entries(recordOf(field(pack.spec, "endpoints"))).flatMap(([name, endpoint]) => {
    const users = flows.filter((flow) => flow.endpoint === `${own}/${name}` || (flow.pack === own && flow.endpoint === name));
    return users.length === 0 ? [] : alternativeItems({ own, name: `endpoint ${name}`, path: `spec.endpoints.${name}`, endpoint }, users);
  });
  const inPlace = flowsOf(pack).filter(({ endpoint }) => typeof endpoint !== "string");
  return [...named, ...inPlace.flatMap((flow) => alternativeItems({ own, name: flow.name, path: flow.end, endpoint: flow.endpoint }, [flow]))];
}

interface WrittenEndpoint {
  readonly own: string;
  readonly name: string;
  readonly path: string;
  readonly endpoint: unknown;
}

function alternativeItems({ own, name, path, endpoint }: WrittenEndpoint, users: readonly WrittenFlow[]): readonly Wanted[] {
  return listAt(endpoint, "anyOf").map((_, k) => ({
    pack: own,
    what: "alternative",
    name: `${name}, ${k + 1}`,
    path: `${path}.anyOf[${k}]`,
    at: users.map((user) => [user.pack, `${user.end}.anyOf[${k}]`] as const),
    ways: FLOW_WAYS,
  }));
}

function parametersOf(pack: KubeObject): readonly Wanted[] {
  const parameters = field(pack.spec, "parameters");
  return Object.entries(isRecord(parameters) ? (parameters as Record<string, Parameter>) : {}).map(([name, parameter]) => {
    const path = `spec.parameters.${name}`;
    const at = [[nameOf(pack), path]] as const;
    const known = valuesOf(parameter);
    const byDefault = JSON.stringify(parameter.default);
    return known
      ? { pack: nameOf(pack), what: "parameter", name, path, at, ways: known.map((value) => JSON.stringify(value)) }
      : { pack: nameOf(pack), what: "parameter", name, path, at, ways: ["the default", "another value"], as: (way: string) => (way === byDefault ? "the default" : "another value") };
  });
}

function valuesOf({ type, enum: listed }: Parameter): readonly unknown[] | undefined {
  if (type === "boolean") return [true, false];
  return Array.isArray(listed) ? listed : undefined;
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? "";
}

function field(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function listAt(value: unknown, name: string): readonly unknown[] {
  const list = field(value, name);
  return Array.isArray(list) ? list : [];
}

function textOf(value: unknown, name: string): string {
  const text = field(value, name);
  return typeof text === "string" ? text : "";
}
