import { isRecord } from "../model/kubernetes.js";

type Schema = Readonly<Record<string, unknown>>;

/** Shorter ones cost less than their name. */
const WORTH = 400;

/** The same schema with parts that occur more than once written once, under `definitions`. */
export function shareParts(schema: Schema): Schema {
  const counts = new Map<string, number>();
  countParts(schema, counts);
  const repeated = new Set([...counts].filter(([text, count]) => count > 1 && text.length > WORTH).map(([text]) => text));
  const definitions: Record<string, unknown> = {};
  const names = new Map<string, string>();
  const whole = withRefs(schema, { repeated, definitions, names }, true) as Schema;
  return Object.keys(definitions).length === 0 ? whole : { ...whole, definitions };
}

function countParts(value: unknown, counts: Map<string, number>): void {
  if (Array.isArray(value)) value.forEach((item) => countParts(item, counts));
  if (!isRecord(value)) return;
  const text = JSON.stringify(value);
  counts.set(text, (counts.get(text) ?? 0) + 1);
  for (const inner of Object.values(value)) countParts(inner, counts);
}

interface Sharing {
  readonly repeated: ReadonlySet<string>;
  readonly definitions: Record<string, unknown>;
  readonly names: Map<string, string>;
}

/** A map of properties is no schema, so it has no name of its own; what describes itself is one. */
function withRefs(value: unknown, sharing: Sharing, isRoot = false): unknown {
  if (Array.isArray(value)) return value.map((item) => withRefs(item, sharing));
  if (!isRecord(value)) return value;
  const text = JSON.stringify(value);
  const isShared = !isRoot && sharing.repeated.has(text) && typeof value["description"] === "string";
  const name = isShared ? (sharing.names.get(text) ?? newName(String(value["description"]), sharing)) : undefined;
  if (name !== undefined && sharing.names.get(text) === name) return { $ref: `#/definitions/${name}` };
  if (name !== undefined) sharing.names.set(text, name);
  const inner = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withRefs(one, sharing)]));
  if (name === undefined) return inner;
  sharing.definitions[name] = inner;
  return { $ref: `#/definitions/${name}` };
}

/** The first words of what it means. */
function newName(description: string, { definitions, names }: Sharing): string {
  const slug = description.toLowerCase().replace(/[^a-z0-9]+/g, "-").split("-").filter((word) => word !== "").slice(0, 4).join("-");
  const taken = new Set([...Object.keys(definitions), ...names.values()]);
  for (let i = 1; ; i++) {
    const name = i === 1 ? slug : `${slug}-${i}`;
    if (!taken.has(name)) return name;
  }
}
