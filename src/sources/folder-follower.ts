import { watch, type FSWatcher } from "node:fs";
import { dirname } from "node:path";
import type { Problem } from "../model/result.js";
import type { Listing } from "./listing.js";

export interface Followed {
  /** Asked after each look. */
  folders(): readonly string[];
  /** Reads again what lies there. */
  look(): Promise<void>;
  /** A folder whose changes cannot be followed. */
  unwatched(problem: Problem): void;
  /** Look every so often too, for file systems that tell nothing. */
  readonly pollMs?: number;
}

/** Editors and `kubectl` write in bursts: rename, write, chmod. One look after this much quiet sees the result. */
const QUIET_MS = 100;

/** Watches folders, and looks again when something in them changes. Folders, not files, so that files replaced by a rename (editors, mounted ConfigMaps) are followed. */
export class FolderFollower {
  readonly #followed: Followed;
  readonly #watchers = new Map<string, FSWatcher>();
  #quiet: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(followed: Followed) {
    this.#followed = followed;
  }

  start(): void {
    this.#follow();
    if (this.#followed.pollMs !== undefined) this.#poll = setInterval(() => void this.look(), this.#followed.pollMs).unref();
  }

  /** Resolves once every change made before the call has been looked at; one look at a time. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#lookNow());
    return this.#looking;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#quiet);
    clearInterval(this.#poll);
    this.#follow();
  }

  #follow(): void {
    const wanted = new Set(this.#closed ? [] : this.#followed.folders());
    for (const folder of this.#watchers.keys()) if (!wanted.has(folder)) this.#unwatch(folder);
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#watch(folder);
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, () => this.#soon());
      watcher.on("error", () => this.#drop(folder));
      this.#watchers.set(folder, watcher);
    } catch (error) {
      this.#followed.unwatched({ code: "file/unwatched", message: `changes are not followed: ${String((error as Error).message)}`, path: "", place: { file: folder } });
    }
  }

  #unwatch(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  /** A folder that is gone cannot be watched; when it comes back, its parent says so. */
  #drop(folder: string): void {
    this.#unwatch(folder);
    this.#soon();
  }

  #soon(): void {
    clearTimeout(this.#quiet);
    if (!this.#closed) this.#quiet = setTimeout(() => void this.look(), QUIET_MS);
  }

  async #lookNow(): Promise<void> {
    if (this.#closed) return;
    await this.#followed.look();
    this.#follow();
  }
}

/** Folders, for files the folder they lie in, and where what is named itself lies. */
export function watchable({ folders, files }: Listing, paths: readonly string[]): string[] {
  const named = files.filter((file) => file.named && file.file !== "-").map(({ file }) => dirname(file));
  const parents = paths.filter((path) => path !== "-").map((path) => dirname(path));
  return [...new Set([...folders, ...named, ...parents])];
}
