import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { MutantName } from "../model/test-result.js";
import { celMutants } from "./cel-mutants.js";
import { changesNothing } from "./equivalent-mutants.js";
import { pathText, replaced, ruleAt, sitesIn, type Site } from "./pack-sites.js";

/** A pack with one change. */
export interface Mutant extends MutantName {
  readonly object: KubeObject;
}

/**
 * Every small change of a pack's data that alters what it could say of a request. Left out, because no request could show the
 * difference: texts for people, what the server follows (`watches`) and does later (`existing`, `restore`), and what an error or an
 * unfinished proof means (`failureMode`, `unproven`, and parameters that only they read).
 */
export function mutantsOf(pack: KubeObject): readonly Mutant[] {
  const name = pack.metadata.name ?? "";
  return sitesIn(pack).flatMap((site) =>
    OPERATORS.flatMap(({ operator, changes }) => changes(site).filter(({ value }) => !changesNothing(site, value, pack)).map(({ value, change }): Mutant => {
      const rule = ruleAt(pack, site.steps);
      return { pack: name, ...(rule === undefined ? {} : { rule: `${name}/${rule}` }), operator, change, path: pathText(site.steps), object: replaced(pack, site.steps, value) as KubeObject };
    })),
  );
}

interface Change {
  /** Undefined: the field or item is taken out. */
  readonly value: unknown;
  readonly change: string;
}

interface Operator {
  readonly operator: string;
  changes(site: Site): readonly Change[];
}

const isItem = ({ steps }: Site): boolean => typeof steps.at(-1) === "number";
const isTemplate = (text: string): boolean => text.startsWith("$(");

/** The expression that a site is, where it is one. */
function celAt({ field, value }: Site): readonly string[] {
  return typeof value === "string" && ["when", "conditions", "expression"].includes(field) && !isTemplate(value) ? [value] : [];
}

/** Fields whose absence means something; the schema refuses the absence of others. */
const isOptional = ({ field, value, steps }: Site): boolean => steps.length > 2 && field !== "default" && typeof value !== "boolean" && typeof value !== "number" && field !== "enforcementAction" && field !== "becomes";

const ACTIONS = ["deny", "warn", "off"];
const OPPOSITE: Readonly<Record<string, string>> = { In: "NotIn", NotIn: "In", Exists: "DoesNotExist", DoesNotExist: "Exists", TCP: "UDP", UDP: "TCP", SCTP: "TCP" };

/** The kinds of change; a value may be open to several. */
const OPERATORS: readonly Operator[] = [
  { operator: "drop", changes: (site) => (isItem(site) || isOptional(site) ? [{ value: undefined, change: `${shown(site.value)} is left out` }] : []) },
  { operator: "negate", changes: (site) => celAt(site).flatMap(celMutants).map(({ text, change }) => ({ value: text, change })) },
  { operator: "action", changes: ({ field, value }) => (["enforcementAction", "hold", "undeclared"].includes(field) ? others(value, ACTIONS) : field === "becomes" ? others(value, ["off", "warn", "note"]) : []) },
  { operator: "opposite", changes: ({ value }) => (typeof value === "string" && Object.hasOwn(OPPOSITE, value) ? becomes(value, OPPOSITE[value]) : []) },
  { operator: "port", changes: ({ value }) => (typeof value === "string" ? portChanges(value) : []) },
  { operator: "flip", changes: ({ value }) => (typeof value === "boolean" ? becomes(value, !value) : []) },
  { operator: "number", changes: ({ value }) => (typeof value === "number" ? becomes(value, value + 1) : []) },
  { operator: "default", changes: ({ field, value, parent }) => (field === "default" && isRecord(parent) && Array.isArray(parent["enum"]) ? others(value, parent["enum"]) : []) },
  { operator: "text", changes: (site) => (isName(site) ? becomes(site.value, `${String(site.value)}-other`) : []) },
];

/** A single name: of a label's value, a kind, a namespace. Items of lists are dropped instead. */
function isName({ field, value, steps, parent }: Site): boolean {
  if (typeof value !== "string" || typeof steps.at(-1) === "number" || value === "" || isTemplate(value)) return false;
  if (["when", "expression", "objects", "operator", "protocol", "hold", "enforcementAction", "becomes", "undeclared", "namespaces", "egressTo", "ingressFrom", "baseline", "which", "judges"].includes(field)) return false;
  return !(field === "default" && isRecord(parent) && Array.isArray(parent["enum"])) && /^[\w./-]+$/.test(value) && !/^[0-9a-fA-F.:]+\/\d+/.test(value);
}

function others(value: unknown, all: readonly unknown[]): readonly Change[] {
  return all.filter((one) => one !== value).flatMap((one) => becomes(value, one));
}

function becomes(value: unknown, other: unknown): readonly Change[] {
  return [{ value: other, change: `${shown(value)} becomes ${shown(other)}` }];
}

/** Another protocol, and the range without its first port (a single port: the next one). */
function portChanges(text: string): readonly Change[] {
  const [, low = "", high, protocol = ""] = /^(\d+)(?:-(\d+))?\/(TCP|UDP|SCTP)$/.exec(text) ?? [];
  if (low === "") return [];
  const next = Number(low) + 1;
  const range = high === undefined ? `${next}` : `${next}-${high}`;
  return [...becomes(text, `${low}${high === undefined ? "" : `-${high}`}/${OPPOSITE[protocol] ?? "TCP"}`), ...becomes(text, `${range}/${protocol}`)];
}

const SHOWN = 60;

function shown(value: unknown): string {
  const name = isRecord(value) ? (value["id"] ?? value["what"]) : value;
  const text = (typeof name === "string" ? name : JSON.stringify(value)).replace(/\s+/g, " ");
  return `\`${text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 3)}...`}\``;
}
