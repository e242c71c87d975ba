import type { EffectivePack, EffectiveValue } from "../sources/effective.js";
import { formatPlace } from "../reports/report.js";

/** The packs as they are in force, each value with who gave it. */
export function effectiveText(packs: readonly EffectivePack[]): string {
  return packs.map(packText).join("\n");
}

function packText({ name, lineage, rules, parameters }: EffectivePack): string {
  const bases = lineage.slice(0, -1);
  const lines = [
    `pack ${name}${bases.length === 0 ? "" : ` extends ${bases.join(", ")}`}`,
    ...rules.flatMap((rule) => [`  ${rule.id} (${rule.check})`, ...rule.values.flatMap((value) => valueLines(value, "    "))]),
    ...(parameters.length === 0 ? [] : ["  parameters", ...parameters.flatMap((value) => valueLines(value, "    "))]),
  ];
  return `${lines.join("\n")}\n`;
}

function valueLines({ name, value, origin, place }: EffectiveValue, indent: string): readonly string[] {
  return [`${indent}${name}: ${textOf(value)} (${origin}${place ? `, ${formatPlace(place)}` : ""})`];
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "(none)" : value.map(textOf).join(", ");
  return value === "" ? "(none)" : typeof value === "object" ? JSON.stringify(value) : String(value);
}
