import type { EnforcementPoint } from "../packs/pack.js";
import { PROFILE_SCHEMA } from "../packs/profile-schema.js";

/** One `--set NAME=VALUE`. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/**
 * What decides how the cluster is taken to behave and which rules are in force. Weakest first: defaults, overlays directly
 * in the packs folder by file name, `profile` from left to right, `set`.
 */
export interface Knobs {
  /** Folder of packs; those directly in it are in force. */
  readonly packs: string;
  /** Files of switches or overlays, or their names in `profiles/` of the packs folder; several by comma. */
  readonly profile?: string;
  readonly set: readonly Setting[];
  /** Who will ask the rules; admission by default. */
  readonly point?: EnforcementPoint;
}

/** Does a setting name a switch of the profile? Otherwise it is a parameter of packs, or nothing. */
export function isSwitch({ name }: Setting): boolean {
  return Object.hasOwn(PROFILE_SCHEMA.properties, name);
}
