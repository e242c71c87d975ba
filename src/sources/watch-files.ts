import { watch, type FSWatcher } from "node:fs";
import { dirname } from "node:path";
import type { ObjectRef } from "../model/kubernetes.js";
import { kindKey, nameKey, refOf } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import type { Change, Fact } from "../model/snapshot.js";
import { readFacts, readManifest, readText } from "./files.js";
import { listFiles, type FoundFile, type Listing } from "./listing.js";
import { placeOf } from "./place.js";

export interface StateListener {
  /** Files changed: what to do to the state so that it holds what they say now. */
  changed(changes: readonly Change[]): void;
  /** Files that cannot be read, or objects in them; their last good content stays in force. */
  broken(problems: readonly Problem[]): void;
}

export interface StateWatch {
  /** What the files said when the watch began: apply these first. */
  readonly changes: readonly Change[];
  /** What could not be read then; nothing of it is in `changes`. */
  readonly errors: readonly Problem[];
  /** Resolves once every change made before the call has been told. */
  settle(): Promise<void>;
  close(): void;
}

/** Editors and `kubectl` write in bursts: rename, write, chmod. One look after this much quiet sees the result. */
const QUIET_MS = 100;

/**
 * Reads files and folders and follows them. Folders are watched, not files, so that files replaced by a rename (editors,
 * mounted ConfigMaps) are followed. "A file wins for its objects when its content changes": a file that did not change
 * says nothing again.
 */
export async function watchState(paths: readonly string[], listener: StateListener): Promise<StateWatch> {
  const state = new FileState(paths);
  const first = await state.look();
  if (first.warnings.length > 0) listener.broken(first.warnings);
  const follower = new Follower(state, listener);
  follower.follow();
  return { changes: first.changes, errors: first.errors, settle: () => follower.look(), close: () => follower.close() };
}

interface Look {
  readonly changes: readonly Change[];
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
}

interface Known {
  readonly text: string;
  readonly facts: ReadonlyMap<string, Fact>;
}

/** What each file said when it could last be read. */
class FileState {
  private readonly paths: readonly string[];
  private readonly files = new Map<string, Known>();
  /** Errors are told once, not at every look. */
  private told = "";
  folders: readonly string[] = [];

  constructor(paths: readonly string[]) {
    this.paths = paths;
  }

  async look(): Promise<Look> {
    const listing = await listFiles(this.paths);
    this.folders = watchable(listing, this.paths);
    const before = new Map(this.files);
    const [errors, warnings] = [[...listing.problems], new Array<Problem>()];
    for (const found of listing.files) {
      const read = await this.read(found);
      errors.push(...read.errors);
      warnings.push(...read.warnings);
    }
    if (listing.problems.length === 0) this.forgetAllBut(new Set(listing.files.map(({ file }) => file)));
    return { changes: this.changesSince(before), errors: this.news(errors), warnings };
  }

  private async read({ file, named }: FoundFile): Promise<Omit<Look, "changes">> {
    const text = await readText(file);
    if (!text.ok) return { errors: text.problems, warnings: [] };
    if (this.files.get(file)?.text === text.value) return { errors: [], warnings: [] };
    const { objects, errors, warnings } = readManifest(text.value, file, named);
    if (errors.length > 0) return { errors, warnings };
    const origins = new Map(objects);
    const { facts, problems } = readFacts([...origins.keys()], (object, path) => {
      const origin = origins.get(object);
      return origin && placeOf(origin, path);
    });
    this.files.set(file, { text: text.value, facts: new Map(facts.map((fact) => [keyOf(refOfFact(fact)), fact])) });
    return { errors: [], warnings: [...warnings, ...problems] };
  }

  private forgetAllBut(files: ReadonlySet<string>): void {
    for (const file of this.files.keys()) if (!files.has(file)) this.files.delete(file);
  }

  /** Removals first: a Namespace takes its objects along, and what other files still say of them comes back after it. */
  private changesSince(before: ReadonlyMap<string, Known>): Change[] {
    const changed = [...new Set([...before.keys(), ...this.files.keys()])].filter((file) => before.get(file) !== this.files.get(file));
    const facts = new Map([...this.files.values()].flatMap(({ facts: own }) => [...own]));
    const removed = changed.flatMap((file) => [...(before.get(file)?.facts ?? [])]).filter(([key]) => !facts.has(key));
    const refs = removed.map(([, fact]) => refOfFact(fact));
    const gone = new Set(refs.filter(({ group, kind }) => group === "" && kind === "Namespace").map(({ name }) => name));
    const puts = new Map(changed.flatMap((file) => [...(this.files.get(file)?.facts ?? [])]));
    for (const [key, fact] of facts) if (gone.has(refOfFact(fact).namespace ?? "")) puts.set(key, fact);
    return [...refs.map((remove): Change => ({ remove })), ...[...puts.values()].map((put): Change => ({ put }))];
  }

  private news(problems: readonly Problem[]): Problem[] {
    const text = JSON.stringify(problems);
    if (text === this.told) return [];
    this.told = text;
    return [...problems];
  }
}

/** Folders, and for files the folder they lie in. */
function watchable({ folders, files }: Listing, paths: readonly string[]): string[] {
  const named = files.filter((file) => file.named && file.file !== "-").map(({ file }) => dirname(file));
  const parents = paths.filter((path) => path !== "-").map((path) => dirname(path));
  return [...new Set([...folders, ...named, ...parents])];
}

function refOfFact({ fact, value }: Fact): ObjectRef {
  switch (fact) {
    case "namespace":
      return { group: "", kind: "Namespace", name: value.name };
    case "node":
      return { group: "", kind: "Node", name: value.name };
    case "pod":
      return { group: "", kind: "Pod", namespace: value.namespace, name: value.name };
    case "policy":
      return value.ref;
    case "object":
      return refOf(value);
  }
}

function keyOf(ref: ObjectRef): string {
  return `${kindKey(ref)} ${nameKey(ref)}`;
}

/** Watches the folders of a state, and looks again when something in them changes. */
class Follower {
  private readonly state: FileState;
  private readonly listener: StateListener;
  private readonly watchers = new Map<string, FSWatcher>();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(state: FileState, listener: StateListener) {
    this.state = state;
    this.listener = listener;
  }

  follow(): void {
    const wanted = new Set(this.closed ? [] : this.state.folders);
    for (const [folder, watcher] of this.watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.watchers.delete(folder);
    }
    for (const folder of wanted) if (!this.watchers.has(folder)) this.watch(folder);
  }

  look(): Promise<void> {
    this.looking = this.looking.then(() => this.lookNow());
    return this.looking;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.follow();
  }

  private watch(folder: string): void {
    try {
      const watcher = watch(folder, () => this.soon());
      watcher.on("error", () => this.drop(folder));
      this.watchers.set(folder, watcher);
    } catch (error) {
      this.listener.broken([{ code: "file/unwatched", message: `changes are not followed: ${String((error as Error).message)}`, path: "", place: { file: folder } }]);
    }
  }

  /** A folder that is gone cannot be watched; when it comes back, its parent says so. */
  private drop(folder: string): void {
    this.watchers.get(folder)?.close();
    this.watchers.delete(folder);
    this.soon();
  }

  private soon(): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => void this.look(), QUIET_MS);
  }

  private async lookNow(): Promise<void> {
    if (this.closed) return;
    const { changes, errors, warnings } = await this.state.look();
    this.follow();
    if (errors.length + warnings.length > 0) this.listener.broken([...errors, ...warnings]);
    if (changes.length > 0) this.listener.changed(changes);
  }
}
