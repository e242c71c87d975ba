import type { ObjectRef } from "../model/kubernetes.js";
import { kindKey, nameKey, refOf } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import type { Change, Fact } from "../model/snapshot.js";
import { readFacts, readManifest, readText } from "./files.js";
import { FolderFollower, watchable } from "./folder-follower.js";
import { listFiles, type FoundFile } from "./listing.js";
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

/** Reads files and folders and follows them. "A file wins for its objects when its content changes": a file that did not change says nothing again. */
export async function watchState(paths: readonly string[], listener: StateListener): Promise<StateWatch> {
  const state = new FileState(paths);
  const first = await state.look();
  if (first.warnings.length > 0) listener.broken(first.warnings);
  const look = async (): Promise<void> => {
    const { changes, errors, warnings } = await state.look();
    if (errors.length + warnings.length > 0) listener.broken([...errors, ...warnings]);
    if (changes.length > 0) listener.changed(changes);
  };
  const follower = new FolderFollower({ folders: () => state.folders, look, unwatched: (problem) => listener.broken([problem]) });
  follower.start();
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
