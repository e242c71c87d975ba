import { readKinds } from "../dialects/index.js";
import type { ObjectRef } from "../model/kubernetes.js";
import type { CompiledPacks } from "../packs/compile.js";

/** The `apiVersion` that an object is read in, as far as it is known: `v1` of its group else. */
export function apiVersionOf({ group, kind }: Pick<ObjectRef, "group" | "kind">, { watches }: Pick<CompiledPacks, "watches">): string {
  const read = readKinds.find((known) => known.group === group && known.kind === kind)?.versions[0];
  const version = read ?? watches.find((watch) => watch.group === group && watch.kind === kind)?.version ?? "v1";
  return group === "" ? version : `${group}/${version}`;
}
