import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { readObject } from "../dialects/index.js";
import type { AdmissionRequest, PatchOperation } from "../model/admission.js";
import { isRecord, textsIn, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import type { Place } from "../model/result.js";
import { Snapshot, type Change } from "../model/snapshot.js";
import { STDIN } from "./listing.js";

/** One request of a recording, the state it was judged on, and what came of it. */
export interface RecordedDecision {
  readonly place: Place;
  readonly time: string;
  readonly route: string;
  /** Digest of the packs that decided. */
  readonly packs: string;
  readonly request: AdmissionRequest;
  readonly snapshot: Snapshot;
  readonly allowed: boolean;
  readonly rules: readonly string[];
  readonly patch: readonly PatchOperation[];
  /** 429: the client was asked to try again; nothing was decided. */
  readonly code?: number;
}

/** A line that is none of a recording. */
export class UnreadableRecord extends Error {
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(message);
    this.place = place;
  }
}

/**
 * Reads what `serve --record` wrote, line by line: the file may be larger than memory. Throws `UnreadableRecord`; only the last line may
 * be cut off, as a process that was killed leaves it.
 */
export async function* readRecording(file: string): AsyncGenerator<RecordedDecision> {
  const lines = createInterface({ input: file === STDIN ? process.stdin : createReadStream(file, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
  const state = new State();
  let line = 0;
  let cut: UnreadableRecord | undefined;
  for await (const text of lines) {
    line += 1;
    if (cut) throw cut;
    if (text === "") continue;
    const place = { file, line };
    const record = parse(text);
    if (!record) cut = new UnreadableRecord("is no JSON object", place);
    else if (line === 1 && record["record"] !== "sluice/v1") throw new UnreadableRecord("is no recording of `sluice serve --record`: a decision log alone does not hold the requests", place);
    else if (isRecord(record["request"])) yield state.decision(record, place);
    else state.take(record);
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The state as the lines so far tell it; changes are gathered until a request asks for it. */
class State {
  private snapshot = Snapshot.EMPTY;
  private waiting: Change[] = [];

  take({ record, put, remove, alone }: Record<string, unknown>): void {
    // A new run begins with nothing.
    if (record !== undefined) [this.snapshot, this.waiting] = [Snapshot.EMPTY, []];
    if (isRecord(put)) this.waiting.push(...readObject(put as KubeObject).facts.map((fact) => ({ put: fact })));
    if (isRecord(remove)) this.waiting.push({ remove: remove as unknown as ObjectRef, alone: alone === true });
  }

  decision({ time, route, packs, request, decision }: Record<string, unknown>, place: Place): RecordedDecision {
    if (!isRecord(decision) || typeof decision["allowed"] !== "boolean" || typeof route !== "string" || typeof time !== "string") throw new UnreadableRecord("is a request without a decision", place);
    if (this.waiting.length > 0) this.snapshot = this.snapshot.with(this.waiting);
    this.waiting = [];
    const { allowed, rules, patch, code } = decision;
    return {
      place,
      time,
      route,
      packs: typeof packs === "string" ? packs : "",
      request: request as unknown as AdmissionRequest,
      snapshot: this.snapshot,
      allowed,
      rules: textsIn(rules),
      patch: Array.isArray(patch) ? (patch as PatchOperation[]) : [],
      ...(typeof code === "number" && { code }),
    };
  }
}
