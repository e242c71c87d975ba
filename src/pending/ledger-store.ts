import { isRecord, recordsIn, type KubeObject } from "../model/kubernetes.js";
import { isVersion } from "../model/resource-version.js";
import type { Log } from "../log.js";
import { EMPTY_LEDGER, type Ledger } from "../review/pending.js";
import type { PendingChange } from "../review/pending-change.js";

/** A ledger and which one it is. */
export interface Kept {
  readonly ledger: Ledger;
  readonly version: string;
}

/** Where the ledger lies. */
export interface LedgerStore {
  read(signal: AbortSignal): Promise<Kept>;
  /** Replaces the ledger that was read by another one; undefined when it is not that one any more. A rejection tells nothing: it may have been replaced. */
  swap(from: Kept, to: Ledger, signal: AbortSignal): Promise<Kept | undefined>;
}

/** The ledger of a single replica. */
export class MemoryLedger implements LedgerStore {
  #kept: Kept = { ledger: EMPTY_LEDGER, version: "0" };

  async read(): Promise<Kept> {
    return this.#kept;
  }

  async swap(from: Kept, to: Ledger): Promise<Kept | undefined> {
    if (from.version !== this.#kept.version) return undefined;
    return (this.#kept = { ledger: to, version: String(Number(from.version) + 1) });
  }
}

/** A text that several processes replace by compare-and-swap. */
export interface SharedText {
  read(signal: AbortSignal): Promise<{ readonly text: string; readonly version: string }>;
  /** The new version; undefined when the text is not the one of `version` any more. */
  swap(version: string, text: string, signal: AbortSignal): Promise<string | undefined>;
}

/** A shared text in memory. */
export class MemoryText implements SharedText {
  #kept = { text: "", version: "0" };

  async read(): Promise<{ readonly text: string; readonly version: string }> {
    return this.#kept;
  }

  async swap(version: string, text: string): Promise<string | undefined> {
    if (version !== this.#kept.version) return undefined;
    this.#kept = { text, version: String(Number(version) + 1) };
    return this.#kept.version;
  }
}

/** The ledger of several replicas. */
export class SharedLedger implements LedgerStore {
  readonly #text: SharedText;
  readonly #log: Log;

  constructor(text: SharedText, log: Log) {
    this.#text = text;
    this.#log = log;
  }

  async read(signal: AbortSignal): Promise<Kept> {
    const { text, version } = await this.#text.read(signal);
    const ledger = decodeLedger(text);
    // Nobody but Sluice writes it. To refuse every change until somebody repairs it would be an outage.
    if (!ledger) this.#log.error({ length: text.length }, "the shared list of pending changes cannot be read; it is begun anew");
    return { ledger: ledger ?? EMPTY_LEDGER, version };
  }

  async swap(from: Kept, to: Ledger, signal: AbortSignal): Promise<Kept | undefined> {
    const version = await this.#text.swap(from.version, encodeLedger(to), signal);
    return version === undefined ? undefined : { ledger: to, version };
  }
}

/**
 * A ConfigMap holds 1 MiB. With so many changes, of so many characters at most each, the list stays below half of it; names are at most
 * 253 characters. What is longer is told of without its content: other replicas wait until they see it.
 */
export const MAX_CHANGES = 64;
const MAX_TOLD = 4_096;

export function encodeLedger({ changes, seen }: Ledger): string {
  return JSON.stringify({ seen, changes: changes.map(toldOf) });
}

function toldOf({ object, ...rest }: PendingChange): PendingChange {
  if (!object) return rest;
  const { apiVersion, kind, metadata, spec } = object;
  const { name, namespace, uid, labels } = metadata;
  // Of policies nothing but the spec says what they do; of namespaces nothing but the labels.
  const told = { apiVersion, kind, metadata: { name, namespace, uid, ...(kind === "Namespace" && { labels }) }, spec } as KubeObject;
  return JSON.stringify(told).length > MAX_TOLD ? { ...rest, untold: true } : { ...rest, object: told };
}

/** Undefined for anything but a ledger; an empty text is an empty one. */
export function decodeLedger(text: string): Ledger | undefined {
  if (text === "") return EMPTY_LEDGER;
  const value = parse(text);
  if (!isRecord(value) || !isRecord(value["seen"]) || !Array.isArray(value["changes"])) return undefined;
  const changes = recordsIn(value["changes"]);
  const seen = Object.entries(value["seen"]);
  // A version that is no number nobody could ever come as far as: every change would be refused, also when the list is mended.
  if (changes.length !== value["changes"].length || !changes.every(isChange) || !seen.every(([, version]) => isVersion(version))) return undefined;
  return { changes, seen: Object.fromEntries(seen) as Record<string, string> };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isChange(value: Record<string, unknown>): value is Record<string, unknown> & PendingChange {
  const { id, ref, uid, base, object } = value;
  const isText = (one: unknown): boolean => typeof one === "string";
  if (![id, uid].every(isText) || !isRecord(ref) || ![ref["group"], ref["kind"], ref["name"]].every(isText)) return false;
  return (base === undefined || isText(base)) && (object === undefined || (isRecord(object) && isRecord(object["metadata"])));
}
