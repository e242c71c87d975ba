import { setTimeout as sleep } from "node:timers/promises";
import { readObject } from "../dialects/index.js";
import { kindKey, nameKey, refOf, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import type { Condition } from "../model/readiness.js";
import { isAfter } from "../model/resource-version.js";
import type { Change } from "../model/snapshot.js";
import type { Log } from "../log.js";
import { ClusterError } from "./connection.js";
import { isAbsent } from "./discovery.js";
import { GarbageEvent, readEvent } from "./events.js";
import { LineCutter } from "./lines.js";
import { listPages, watchPath, type Reader, type Selection, type WatchedKind } from "./list.js";
import { strip } from "./strip.js";
import { limited, pauseAfter } from "./timing.js";

/** How far one kind is known. */
export interface KindStatus {
  /** `Kind.group`, as `kindKey` writes it. */
  readonly kind: string;
  /** Listed whole once; or absent, which is the same: there is nothing to know. */
  readonly synced: boolean;
  /** The API server does not know the kind: its CRD is not installed. */
  readonly absent: boolean;
  /** Since the API server was last heard of it: a list, an event or a bookmark. */
  readonly ageSeconds: number;
  /** Known whole as it was then, or later; of an absent kind, how far the others were known when the API server was asked for it. */
  readonly resourceVersion?: string;
  readonly objects: number;
  /** The API server does not let us read it: it was told so last. */
  readonly refused: boolean;
  /** What went wrong last, while it has not gone right since. */
  readonly problem?: string;
}

export interface KindWatchParts extends Reader {
  readonly log: Log;
  readonly onChanges: (changes: readonly Change[]) => void;
  /** How far the cluster is known by any of its kinds. */
  readonly latest: () => string | undefined;
}

const QUICK_MS = 1_000;

/** Lists one kind and watches it from there, for as long as it runs, whatever happens on the way. */
export class KindWatch {
  readonly kind: WatchedKind;
  /** `Kind.group`, as `kindKey` writes it. */
  readonly name: string;
  /** Resolves when the kind is synced for the first time. */
  readonly synced: Promise<void>;
  readonly #parts: KindWatchParts;
  /** `namespace/name`, or `name`, of what was handed on. */
  #known = new Set<string>();
  /** Where the next watch begins; undefined: list first. */
  #resourceVersion: string | undefined;
  #synced = false;
  #absent = false;
  /** How far the cluster was known before the API server was asked last. */
  #asked: string | undefined;
  #absentAt: string | undefined;
  #heardAt = performance.now();
  #problem: string | undefined;
  #refused = false;
  #condition: Condition;
  /** Since something was last heard. */
  #failures = 0;
  /** Ends the watch that is open. */
  #current: AbortController | undefined;
  #onSynced: () => void = () => undefined;

  constructor(kind: WatchedKind, parts: KindWatchParts) {
    this.kind = kind;
    this.name = kindKey(kind);
    this.#condition = { name: `sync ${this.name}`, ok: false, detail: "" };
    this.#parts = parts;
    this.synced = new Promise((resolve) => (this.#onSynced = resolve));
  }

  /** As `KindStatus` has it. */
  get resourceVersion(): string | undefined {
    return this.#absent ? this.#absentAt : this.#resourceVersion;
  }

  /** What `/readyz` tells of it: the same one until it changes, because each review asks. */
  get condition(): Condition {
    const detail = this.#problem ?? (this.#absent ? "not installed" : "");
    if (this.#condition.ok !== this.#synced || this.#condition.detail !== detail) this.#condition = { ...this.#condition, ok: this.#synced, detail };
    return this.#condition;
  }

  get status(): KindStatus {
    const version = this.resourceVersion;
    return {
      kind: this.name,
      synced: this.#synced,
      absent: this.#absent,
      ageSeconds: (performance.now() - this.#heardAt) / 1_000,
      ...(version !== undefined && { resourceVersion: version }),
      objects: this.#known.size,
      refused: this.#refused,
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#asked = this.#parts.latest();
      try {
        if (this.#resourceVersion === undefined) await this.#list(signal);
        await this.#watch(this.#resourceVersion ?? "", signal);
      } catch (error) {
        if (!signal.aborted) await this.#pause(await this.#afterError(error, signal), signal);
      }
    }
  }

  /** Takes back what was handed on, of a kind that is no longer followed. */
  forget(): void {
    if (this.#known.size > 0) this.#parts.onChanges([...this.#known].map((key) => removal(this.#refOf(key))));
    this.#known = new Set();
  }

  /** What a consistent read of these namespaces, or of all (and of cluster-scoped kinds whole), says beyond what is known here, as changes. */
  async readNow(namespaces: readonly string[] | "all", signal: AbortSignal): Promise<readonly Change[]> {
    if (this.#absent) return [];
    const changes = this.#scopes(namespaces).map((scope) => this.#readScope(scope, signal));
    return (await Promise.all(changes)).flat();
  }

  async #readScope(scope: Selection, signal: AbortSignal): Promise<readonly Change[]> {
    // Before the read: what a watch adds meanwhile is newer than the list and must not be taken away.
    const gone = new Set([...this.#known].filter((key) => isWithin(key, scope)));
    const changes: Change[] = [];
    for await (const page of listPages(this.#parts, this.kind, { ...scope, signal })) {
      for (const object of page.items) {
        gone.delete(nameKey(refOf(object)));
        changes.push(...this.#puts(object));
      }
      this.#expect(page.items);
    }
    for (const key of gone) changes.push(removal(this.#refOf(key)));
    return changes;
  }

  /** What a read shows, the watch shows a moment later: one that does not is dead, and its silence alone would tell only after minutes. */
  #expect(items: readonly KubeObject[]): void {
    const watch = this.#current;
    const isBehind = (): boolean => items.some(({ metadata }) => isAfter(metadata.resourceVersion, this.#resourceVersion));
    if (!watch || !isBehind()) return;
    setTimeout(() => {
      if (watch === this.#current && isBehind()) watch.abort(new Error(`the watch of ${this.kind.resource} does not show what is stored`));
    }, this.#parts.timing.lateMs).unref();
  }

  /** A Namespace is asked for by name; other cluster-scoped kinds are read whole. */
  #scopes(namespaces: readonly string[] | "all"): readonly Selection[] {
    if (namespaces === "all") return [{}];
    if (this.kind.group === "" && this.kind.kind === "Namespace") return namespaces.map((name) => ({ name }));
    return this.kind.namespaced ? namespaces.map((namespace) => ({ namespace })) : [{}];
  }

  /** Pages are handed on as they come; what is known and was not seen goes at the end. */
  async #list(signal: AbortSignal): Promise<void> {
    const seen = new Set<string>();
    let resourceVersion = "";
    for await (const page of listPages(this.#parts, this.kind, { signal })) {
      const keys = page.items.map((object) => nameKey(refOf(object)));
      for (const key of keys) seen.add(key);
      // At once: a list that breaks off has handed these on already, and the next one must take back what is gone by then.
      for (const key of keys) this.#known.add(key);
      this.#parts.onChanges(page.items.flatMap((object) => this.#puts(object)));
      resourceVersion = page.resourceVersion;
    }
    const gone = [...this.#known].filter((key) => !seen.has(key)).map((key) => removal(this.#refOf(key)));
    if (gone.length > 0) this.#parts.onChanges(gone);
    this.#known = seen;
    this.#resourceVersion = resourceVersion;
    this.#synced = true;
    this.#absent = false;
    this.#heard();
    this.#onSynced();
  }

  /** Follows the changes after `resourceVersion` until the server ends the watch. */
  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { connection, timing } = this.#parts;
    // Not all kinds at the same instant.
    const path = watchPath(this.kind, resourceVersion, (timing.watchMs / 1_000) * (1 + Math.random()));
    const current = (this.#current = new AbortController());
    const limit = { parent: AbortSignal.any([signal, current.signal]), ms: timing.stallMs, message: `nothing was heard of ${this.kind.resource} for ${timing.stallMs} ms` };
    const started = performance.now();
    const lines = await limited(limit, async (signal, alive) => {
      const stream = await connection.open(path, signal);
      this.#heard();
      const cutter = new LineCutter();
      let count = 0;
      for await (const chunk of stream) {
        alive();
        count += this.#takeIn(cutter.push(chunk as Buffer));
      }
      return count;
    });
    // A server that ends every watch at once must not be asked in a circle.
    if (lines === 0 && performance.now() - started < QUICK_MS) throw new Error(`the watch of ${this.kind.resource} ended at once without a word`);
    this.#failures = 0;
  }

  /** One batch per chunk; what came before a bad line still counts. */
  #takeIn(lines: readonly string[]): number {
    const batch: Change[] = [];
    try {
      for (const line of lines) {
        const event = readEvent(line, this.kind);
        if (event.type === "put") batch.push(...this.#put(event.object));
        if (event.type === "remove") batch.push(this.#remove(event.object));
        this.#resourceVersion = event.resourceVersion;
      }
    } finally {
      if (batch.length > 0) this.#parts.onChanges(batch);
    }
    if (lines.length > 0) this.#failures = 0;
    this.#heard();
    return lines.length;
  }

  #put(object: KubeObject): readonly Change[] {
    this.#known.add(nameKey(refOf(object)));
    return this.#puts(object);
  }

  #remove(object: KubeObject): Change {
    const ref = refOf(object);
    this.#known.delete(nameKey(ref));
    return removal(ref);
  }

  #puts(object: KubeObject): readonly Change[] {
    const { facts, problems } = readObject(strip(object));
    const ref = refOf(object);
    if (problems.length > 0) this.#parts.log.warn({ ref, problems: problems.map(({ code, path }) => ({ code, path })) }, "an object of the cluster cannot be read whole");
    return facts.length > 0 ? facts.map((put) => ({ put })) : [removal(ref)];
  }

  /** Names hold no slash. */
  #refOf(key: string): ObjectRef {
    const { group, kind } = this.kind;
    const slash = key.indexOf("/");
    return slash < 0 ? { group, kind, name: key } : { group, kind, namespace: key.slice(0, slash), name: key.slice(slash + 1) };
  }

  #heard(): void {
    this.#heardAt = performance.now();
    this.#problem = undefined;
    this.#refused = false;
  }

  /** What an error leaves behind, and how long to wait then. */
  async #afterError(error: unknown, signal: AbortSignal): Promise<number> {
    const { log, timing } = this.#parts;
    const { status, retryAfterMs = 0 } = error instanceof ClusterError ? error : { status: 0 };
    if (status === 404 && (await isAbsent(this.kind, this.#parts, signal))) return this.#missing();
    const failures = (this.#failures += 1);
    // "Too old resource version", or nonsense: what is known may have holes.
    if (status === 410 || error instanceof GarbageEvent) this.#resourceVersion = undefined;
    this.#problem = error instanceof Error ? error.message : String(error);
    this.#refused = status === 401 || status === 403;
    if (status === 410 && failures === 1) return 0;
    log.warn({ kind: this.name, status, failures, reason: this.#problem }, "list or watch failed");
    return Math.max(retryAfterMs, pauseAfter(failures, timing));
  }

  /** A CRD that is not installed is nothing wrong: there are no such objects. */
  #missing(): number {
    const { log, timing } = this.#parts;
    if (!this.#absent) log.info({ kind: this.name }, "the API server does not know this kind; it is looked for again");
    this.forget();
    this.#resourceVersion = undefined;
    this.#synced = true;
    this.#absent = true;
    this.#absentAt = this.#asked;
    this.#heard();
    this.#onSynced();
    return timing.absentMs;
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}

/** Each kind is followed by itself: a Namespace that goes may be an older one than that of the objects which are known already. */
function removal(remove: ObjectRef): Change {
  return { remove, alone: true };
}

function isWithin(key: string, { name, namespace }: Selection): boolean {
  if (name !== undefined) return key === name;
  return namespace === undefined || key.startsWith(`${namespace}/`);
}
