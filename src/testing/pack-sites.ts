import { isRecord, type KubeObject } from "../model/kubernetes.js";

/** The values of a pack that say something, and how one of them is changed. */

export type Step = string | number;

/** One value inside a pack. */
export interface Site {
  readonly steps: readonly Step[];
  /** The name of the field that it is, or is listed in. */
  readonly field: string;
  readonly value: unknown;
  readonly parent: unknown;
}

/** Texts for people, what the server follows or does later, what errors mean, and the schema of parameters. */
const NOT_CHANGED: ReadonlySet<string> = new Set([
  "description", "remediation", "says", "what", "link", "note", "id", "path", "metadata", "apiVersion", "check", "watches", "failureMode", "unproven", "existing", "restore", "enum", "pattern", "items", "type",
]);

/** Every value below `spec`, outermost first. Of a parameter only its default counts. */
export function sitesIn(pack: KubeObject): readonly Site[] {
  const { parameters, ...rest } = isRecord(pack.spec) ? pack.spec : {};
  const read = JSON.stringify(Object.fromEntries(Object.entries(rest).filter(([key]) => !NOT_CHANGED.has(key))));
  const defaults = Object.entries(isRecord(parameters) ? parameters : {}).filter(([name]) => read.includes(`params.${name}`));
  return [
    ...inside(rest, ["spec"], ""),
    ...defaults.flatMap(([name, parameter]) => (isRecord(parameter) ? siteAndInside({ steps: ["spec", "parameters", name, "default"], field: "default", value: parameter["default"], parent: parameter }) : [])),
  ];
}

function inside(value: unknown, steps: readonly Step[], field: string): readonly Site[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown, i) => siteAndInside({ steps: [...steps, i], field, value: item, parent: value }));
  if (!isRecord(value)) return [];
  return Object.entries(value).filter(([key]) => !NOT_CHANGED.has(key)).flatMap(([key, item]) => siteAndInside({ steps: [...steps, key], field: key, value: item, parent: value }));
}

function siteAndInside(site: Site): readonly Site[] {
  return [site, ...inside(site.value, site.steps, site.field)];
}

/** The value with what stands at the end of the steps replaced; undefined takes it out. */
export function replaced(target: unknown, [step, ...rest]: readonly Step[], value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(target)) {
    const items: readonly unknown[] = target;
    if (rest.length === 0 && value === undefined) return items.filter((_, i) => i !== step);
    return items.map((item, i) => (i === step ? replaced(item, rest, value) : item));
  }
  const fields = isRecord(target) ? target : {};
  if (rest.length === 0 && value === undefined) return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== step));
  return { ...fields, [step]: replaced(fields[step], rest, value) };
}

/** The id of the rule that the steps lead into; undefined outside of rules. */
export function ruleAt(pack: KubeObject, steps: readonly Step[]): string | undefined {
  const [, section, index] = steps;
  const rules = isRecord(pack.spec) ? pack.spec["rules"] : undefined;
  const rule: unknown = section === "rules" && typeof index === "number" && Array.isArray(rules) ? rules[index] : undefined;
  return isRecord(rule) && typeof rule["id"] === "string" ? rule["id"] : undefined;
}

/** Steps as problems write them: `spec.rules[3].match`. */
export function pathText(steps: readonly Step[]): string {
  return steps.reduce<string>((path, step) => {
    if (typeof step === "number") return `${path}[${step}]`;
    const plain = /^[\w-]+$/.test(step);
    return path === "" ? step : plain ? `${path}.${step}` : `${path}["${step}"]`;
  }, "");
}
