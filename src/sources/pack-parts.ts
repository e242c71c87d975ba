import { dirname } from "node:path";
import type { KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { readText, type Manifests } from "./files.js";
import { watchable } from "./folder-follower.js";
import type { Knobs } from "./knobs.js";
import { listFiles } from "./listing.js";
import { packManifests, shapeProblem } from "./pack-limits.js";
import { allLayers, filesOf, layersIn, readProfiles, type Layer } from "./overlays.js";

/** What is in force is made of parts; each is taken whole or not at all: a file of the packs folder, the profiles, an object of the cluster. */
export interface PackPart {
  /** Tells it apart from the others, in words: a path, `--profile`, `RulePack x of the cluster`. */
  readonly name: string;
  /** Equal for parts that say the same. */
  readonly fingerprint: string;
  readonly content: Result<PackContent>;
}

export interface PackContent {
  readonly objects: readonly KubeObject[];
  readonly layers: readonly Layer[];
  readonly locate: Manifests["locate"];
}

/** Every part as the files are now, weakest first; see `PartReader.read`. */
export function readParts(knobs: Knobs): Promise<Result<readonly PackPart[]>> {
  return new PartReader().read(knobs);
}

/** Reads parts; a file whose text has not changed is not read into objects again. */
export class PartReader {
  readonly #known = new Map<string, { readonly text: string; readonly part: PackPart }>();

  /** Every part, weakest first. Fails as a whole only when the folder itself cannot be listed: nothing is known of its parts then. */
  async read(knobs: Knobs): Promise<Result<readonly PackPart[]>> {
    const files = await filesOf(knobs.packs);
    if (!files.ok) return files;
    const ofFiles = await Promise.all(files.value.map((file) => this.#part(file)));
    return ok([...ofFiles, await profilePart(knobs)]);
  }

  async #part(file: string): Promise<PackPart> {
    const text = await readText(file);
    const known = this.#known.get(file);
    if (known && text.ok && known.text === text.value) return known.part;
    const part = partOf(file, contentOf(packManifests(text, file)));
    if (text.ok) this.#known.set(file, { text: text.value, part });
    return part;
  }
}

/** A part of objects that do not come from files. Versions and status of a stored object change without what it says, so they are left out. */
export function objectPart(name: string, objects: readonly KubeObject[]): PackPart {
  const said = objects.map(({ metadata, status: _status, ...rest }): KubeObject => ({ ...rest, metadata: { name: metadata.name ?? "" } }));
  const problems = said.flatMap((object) => shapeProblem(object) ?? []);
  if (problems.length > 0) return { name, content: failed(...problems), fingerprint: JSON.stringify(problems) };
  return partOf(name, contentOf(ok({ objects: said, warnings: [], locate: () => undefined })));
}

/** The folders to watch for changes of parts. */
export async function partFolders({ packs, profile }: Knobs): Promise<readonly string[]> {
  const listing = await listFiles([packs]);
  return [...new Set([...watchable(listing, [packs]), ...(profile?.split(",").map((name) => dirname(name.trim())) ?? [])])];
}

async function profilePart(knobs: Knobs): Promise<PackPart> {
  const layers = allLayers(await readProfiles(knobs));
  return partOf("--profile", layers.ok ? ok({ objects: [], layers: layers.value, locate: () => undefined }) : layers);
}

function contentOf(manifests: Result<Manifests>): Result<PackContent> {
  if (!manifests.ok) return manifests;
  const layers = allLayers(layersIn(manifests.value));
  return layers.ok ? ok({ ...manifests.value, layers: layers.value }) : failed(...layers.problems);
}

function partOf(name: string, content: Result<PackContent>): PackPart {
  return { name, content, fingerprint: JSON.stringify(content.ok ? [content.value.objects, content.value.layers.map(({ overlay }) => overlay)] : content.problems) };
}

/** Every problem of the parts, or what they hold together. */
export function joinParts(parts: readonly PackPart[]): Result<PackContent> {
  const problems = parts.flatMap(({ content }): readonly Problem[] => (content.ok ? [] : content.problems));
  if (problems.length > 0) return failed(...problems);
  const contents = parts.flatMap(({ content }) => (content.ok ? [content.value] : []));
  return ok({
    objects: contents.flatMap(({ objects }) => objects),
    layers: contents.flatMap(({ layers }) => layers),
    locate: (object, path) => contents.map(({ locate }) => locate(object, path)).find((place) => place !== undefined),
  });
}
