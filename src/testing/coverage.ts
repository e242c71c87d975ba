import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { Coverage, CoverageItem } from "../model/test-result.js";
import type { Parameter } from "../packs/pack.js";
import type { Observations } from "./observe.js";

/**
 * What tests showed of packs. Each rule should be seen firing and holding; each alternative of a required or forbidden flow holding
 * and not holding by itself; each parameter with its default and with another value, and one that has a list of values with each.
 */
export function coverage(packs: readonly KubeObject[], observations: Observations): Coverage {
  const items = packs.flatMap((pack) => [...rulesOf(pack), ...alternativesOf(pack, packs), ...parametersOf(pack)]).map((wanted) => itemOf(wanted, observations));
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
  /** Where it was observed. */
  readonly key: string;
  /** Where it stands; the same unless it is named there. */
  readonly path: string;
  readonly ways: readonly string[];
  /** What a way that was seen counts as. */
  as?(way: string): string;
}

function itemOf({ pack, what, name, key, path, ways, as }: Wanted, observations: Observations): CoverageItem {
  const seen = new Set([...observations.ways(pack, key)].map((way) => as?.(way) ?? way));
  return { pack, what, name, path, seen: ways.filter((way) => seen.has(way)), missing: ways.filter((way) => !seen.has(way)) };
}

const RULE_WAYS = ["fired", "held"] as const;
const ALTERNATIVE_WAYS = ["held", "broken"] as const;

function rulesOf(pack: KubeObject): readonly Wanted[] {
  const name = nameOf(pack);
  return listAt(pack.spec, "rules").map((rule, i) => ({ pack: name, what: "rule", name: `${name}/${textOf(rule, "id")}`, key: `spec.rules[${i}]`, path: `spec.rules[${i}]`, ways: RULE_WAYS }));
}

function alternativesOf(pack: KubeObject, packs: readonly KubeObject[]): readonly Wanted[] {
  return listAt(pack.spec, "rules").flatMap((rule, i) =>
    listAt(isRecord(rule) ? rule["with"] : undefined, "flows").flatMap((flow, j) => {
      const end = isRecord(flow) && flow["egressTo"] !== undefined ? "egressTo" : "ingressFrom";
      const at = `spec.rules[${i}].with.flows[${j}].${end}`;
      return endpointAlternatives(isRecord(flow) ? flow[end] : undefined, { own: pack, packs, at }).map(({ key, path, label }): Wanted => ({
        pack: nameOf(pack),
        what: "alternative",
        name: `${nameOf(pack)}/${textOf(rule, "id")}: ${textOf(flow, "what")}${label}`,
        key,
        path,
        ways: ALTERNATIVE_WAYS,
      }));
    }),
  );
}

interface Alternative {
  readonly key: string;
  readonly path: string;
  readonly label: string;
}

interface Around {
  readonly own: KubeObject;
  readonly packs: readonly KubeObject[];
  readonly at: string;
}

/** An endpoint is written in place, or named, in this pack or another. The path is where its own pack says it, if that is this one. */
function endpointAlternatives(spec: unknown, { own, packs, at }: Around): readonly Alternative[] {
  const [packName, name] = typeof spec === "string" ? (spec.includes("/") ? spec.split("/") : [nameOf(own), spec]) : [];
  const owner = packName === undefined ? own : packs.find((pack) => nameOf(pack) === packName);
  const endpoint = name === undefined ? spec : field(field(owner?.spec, "endpoints"), name);
  const terms = listAt(endpoint, "anyOf");
  const stands = name !== undefined && owner === own ? `spec.endpoints.${name}` : at;
  if (terms.length === 0) return [{ key: at, path: at, label: "" }];
  return terms.map((_, k) => ({ key: `${at}.anyOf[${k}]`, path: stands === at ? at : `${stands}.anyOf[${k}]`, label: `, alternative ${k + 1}` }));
}

function parametersOf(pack: KubeObject): readonly Wanted[] {
  const parameters = field(pack.spec, "parameters");
  return Object.entries(isRecord(parameters) ? (parameters as Record<string, Parameter>) : {}).map(([name, parameter]) => {
    const path = `spec.parameters.${name}`;
    const known = valuesOf(parameter);
    const byDefault = JSON.stringify(parameter.default);
    return known
      ? { pack: nameOf(pack), what: "parameter", name, key: path, path, ways: known.map((value) => JSON.stringify(value)) }
      : { pack: nameOf(pack), what: "parameter", name, key: path, path, ways: ["the default", "another value"], as: (way: string) => (way === byDefault ? "the default" : "another value") };
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

function listAt(value: unknown, name: string): readonly unknown[] {
  const list = field(value, name);
  return Array.isArray(list) ? list : [];
}

function textOf(value: unknown, name: string): string {
  const text = field(value, name);
  return typeof text === "string" ? text : "";
}
