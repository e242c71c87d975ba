import type { Result } from "../model/result.js";
import { readSetting } from "../packs/parameters.js";
import { parseProfile, type Profile, type Switches } from "../packs/profile.js";
import { PROFILE_SCHEMA } from "../packs/profile-schema.js";
import { isSwitch, type Knobs, type Setting } from "./knobs.js";
import { readLayers, type Layer } from "./overlays.js";

export { isSwitch, type Knobs, type Setting } from "./knobs.js";

/** The profile for verbs that ask no rule. The settings that are no switches are for packs. */
export async function loadProfile(knobs: Knobs): Promise<Result<Profile>> {
  const layers = await readLayers(knobs);
  return layers.ok ? composeProfile(layers.value, knobs.set) : layers;
}

/** The switches of the overlays, each over the one before, then the settings that name switches. */
export function composeProfile(layers: readonly Layer[], set: readonly Setting[]): Result<Profile> {
  return parseProfile(Object.assign({}, ...layers.map(({ overlay }) => overlay.profile), switchesIn(set)) as Switches);
}

function switchesIn(set: readonly Setting[]): Switches {
  const schemas: Readonly<Record<string, { readonly type?: unknown }>> = PROFILE_SCHEMA.properties;
  return Object.fromEntries(set.filter(isSwitch).map(({ name, value }) => [name, readSetting(value, schemas[name] ?? {})]));
}
