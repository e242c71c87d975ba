import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { isPolicyKind, readObject } from "../dialects/index.js";
import { isRecord, kindKey, refOf, type KubeObject } from "../model/kubernetes.js";
import type { Place, Problem, Result } from "../model/result.js";
import { Snapshot, type Fact } from "../model/snapshot.js";
import { listFiles, STDIN, type FoundFile } from "./listing.js";
import { objectsIn } from "./manifest.js";
import { parseDocuments } from "./documents.js";
import { placeOf, type Origin } from "./place.js";

/** Objects read from files, and the way back to their text. */
export interface Manifests {
  readonly objects: readonly KubeObject[];
  /** What could be read but looks wrong; what could not be read at all fails the whole load. */
  readonly warnings: readonly Problem[];
  /** Where an object (by identity, else by name), or a path in it, stands; undefined for objects from elsewhere. */
  readonly locate: (object: KubeObject, path?: string) => Place | undefined;
}

export interface LoadedState extends Manifests {
  readonly snapshot: Snapshot;
}

/**
 * Reads files, folders (recursively: .yaml, .yml, .json) and `-` (standard input). Fails with every unreadable file and
 * broken document at once.
 */
export async function loadManifests(paths: readonly string[]): Promise<Result<Manifests>> {
  const listing = await listFiles(paths);
  const reader = new ManifestReader(listing.problems);
  for (const file of listing.files) await reader.read(file);
  return reader.result();
}

/** As `loadManifests`, of one file whose text was read before. */
export function manifestsOf(text: Result<string>, file: string): Result<Manifests> {
  const reader = new ManifestReader([]);
  reader.take(text, file, true);
  return reader.result();
}

/** As `loadManifests`, with the snapshot that the objects make. */
export async function loadState(paths: readonly string[]): Promise<Result<LoadedState>> {
  const loaded = await loadManifests(paths);
  if (!loaded.ok) return loaded;
  const { objects, warnings, locate } = loaded.value;
  const { facts, problems } = readFacts(objects, locate);
  const snapshot = Snapshot.EMPTY.with(facts.map((put) => ({ put })));
  return { ok: true, value: { objects, snapshot, locate, warnings: [...warnings, ...problems] } };
}

/** The facts of objects, and what the dialects found wrong, with its place. */
export function readFacts(objects: readonly KubeObject[], locate: Manifests["locate"]): { facts: Fact[]; problems: Problem[] } {
  const facts: Fact[] = [];
  const problems: Problem[] = [];
  for (const object of objects) {
    const read = readObject(object);
    for (const fact of read.facts) facts.push(fact);
    for (const problem of read.problems) {
      const place = locate(object, problem.path);
      problems.push(place ? { ...problem, place } : problem);
    }
  }
  return { facts, problems };
}

/** What cannot be read of objects that are no policies; of policies, rule `sluice/readable` tells. */
export function unreadBesidePolicies({ objects, locate }: Manifests): readonly Problem[] {
  return readFacts(objects.filter((object) => factsOf(object).length === 0 || !isPolicyKind(refOf(object))), locate).problems;
}

/** The facts of one object; what cannot be read of it is left to whoever judges it. */
export function factsOf(object: KubeObject): readonly Fact[] {
  return readObject(object).facts;
}

/** Reads one text into objects. `strict`: the file was named, so a document that is no object is an error. */
export function readManifest(text: string, file: string, strict: boolean): { objects: [KubeObject, Origin][]; errors: Problem[]; warnings: Problem[] } {
  const { documents, problems } = parseDocuments(text, file);
  const objects: [KubeObject, Origin][] = [];
  const odd: Problem[] = [];
  for (const { value, ...document } of documents) {
    for (const found of objectsIn(value)) {
      const origin: Origin = { file, ...document, path: found.path };
      if (found.problem) odd.push({ ...found.problem, place: placeOf(origin) });
      else objects.push([found.value, origin]);
    }
  }
  return strict ? { objects, errors: [...problems, ...odd], warnings: [] } : { objects, errors: [...problems], warnings: odd };
}

class ManifestReader {
  private readonly objects: KubeObject[] = [];
  private readonly origins = new Map<KubeObject, Origin>();
  private readonly byName = new Map<string, { readonly object: KubeObject; readonly origin: Origin }>();
  private readonly warnings: Problem[] = [];
  private readonly errors: Problem[];

  constructor(errors: readonly Problem[]) {
    this.errors = [...errors];
  }

  async read({ file, named }: FoundFile): Promise<void> {
    this.take(await readText(file), file, named);
  }

  take(text: Result<string>, file: string, named: boolean): void {
    if (!text.ok) {
      this.errors.push(...text.problems);
      return;
    }
    const { objects, errors, warnings } = readManifest(text.value, file, named);
    for (const [object, origin] of objects) this.add(object, origin);
    this.errors.push(...errors);
    this.warnings.push(...warnings);
  }

  private add(object: KubeObject, origin: Origin): void {
    const key = keyOf(object);
    const earlier = this.byName.get(key);
    if (earlier && object.metadata.name && !isDeepStrictEqual(earlier.object, object)) this.warnings.push(givenTwice(object, earlier.origin, origin));
    this.objects.push(object);
    this.origins.set(object, origin);
    this.byName.set(key, { object, origin });
  }

  result(): Result<Manifests> {
    if (this.errors.length > 0) return { ok: false, problems: this.errors };
    const { objects, warnings, origins, byName } = this;
    const locate: Manifests["locate"] = (object, path) => {
      const origin = origins.get(object) ?? byName.get(keyOf(object))?.origin;
      return origin && placeOf(origin, path);
    };
    return { ok: true, value: { objects, warnings, locate } };
  }
}

function givenTwice({ kind, metadata }: KubeObject, earlier: Origin, later: Origin): Problem {
  const { file, line } = placeOf(earlier);
  const message = `${kind} \`${metadata.name ?? ""}\` is given twice with different content; this one counts, not the one at ${file}:${line ?? 1}`;
  return { code: "file/given-twice", message, path: "", place: placeOf(later) };
}

/** One text per object, however complete: what the dialects made of it has a namespace even where the file has none. */
function keyOf(object: KubeObject): string {
  const ref = refOf(object);
  return `${kindKey(ref)} ${ref.namespace ?? "default"}/${ref.name}`;
}

/** The text of a file or of standard input, without a byte order mark. */
export async function readText(file: string): Promise<Result<string>> {
  try {
    const bytes = file === STDIN ? await readStdin() : await readFile(file);
    return { ok: true, value: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    return { ok: false, problems: [{ code: "file/unreadable", message: whyUnreadable(error), path: "", place: { file } }] };
  }
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** File system errors in words. */
export function whyUnreadable(error: unknown): string {
  const code = isRecord(error) || error instanceof Error ? (error as { code?: unknown }).code : undefined;
  if (code === "ENOENT") return "no such file or folder";
  if (code === "EACCES" || code === "EPERM") return "may not be read";
  if (code === "EISDIR") return "is a folder";
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return "is not UTF-8 text";
  return `cannot be read (${String(code ?? error)})`;
}
