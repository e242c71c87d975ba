import { setTimeout as sleep } from "node:timers/promises";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { FolderFollower } from "./folder-follower.js";
import type { Knobs } from "./knobs.js";
import { partFolders, PartReader, type PackPart } from "./pack-parts.js";
import { changedParts, takeOver, tryOut, type InForce } from "./pack-reload.js";
import { composePacks, type LoadedPacks } from "./packs.js";

export interface PacksListener {
  /** What keeps packs that compile from doing what they say; asked of every try, so that the part at fault is told apart. */
  check?(next: LoadedPacks): readonly Problem[];
  /** Asked before other packs come into force: what keeps them from being asked, such as a kind that cannot be read. */
  prepare?(next: LoadedPacks): Promise<readonly Problem[]>;
  /** Other packs are in force, or other problems keep packs from being it. */
  changed(inForce: InForce, before: InForce): void;
}

/** The packs in force, which follow their sources. */
export interface PacksWatch {
  readonly inForce: InForce;
  /** Parts beside the folder and the profiles, weaker than the profiles; replaces those given before. Resolves when they are in force or refused. */
  setMore(parts: readonly PackPart[]): Promise<void>;
  /** What would be in force with this part, or without it when it is absent; changes nothing. */
  tryOut(change: { readonly name: string; readonly part?: PackPart }): Result<LoadedPacks>;
  /** Resolves once every change made before the call has been looked at. */
  settle(): Promise<void>;
  close(): void;
}

// Some file systems tell nothing of changes.
const POLL_MS = 30_000;
/** After what cannot be asked yet. */
const RETRY_MS = 5_000;

/** Loads the packs and follows their files. Fails with what keeps them from being loaded at all: then there is no last good one. */
export async function watchPacks(knobs: Knobs, listener: PacksListener): Promise<Result<PacksWatch>> {
  const reader = new PartReader();
  const parts = await reader.read(knobs);
  if (!parts.ok) return parts;
  const loaded = composePacks(parts.value, knobs);
  if (!loaded.ok) return failed(...loaded.problems);
  const watch = new Watch({ knobs, listener, reader }, { parts: parts.value, loaded: loaded.value, refused: new Map() });
  await watch.start();
  return ok(watch);
}

class Watch implements PacksWatch {
  readonly #knobs: Knobs;
  readonly #listener: PacksListener;
  readonly #reader: PartReader;
  readonly #follower: FolderFollower;
  readonly #closing = new AbortController();
  #inForce: InForce;
  #folders: readonly string[] = [];
  #more: readonly PackPart[] = [];
  /** What was looked at last, whether it came into force or not. */
  #seen: readonly PackPart[];
  #unread: readonly Problem[] = [];
  #unready = false;

  constructor({ knobs, listener, reader }: { readonly knobs: Knobs; readonly listener: PacksListener; readonly reader: PartReader }, start: InForce) {
    this.#knobs = knobs;
    this.#listener = listener;
    this.#reader = reader;
    this.#inForce = start;
    this.#seen = start.parts;
    this.#follower = new FolderFollower({ folders: () => this.#folders, look: () => this.#look(), unwatched: () => undefined, pollMs: POLL_MS });
  }

  get inForce(): InForce {
    return this.#inForce;
  }

  async start(): Promise<void> {
    this.#folders = await partFolders(this.#knobs);
    this.#follower.start();
  }

  setMore(parts: readonly PackPart[]): Promise<void> {
    this.#more = parts;
    return this.#follower.look();
  }

  tryOut(change: { readonly name: string; readonly part?: PackPart }): Result<LoadedPacks> {
    return tryOut(this.#inForce, change, (parts) => this.#compose(parts));
  }

  settle(): Promise<void> {
    return this.#follower.look();
  }

  close(): void {
    this.#closing.abort();
    this.#follower.close();
  }

  async #look(): Promise<void> {
    const read = await this.#reader.read(this.#knobs);
    this.#folders = await partFolders(this.#knobs);
    if (!read.ok) return this.#keep(read.problems);
    const wanted = withMore(read.value, this.#more);
    if (!this.#unready && this.#unread.length === 0 && changedParts(this.#seen, wanted).length === 0) return;
    this.#seen = wanted;
    this.#unread = [];
    await this.#take(await takeOver(this.#inForce, wanted, (parts) => this.#compose(parts)));
  }

  #compose(parts: readonly PackPart[]): Result<LoadedPacks> {
    const composed = composePacks(parts, this.#knobs);
    const problems = composed.ok ? (this.#listener.check?.(composed.value) ?? []) : [];
    return problems.length > 0 ? failed(...problems) : composed;
  }

  /** Nothing is known of any part: all stay. Told once. */
  #keep(problems: readonly Problem[]): void {
    if (JSON.stringify(problems) === JSON.stringify(this.#unread)) return;
    this.#unread = problems;
    this.#tell({ ...this.#inForce, refused: new Map([[this.#knobs.packs, problems]]) });
  }

  async #take(next: InForce): Promise<void> {
    const isNew = next.loaded.digest !== this.#inForce.loaded.digest;
    const problems = isNew ? ((await this.#listener.prepare?.(next.loaded)) ?? []) : [];
    this.#unready = problems.length > 0;
    if (!this.#unready) return this.#tell(next);
    // Every part waits: which of them asked for what is missing is not told apart.
    this.#tell({ ...this.#inForce, refused: new Map([...next.refused, ["the packs as they are now", problems]]) });
    void sleep(RETRY_MS, undefined, { signal: this.#closing.signal, ref: false }).then(() => this.#follower.look(), () => undefined);
  }

  #tell(next: InForce): void {
    const before = this.#inForce;
    this.#inForce = next;
    this.#listener.changed(next, before);
  }
}

/** The profiles stay the strongest. */
function withMore(read: readonly PackPart[], more: readonly PackPart[]): readonly PackPart[] {
  return [...read.slice(0, -1), ...more, ...read.slice(-1)];
}
