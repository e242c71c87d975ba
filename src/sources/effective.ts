import type { Place } from "../model/result.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { ExtendedPack } from "../packs/extend.js";
import { overrideOf, patternFor } from "../packs/overlay.js";
import type { RuleEntry } from "../packs/pack.js";
import type { Manifests } from "./files.js";
import type { Layer } from "./overlays.js";

/** A value in force, and who gave it. */
export interface EffectiveValue {
  readonly name: string;
  readonly value: unknown;
  /** `overlay x`, `profile x`, `--set`, or the pack whose text it is. */
  readonly origin: string;
  /** Where in that text; absent for `--set` and objects of the cluster. */
  readonly place?: Place;
}

export interface EffectiveRule {
  readonly id: string;
  readonly check: string;
  readonly values: readonly EffectiveValue[];
}

/** A pack as it is in force, after what it extends, overlays and settings. */
export interface EffectivePack {
  readonly name: string;
  /** What it is made of, weakest first. */
  readonly lineage: readonly string[];
  readonly rules: readonly EffectiveRule[];
  readonly parameters: readonly EffectiveValue[];
}

export interface EffectiveSources {
  readonly packs: CompiledPacks;
  readonly extended: readonly ExtendedPack[];
  readonly layers: readonly Layer[];
  readonly origins: ReadonlyMap<string, string>;
  readonly locate: Manifests["locate"];
}

/** Every pack in force with every rule, those that are off too, and where each value came from. */
export function effectivePacks(sources: EffectiveSources): readonly EffectivePack[] {
  return sources.packs.names.flatMap((name) => {
    const whole = sources.extended.find(({ object }) => object.metadata.name === name);
    const entries = sources.packs.entries.get(name) ?? [];
    return whole ? [{ name, lineage: whole.lineage, rules: entries.map((entry, i) => effectiveRule(entry, i, { ...sources, whole })), parameters: parametersOf(name, { ...sources, whole }) }] : [];
  });
}

interface Within extends EffectiveSources {
  readonly whole: ExtendedPack;
}

/** What overlays may change of a rule, and what reports show of it. */
const FIELDS = ["enforcementAction", "hold", "enforcement", "severity", "message", "remediation", "link"] as const;

function effectiveRule(entry: RuleEntry, index: number, within: Within): EffectiveRule {
  const id = `${String(within.whole.object.metadata.name)}/${entry.id}`;
  const values = FIELDS.filter((field) => entry[field] !== undefined).map((name) => ({ name, value: entry[name], ...originOf(name, { id, index, within }) }));
  return { id, check: entry.check, values };
}

function originOf(field: (typeof FIELDS)[number], { id, index, within }: { readonly id: string; readonly index: number; readonly within: Within }): Pick<EffectiveValue, "origin" | "place"> {
  const said = within.layers.filter(({ overlay }) => {
    const override = overrideOf(overlay.overrides, id);
    // A rule that only warns holds no pod either.
    return override && (field in override || (field === "hold" && override.enforcementAction !== undefined));
  });
  const layer = said.at(-1);
  if (layer) return { origin: layer.origin, ...at(layer.locate(`spec.rules["${patternFor(layer.overlay.overrides, id) ?? id}"]`)) };
  return writtenAt(`spec.rules[${index}].${field}`, within);
}

function parametersOf(name: string, within: Within): readonly EffectiveValue[] {
  return Object.entries(within.packs.parameters.get(name) ?? {}).map(([parameter, value]) => {
    const key = `${name}.${parameter}`;
    const origin = within.origins.get(key);
    const layer = within.layers.find((one) => one.origin === origin);
    if (origin !== undefined) return { name: parameter, value, origin, ...at(layer?.locate(`spec.parameters.${key}`)) };
    return { name: parameter, value, ...writtenAt(`spec.parameters.${parameter}.default`, within) };
  });
}

function writtenAt(path: string, { whole, locate }: Within): Pick<EffectiveValue, "origin" | "place"> {
  const { object, path: own } = whole.whence(path);
  return { origin: `pack ${String(object.metadata.name)}`, ...at(locate(object, own)) };
}

function at(place: Place | undefined): { readonly place?: Place } {
  return place ? { place } : {};
}
