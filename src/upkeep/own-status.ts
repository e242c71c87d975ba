import { isDeepStrictEqual } from "node:util";
import { isRecord, recordsIn, textsIn, type KubeObject } from "../model/kubernetes.js";
import type { Log } from "../log.js";
import type { ObjectAt, ObjectStore } from "../model/object-store.js";

/** What became of one generation of an object of Sluice's own. */
export interface OwnOutcome {
  readonly generation: number;
  readonly problems: readonly string[];
  /** Names what of it is in force; empty: nothing. */
  readonly hash: string;
}

/** More replicas than this have come and gone on one generation: the oldest are forgotten. */
const REPLICAS = 20;

/** The status with what this replica has to say. Conditions keep the time at which they last became what they are. */
export function statusWith(before: unknown, { generation, problems, hash }: OwnOutcome, { replica, now }: { readonly replica: string; readonly now: Date }): object {
  const status = isRecord(before) ? before : {};
  const accepted = problems.length === 0;
  const others = recordsIn(status["replicas"]).filter((one) => one["name"] !== replica && one["observedGeneration"] === generation);
  const mine = recordsIn(status["replicas"]).find((one) => one["name"] === replica);
  const says = { name: replica, observedGeneration: generation, accepted, hash };
  const { seen: _seen, ...said } = mine ?? {};
  const entry = mine && isDeepStrictEqual(said, says) ? mine : { ...says, seen: now.toISOString() };
  const old = recordsIn(status["conditions"]).find(({ type }) => type === "Accepted");
  const value = accepted ? "True" : "False";
  const condition = {
    type: "Accepted",
    status: value,
    reason: accepted ? "InForce" : "NotUsable",
    message: accepted ? "" : `${problems[0] ?? ""}${hash === "" ? "" : "; the generation last accepted stays in force"}`,
    observedGeneration: generation,
    lastTransitionTime: old?.["status"] === value ? old["lastTransitionTime"] : now.toISOString().replace(/\.\d+Z$/, "Z"),
  };
  return {
    observedGeneration: generation,
    hash,
    ...(problems.length > 0 && { problems }),
    conditions: [condition],
    replicas: [...others, entry].sort((a, b) => (textsIn([a["seen"]]).join() < textsIn([b["seen"]]).join() ? 1 : -1)).slice(0, REPLICAS),
  };
}

export interface StatusParts {
  readonly store: ObjectStore;
  /** Of this process. */
  readonly replica: string;
  readonly log: Log;
}

const TRIES = 5;
const WRITE_MS = 10_000;

/** Writes the status of one object, unless it says so already or there is a later generation to speak of. False when it could not; never rejects: a status decides nothing. */
export async function writeStatus(at: ObjectAt, outcome: OwnOutcome, { store, replica, log }: StatusParts): Promise<boolean> {
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      const signal = AbortSignal.timeout(WRITE_MS);
      const stored = await store.read(at, signal);
      if (!stored || generationOf(stored) > outcome.generation) return true;
      const status = statusWith(stored["status"], outcome, { replica, now: new Date() });
      if (isDeepStrictEqual(status, stored["status"])) return true;
      if ((await store.write({ ...at, subresource: "status" }, { ...stored, status }, signal)) !== "conflict") return true;
    }
  } catch (error) {
    log.warn({ resource: at.resource, name: at.name, reason: error instanceof Error ? error.message : String(error) }, "a status could not be written");
  }
  return false;
}

/** Counts the changes of an object's spec. */
export function generationOf({ metadata }: KubeObject): number {
  const { generation } = metadata as { readonly generation?: unknown };
  return typeof generation === "number" ? generation : 0;
}
