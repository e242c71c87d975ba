import type { Profile } from "../packs/profile.js";
import { orElse, warning, whenRead, type Check, type Finding } from "./check.js";
import type { Detected } from "./facts.js";

/** What the cluster tells of its data plane and its DNS, against what somebody set. */
export const profile: Check = {
  id: "profile",
  judge: ({ packs }) =>
    whenRead(packs, ({ packs: { profile: set }, inState, detections, chosen }) =>
      whenRead(detections, (detected) => {
        const names = [...new Set(detected.map((one) => one.switch))].filter((name) => chosen.has(name));
        return orElse(names.flatMap((name) => differing(name, set[name], detected)), inShort(inState));
      })),
};

function differing(name: string, set: unknown, detected: readonly Detected[]): readonly Finding[] {
  const about = detected.filter((one) => one.switch === name);
  const found = about.find(({ isThere }) => isThere);
  const remedy = `take \`${name}\` out of the settings, so that it is detected, unless the cluster is about to change`;
  if (found && found.value !== set) return [warning(`\`${name}\` is set to ${String(set)}, and ${found.exists} tells of ${String(found.value)}`, remedy)];
  const missing = found ? undefined : about.find(({ value }) => value === set);
  return missing ? [warning(`\`${name}\` is set to ${String(set)}, and ${missing.exists}, which would tell of it, is not there`, remedy)] : [];
}

function inShort(values: Profile): string {
  return Object.entries(values).filter(([, value]) => typeof value === "string").map(([name, value]) => `${name} ${String(value)}`).join(", ");
}
