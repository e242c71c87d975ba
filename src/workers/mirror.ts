import { readinessOf, type Condition, type Readiness } from "../model/readiness.js";
import { formatProblem } from "../model/result.js";
import { compilePacks } from "../packs/compile.js";
import type { Change } from "../model/snapshot.js";
import type { LoadedPacks } from "../sources/packs.js";
import type { LiveSnapshot } from "../server/live-snapshot.js";
import type { Certificates } from "../server/serve.js";
import type { ServedCertificate } from "../upkeep/certificate-files.js";
import type { ToldPacks, ToWorker } from "./messages.js";
import { changesOf } from "./told.js";

/** Ten times as long as the primary is silent at most. */
const SILENCE_MS = 10_000;

/** What a worker knows: all of it was told by the primary. */
export class Mirror implements Certificates {
  readonly #live: LiveSnapshot;
  readonly #observed: () => void;
  /** What comes before the whole is there, which nobody asks for yet: applied together, the state's maps are plain ones, which are read faster. */
  #first: Change[] | undefined = [];
  #versions: Readonly<Record<string, string>> = {};
  #conditions: readonly Condition[] = [];
  #packs: Pick<LoadedPacks, "packs" | "digest"> | undefined;
  #certificate: ServedCertificate | undefined;
  #heardAt = performance.now();
  #listener: (certificate: ServedCertificate) => void = () => undefined;
  #onWhole: () => void = () => undefined;
  #onDrain: () => void = () => undefined;
  /** Resolves when everything was told once. */
  readonly whole = new Promise<void>((resolve) => (this.#onWhole = resolve));
  /** Resolves when the worker is to end. */
  readonly drained = new Promise<void>((resolve) => (this.#onDrain = resolve));

  /** `observed` is called when there is something new in the state or its versions. */
  constructor(live: LiveSnapshot, observed: () => void) {
    this.#live = live;
    this.#observed = observed;
  }

  hear({ changes, versions, conditions, packs, certificate, whole, drain }: ToWorker): void {
    this.#heardAt = performance.now();
    if (changes) this.#apply(changesOf(changes));
    if (whole) this.#begin();
    if (versions) this.#versions = versions;
    if (conditions) this.#conditions = conditions;
    if (packs) this.#packs = compiled(packs);
    if (certificate) this.#take(certificate);
    if (changes || versions) this.#observed();
    if (whole) this.#onWhole();
    if (drain) this.#onDrain();
  }

  versions(): Readonly<Record<string, string>> {
    return this.#versions;
  }

  get loaded(): Pick<LoadedPacks, "packs" | "digest"> {
    if (!this.#packs) throw new Error("internal: the primary has told of no packs");
    return this.#packs;
  }

  get served(): ServedCertificate {
    if (!this.#certificate) throw new Error("internal: the primary has told of no certificate");
    return this.#certificate;
  }

  /** What the primary said last, which counts while it speaks. */
  readiness(): Readiness {
    const silence = performance.now() - this.#heardAt;
    const ok = silence < SILENCE_MS;
    return readinessOf([...this.#conditions, { name: "told by the primary", ok, detail: ok ? "" : `nothing for ${Math.round(silence / 1_000)} s` }]);
  }

  start(listener: (certificate: ServedCertificate) => void): void {
    this.#listener = listener;
    // It may have come while the server was being opened.
    listener(this.served);
  }

  stop(): void {
    this.#listener = () => undefined;
  }

  /** The primary says whether it is the right one. */
  condition(): Condition {
    return { name: "certificate", ok: true, detail: "" };
  }

  #apply(changes: readonly Change[]): void {
    if (!this.#first) return this.#live.apply(changes);
    for (const change of changes) this.#first.push(change);
  }

  #begin(): void {
    this.#live.apply(this.#first ?? []);
    this.#first = undefined;
  }

  #take(certificate: ServedCertificate): void {
    this.#certificate = certificate;
    this.#listener(certificate);
  }
}

function compiled({ objects, options, digest }: ToldPacks): Pick<LoadedPacks, "packs" | "digest"> {
  const packs = compilePacks(objects, options);
  if (!packs.ok) throw new Error(`internal: packs in force cannot be compiled: ${packs.problems.map(formatProblem).join("; ")}`);
  return { packs: packs.value, digest };
}
