import { createHash } from "node:crypto";
import { hostname } from "node:os";
import type { Log } from "../log.js";
import type { AdmissionRequest } from "../model/admission.js";
import { groupOf, type KubeObject } from "../model/kubernetes.js";
import { formatProblem, type Problem } from "../model/result.js";
import type { Change } from "../model/snapshot.js";
import { isOwnKind, OWN_KINDS } from "../packs/crd.js";
import { isException, parseException, stateOf } from "../packs/exception.js";
import { parsePack } from "../packs/parse.js";
import type { RulePack } from "../packs/pack.js";
import { weakenings } from "../packs/ratchet.js";
import type { LiveSnapshot } from "../server/live-snapshot.js";
import type { ObjectStore } from "../model/object-store.js";
import type { CheckOwn, OwnProblem } from "../server/own-objects.js";
import { generationOf, writeStatus, type OwnOutcome } from "../upkeep/own-status.js";
import type { Condition } from "../model/readiness.js";
import { sortedJson } from "../model/sorted-json.js";
import { objectPart, type PackPart } from "../sources/pack-parts.js";
import type { LoadedPacks } from "../sources/packs.js";
import type { PacksWatch } from "../sources/packs-watch.js";

/** Exceptions end by themselves, and a status may have failed to be written. */
const AGAIN_MS = 60_000;

const APPROVAL = "sluice.dev/approved";

export interface OwnPacksParts {
  readonly packs: PacksWatch;
  readonly live: LiveSnapshot;
  readonly store: ObjectStore;
  readonly log: Log;
}

/** Takes over the packs and exceptions that lie in the cluster, and tells in their status what became of them. */
export class OwnPacks {
  readonly #parts: OwnPacksParts;
  readonly #written = new Map<string, string>();
  #updating: Promise<void> = Promise.resolve();
  #isDue = false;
  #isTaken = false;
  #again: NodeJS.Timeout | undefined;

  constructor(parts: OwnPacksParts) {
    this.#parts = parts;
  }

  /** Tells of changes that were applied to the snapshot. */
  observe(changes: readonly Change[]): void {
    if (this.#isTaken && changes.some(isAboutOwn)) this.#update();
  }

  /** Takes over what is there now. Changes that come meanwhile are taken over together afterwards. */
  #update(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#updating = this.#updating.then(() => this.#take()).catch((error: unknown) => this.#parts.log.error({ err: error }, "the packs of the cluster could not be taken over"));
  }

  /** Never ready before the packs of the cluster were looked at. */
  condition(): Condition {
    return { name: "packs of the cluster", ok: this.#isTaken, detail: this.#isTaken ? `${this.#count()}` : "" };
  }

  /** Takes over what lies there; called once the kinds are synced. What changes meanwhile is seen too. */
  start(): void {
    this.#update();
    this.#updating = this.#updating.then(() => {
      this.#isTaken = true;
      this.#update();
    });
    this.#again = setInterval(() => this.#update(), AGAIN_MS).unref();
  }

  stop(): void {
    clearInterval(this.#again);
  }

  async #take(): Promise<void> {
    this.#isDue = false;
    const { packs } = this.#parts;
    const objects = this.#objects();
    await packs.setMore(objects.map(partOf));
    for (const object of objects) await this.#tell(object);
  }

  async #tell(object: KubeObject): Promise<void> {
    const { store, log, packs } = this.#parts;
    const outcome = outcomeOf(object, packs);
    const [key, text] = [partName(object), JSON.stringify([object.metadata.uid, outcome])];
    const kind = OWN_KINDS.find((own) => own.kind === object.kind);
    if (!kind || this.#written.get(key) === text) return;
    const isWritten = await writeStatus({ apiVersion: object.apiVersion, resource: kind.resource, name: object.metadata.name ?? "" }, outcome, { store, replica: hostname(), log });
    if (isWritten) this.#written.set(key, text);
  }

  #count(): number {
    return OWN_KINDS.reduce((sum, { group, kind }) => sum + this.#parts.live.current.objectsOf(group, kind).size, 0);
  }

  #objects(): readonly KubeObject[] {
    return OWN_KINDS.flatMap(({ group, kind }) => [...this.#parts.live.current.objectsOf(group, kind).values()]);
  }
}

function isAboutOwn(change: Change): boolean {
  if ("remove" in change) return isOwnKind(change.remove);
  const { fact, value } = change.put;
  return fact === "object" && isOwnKind({ group: groupOf(value.apiVersion), kind: value.kind });
}

/** What became of an object: an exception that cannot be granted, or whose time is over, covers nothing. */
function outcomeOf(object: KubeObject, { inForce }: PacksWatch): OwnOutcome {
  const name = partName(object);
  const part = inForce.parts.find((one) => one.name === name);
  const problems = [...(inForce.refused.get(name) ?? []), ...(isException(object) ? exceptionProblems(object) : [])];
  return { generation: generationOf(object), problems: problems.slice(0, 10).map(formatProblem), hash: part?.content.ok ? hashOf(part.content.value.objects[0]?.["spec"]) : "" };
}

/** Does what somebody writes fit what is in force? Also the ratchet: a `monotonic` pack loses nothing without an approval of just that change. */
export function checkOwn(packs: PacksWatch): CheckOwn {
  return (request) => {
    if (!isOwnKind(request.kind)) return undefined;
    const { object, oldObject } = request;
    const about = object ?? oldObject;
    // Labels, finalizers, an approval in advance: nothing changes in what is said.
    if (!about || (object && oldObject && hashOf(object["spec"]) === hashOf(oldObject["spec"]))) return [];
    if (isException(about)) return object ? exceptionProblems(object) : [];
    const tried = packs.tryOut({ name: partName(about), ...(object && { part: partOf(object) }) });
    return tried.ok ? ratchet(request, packs.inForce.loaded, tried.value) : tried.problems;
  };
}

function ratchet({ object, oldObject }: AdmissionRequest, before: LoadedPacks, after: LoadedPacks): readonly OwnProblem[] {
  const weaker = weakenings(packsOf(before), packsOf(after));
  const approval = object ? hashOf(object["spec"]) : "delete";
  if (weaker.length === 0 || approvalOf(object ?? oldObject) === approval) return [];
  return weaker.map((problem) => ({ ...problem, remediation: `if that is meant, have the annotation \`${APPROVAL}: ${approval}\` added` }));
}

/** The packs as they are asked, each with what it extends. */
function packsOf({ source: { objects, options } }: LoadedPacks): readonly RulePack[] {
  return objects.flatMap((object) => {
    const parsed = parsePack(object, options.settings, options.profile);
    return parsed.ok ? [parsed.value.pack] : [];
  });
}

function approvalOf(object: KubeObject | undefined): unknown {
  return object?.metadata.annotations?.[APPROVAL];
}

/** Of what its author wrote: the status is ours. */
function exceptionProblems({ status: _status, ...object }: KubeObject): readonly Problem[] {
  const exception = parseException(object as KubeObject);
  if (stateOf(exception, Date.now()) !== "expired") return exception.problems;
  return [{ code: "exception/expired", message: `it ended ${exception.expires}`, path: "spec.expires" }];
}

function partOf(object: KubeObject): PackPart {
  return objectPart(partName(object), [object]);
}

function partName({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name ?? ""} of the cluster`;
}

/** The same for equal contents, whatever the order of their fields. */
function hashOf(value: unknown): string {
  return `sha256:${createHash("sha256").update(sortedJson(value) ?? "").digest("hex").slice(0, 16)}`;
}
