import { stat } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { isRecord, type KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Place, type Problem, type Result } from "../model/result.js";
import { checkOverlay, isOverlay, parseOverlay, type Overlay } from "../packs/overlay.js";
import { checkSwitches } from "../packs/profile.js";
import { parseDocuments } from "./documents.js";
import { loadManifests, readText, type Manifests } from "./files.js";
import type { Knobs } from "./knobs.js";
import { listFiles } from "./listing.js";
import { objectsIn } from "./manifest.js";
import { placeOf } from "./place.js";

/** One overlay in force, with the way back to its text. */
export interface Layer {
  readonly overlay: Overlay;
  /** Where it was named, in words: `overlay x`, `profile x`. */
  readonly origin: string;
  /** Absent for a plain map of switches. */
  readonly object?: KubeObject;
  locate(path: string): Place | undefined;
}

/** The overlays in force, weakest first: those directly in the packs folder by file name, then those of `--profile` from left to right. */
export async function readLayers(knobs: Knobs): Promise<Result<readonly Layer[]>> {
  const manifests = await overlayFiles(knobs.packs);
  return manifests.ok ? allLayers([...layersIn(manifests.value), ...(await readProfiles(knobs))]) : manifests;
}

/** The overlays among manifests, in their order. */
export function layersIn({ objects, locate }: Pick<Manifests, "objects" | "locate">): readonly Result<Layer>[] {
  return objects.filter(isOverlay).map((object) => layerOf(object, "overlay", (path) => locate(object, path)));
}

/** The overlays of `--profile`, from left to right. */
export async function readProfiles({ packs, profile }: Knobs): Promise<readonly Result<Layer>[]> {
  const names = profile === undefined ? [] : (await isFile(profile)) ? [profile] : profile.split(",");
  const named = await Promise.all(names.map((name) => readProfile(packs, name.trim())));
  return named.flatMap((layers) => (layers.ok ? layers.value : [layers]));
}

/** All of them, or every problem of all. */
export function allLayers(layers: readonly Result<Layer>[]): Result<readonly Layer[]> {
  const problems = layers.flatMap((layer) => (layer.ok ? [] : layer.problems));
  return problems.length > 0 ? failed(...problems) : ok(layers.flatMap((layer) => (layer.ok ? [layer.value] : [])));
}

/** What the overlays name that the packs do not have, with its place. */
export function checkLayers(layers: readonly Layer[], packs: readonly KubeObject[]): readonly Problem[] {
  return layers.flatMap((layer) => (layer.object ? checkOverlay(layer.object, packs).map((problem) => placed(problem, layer)) : []));
}

function layerOf(object: KubeObject, kind: string, locate: Layer["locate"]): Result<Layer> {
  const overlay = parseOverlay(object);
  if (!overlay.ok) return failed(...overlay.problems.map((problem) => placed(problem, { locate })));
  return ok({ overlay: overlay.value, origin: `${kind} ${overlay.value.name}`, object, locate });
}

function placed(problem: Problem, { locate }: Pick<Layer, "locate">): Problem {
  const place = locate(problem.path);
  return place ? { ...problem, place } : problem;
}

/** Files of the folder that can hold an overlay: verbs that ask no rule need not read the packs. */
async function overlayFiles(folder: string): Promise<Result<Manifests>> {
  const files = await filesOf(folder);
  if (!files.ok) return files;
  const texts = await Promise.all(files.value.map(async (file) => ({ file, text: await readText(file) })));
  return loadManifests(texts.filter(({ text }) => !text.ok || text.value.includes("PackOverlay")).map(({ file }) => file));
}

/** The files directly in the folder; `examples/`, `profiles/` and `tests/` in it are not in force. */
export async function filesOf(folder: string): Promise<Result<readonly string[]>> {
  const { files, problems } = await listFiles([folder]);
  if (problems.length > 0) return failed(...problems);
  const top = normalize(`${folder}/.`);
  return ok(files.map(({ file }) => file).filter((file) => file === folder || normalize(dirname(file)) === top));
}

async function readProfile(packs: string, profile: string): Promise<Result<readonly Result<Layer>[]>> {
  const named = join(packs, "profiles", `${profile}.yaml`);
  const file = (await isFile(profile)) || !(await isFile(named)) ? profile : named;
  const text = await readText(file);
  if (!text.ok) return failed({ code: "profile/unknown", message: `\`${profile}\` is neither a file nor the name of a profile in ${join(packs, "profiles")}`, path: "" });
  const { documents, problems } = parseDocuments(text.value, file);
  if (problems.length > 0) return failed(...problems);
  return ok(documents.map(({ value, text: source, linesBefore }) => {
    const locate = (path: string): Place => placeOf({ file, text: source, linesBefore, path: "" }, path);
    return isRecord(value) && value["kind"] !== undefined ? profileOverlay(value, locate) : switchesLayer(value ?? {}, profile, locate);
  }));
}

function profileOverlay(value: Record<string, unknown>, locate: Layer["locate"]): Result<Layer> {
  const [found] = objectsIn(value);
  if (found?.value && isOverlay(found.value)) return layerOf(found.value, "profile", locate);
  return failed(placed({ code: "profile/shape", message: "a profile is a `PackOverlay` of `sluice.dev/v1alpha1`, or a plain map of switches", path: "kind" }, { locate }));
}

function switchesLayer(value: unknown, profile: string, locate: Layer["locate"]): Result<Layer> {
  if (!isRecord(value)) return failed(placed({ code: "profile/shape", message: "a profile is a map of switches", path: "" }, { locate }));
  const problems = checkSwitches(value, "");
  if (problems.length > 0) return failed(...problems.map((problem) => placed(problem, { locate })));
  return ok({ overlay: { name: profile, profile: value, settings: {}, overrides: {}, enforced: [] }, origin: `profile ${profile}`, locate });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isFile(), () => false);
}
