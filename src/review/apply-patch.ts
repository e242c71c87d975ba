import type { PatchOperation } from "../model/admission.js";
import { isRecord, type KubeObject } from "../model/kubernetes.js";

/** The object after Sluice's own patches, which only add (RFC 6902 `add` into an object that is there). */
export function applyPatch(object: KubeObject, patch: readonly PatchOperation[]): KubeObject {
  return patch.reduce<KubeObject>((current, { path, value }) => addAt(current, segments(path), value) as KubeObject, object);
}

function segments(pointer: string): string[] {
  return pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function addAt(target: unknown, [head, ...rest]: readonly string[], value: unknown): unknown {
  if (head === undefined) return value;
  const fields = isRecord(target) ? target : {};
  return { ...fields, [head]: addAt(fields[head], rest, value) };
}
