import { violationKey, type StandingViolation } from "../model/audit.js";
import { kindKey, nameKey, refOf, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import { formatProblem } from "../model/result.js";
import { policyKey, Snapshot, type NamespaceState } from "../model/snapshot.js";
import { ruleId } from "../model/violation.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import { AuditAgenda, objectKey, type NamespaceTask } from "./audit-agenda.js";
import { changeIn, differenceBetween, isAnother, isFeltElsewhere, ownedIn, readersOf, type ObjectDifference } from "./audit-concerns.js";
import { unsetPeers, type Audit } from "./audit.js";
import { Auditor, type Asked } from "./auditor.js";
import { askedIn, fitted, heldIn, MOST_HELD, type Dated, type FoundIn } from "./held.js";
import { inOrder, type ReviewContext } from "./review.js";

/** What is known of a cluster, and since when. */
export type StandingResult = Omit<Audit, "violations"> & {
  readonly violations: readonly StandingViolation[];
  /** Violations that there was no room for. */
  readonly leftOut: number;
};

/** When a violation was first seen, and whether it broke then. */
export type Dates = Pick<StandingViolation, "since" | "newlyBroken">;

/** One state, and who asks about it. */
interface Asking {
  readonly context: ReviewContext;
  /** As they were given, before the state told them its profile. */
  readonly given: CompiledPacks;
  readonly auditor: Auditor;
}

/**
 * The audit of a cluster that changes: what a full audit would find, kept by asking again only what a change could have made
 * otherwise. Equal to the full audit whenever nothing is left to do (test/laws). Without fixes: they rest on everything.
 */
export class StandingAudit {
  #asking: Asking | undefined;
  readonly #namespaces = new Map<string, FoundIn>();
  /** By `objectKey`: objects beside pods, namespaces and policies, and cluster-scoped policies; those with something to tell. */
  readonly #objects = new Map<string, { readonly ref: ObjectRef; readonly asked: Dated }>();
  /** By `objectKey`: the objects that rules were asked about. */
  readonly #looked = new Set<string>();
  readonly #agenda = new AuditAgenda();
  /** By `violationKey`: what was known of violations before this process. */
  #known: ReadonlyMap<string, Dates> = new Map();
  /** Rules (`pack/rule`) that everything was asked about: what breaks one of them from then on is newly broken. */
  #watched: ReadonlySet<string> = new Set();
  readonly #most: number;
  #held = 0;

  /** `most`: violations that are held; what more there are is counted, until the next sweep looks again. */
  constructor(most = MOST_HELD) {
    this.#most = most;
  }

  /** Namespaces and objects that are still to be looked at. */
  get waiting(): number {
    return this.#agenda.size;
  }

  /** Looks at everything again. */
  sweep(): void {
    if (this.#asking) this.#everything(this.#asking.context.snapshot);
  }

  /** Violations are as old as somebody else, who looked before, has found. */
  recall(known: ReadonlyMap<string, Dates>): void {
    this.#known = known;
    const older = (asked: Dated): Dated => ({ ...asked, violations: asked.violations.map((violation) => ({ ...violation, ...earlier(violation, known.get(violationKey(violation))) })) });
    for (const [name, { standing, objects }] of this.#namespaces) this.#namespaces.set(name, { standing: new Map([...standing].map(([rule, asked]) => [rule, older(asked)])), objects: objects && older(objects) });
    for (const [key, { ref, asked }] of this.#objects) this.#objects.set(key, { ref, asked: older(asked) });
  }

  /** Takes in the state of now between any two steps, and asks what is open, until nothing is. */
  *follow(current: () => ReviewContext): Generator<undefined, void> {
    for (;;) {
      yield* this.#takeIn(current());
      const task = this.#agenda.next();
      if (!task || !this.#asking) return this.#rest();
      if ("namespace" in task) yield* this.#namespace(task, this.#asking);
      else this.#object(task.object, this.#asking);
      yield;
    }
  }

  #rest(): void {
    this.#watched = new Set(this.#asking?.context.packs.rules.map(({ id }) => id));
    this.#known = new Map();
  }

  /** What is known, as of the state that was seen last. */
  result(): StandingResult {
    if (!this.#asking) throw new Error("internal: nothing was audited yet");
    const { context } = this.#asking;
    const all = [...[...this.#namespaces.values()].flatMap(askedIn), ...[...this.#objects.values()].map(({ asked }) => asked)];
    const leftOut = all.reduce((sum, { left }) => sum + left, 0);
    const tooMany = leftOut > 0 ? [`more than ${this.#most} violations are more than is kept in memory: ${leftOut} are left out`] : [];
    const unproven = new Set(all.flatMap((one) => one.unproven));
    return {
      violations: inOrder(all.flatMap(({ violations }) => violations)),
      warnings: [...new Set(all.flatMap(({ warnings }) => warnings).filter((text) => !unproven.has(text)))],
      reasons: [...new Set([...tooMany, ...unsetPeers(context), ...unproven, ...all.flatMap(({ errors }) => errors).map(formatProblem)])],
      checked: sizeOf(context.snapshot) + this.#looked.size,
      leftOut,
    };
  }

  *#takeIn({ snapshot, packs: given, now }: ReviewContext): Generator<undefined> {
    const before = this.#asking;
    const isOver = before !== undefined && given.exceptions.some(({ ends }) => before.context.now < ends && ends <= now);
    if (before?.context.snapshot === snapshot && before.given === given && !isOver) return;
    const packs = packsIn(given, snapshot);
    const context: ReviewContext = { snapshot, packs, now, fixes: false };
    this.#asking = { context, given, auditor: new Auditor(context) };
    const difference = differenceBetween(before?.context.snapshot ?? Snapshot.EMPTY, snapshot);
    if (before?.context.packs !== packs || isOver || difference.everywhere) return this.#everything(snapshot);
    for (const name of difference.namespaces) yield* this.#changed(name, before.context.snapshot, this.#asking);
    yield* this.#changedObjects(difference, this.#asking);
    if (difference.namespaces.length > 0 || difference.objects.length > 0) this.#wide();
  }

  #everything({ namespaces, clusterPolicies, objects }: Snapshot): void {
    for (const name of this.#namespaces.keys()) if (!namespaces.has(name)) this.#forget(name);
    for (const { ref } of this.#objects.values()) this.#agenda.object(ref);
    this.#looked.clear();
    for (const name of namespaces.keys()) this.#agenda.namespace(name);
    for (const { ref } of clusterPolicies.values()) this.#agenda.object(ref);
    for (const all of objects.values()) for (const object of all.values()) this.#agenda.object(refOf(object));
  }

  *#changed(name: string, before: Snapshot, { context, auditor }: Asking): Generator<undefined> {
    const [was, is] = [before.namespaces.get(name), context.snapshot.namespaces.get(name)];
    if (is) this.#agenda.namespace(name, { isUrgent: true });
    else this.#forget(name);
    if (!isFeltElsewhere(was, is)) return;
    const change = changeIn(name, before, context);
    for (const rule of auditor.protections) {
      const { protect } = rule.behaviour;
      for (const scope of protect?.scopes(change) ?? []) {
        if ("future" in scope || scope.name === name || this.#agenda.has(scope.name, rule)) continue;
        if (protect?.keeps?.(change, scope) !== true) this.#agenda.rule(scope.name, rule);
        yield;
      }
    }
  }

  *#changedObjects({ namespaces, objects }: { readonly namespaces: readonly string[]; readonly objects: readonly ObjectDifference[] }, { context: { snapshot }, auditor }: Asking): Generator<undefined> {
    for (const { was, is } of objects) this.#agenda.object(refOf((is ?? was) as KubeObject));
    for (const rule of readersOf(objects, auditor.protections)) {
      for (const scope of rule.behaviour.protect?.allScopes(snapshot) ?? []) if (!("future" in scope)) this.#agenda.rule(scope.name, rule);
    }
    const others = objects.filter(isAnother).flatMap(({ was, is }) => is ?? was ?? []);
    // What is named like a cluster-scoped object, what lies beside one in a namespace, and whatever it owns may ask whether it is there.
    const asking = new Set(others.map(({ metadata }) => metadata.namespace ?? metadata.name ?? ""));
    const owners = others.filter(({ metadata }) => metadata.namespace === undefined);
    for (const name of owners.length > 0 ? ownedIn(owners, snapshot) : []) {
      if (name !== undefined) asking.add(name);
      yield;
    }
    for (const name of asking) if (snapshot.namespaces.has(name)) this.#agenda.namespace(name);
    this.#objectsOf(new Set([...asking, ...namespaces]), snapshot);
  }

  /** The objects that lie in these namespaces, or are named like them; empty: cluster-scoped ones. */
  #objectsOf(names: ReadonlySet<string>, { objects }: Snapshot): void {
    if (names.size === 0) return;
    for (const all of objects.values()) {
      for (const object of all.values()) {
        const { namespace, name = "" } = object.metadata;
        if (names.has(namespace ?? name) || (namespace === undefined && names.has(""))) this.#agenda.object(refOf(object));
      }
    }
  }

  /** What asked about the whole cluster is asked again, whatever has changed. */
  #wide(): void {
    for (const [name, found] of this.#namespaces) if (askedIn(found).some(({ wide }) => wide)) this.#agenda.namespace(name);
    for (const { ref, asked } of this.#objects.values()) if (asked.wide) this.#agenda.object(ref);
  }

  #forget(name: string): void {
    this.#held -= heldIn(askedIn(this.#namespaces.get(name)));
    this.#namespaces.delete(name);
    this.#agenda.drop(name);
  }

  *#namespace({ namespace: name, rules }: NamespaceTask, asking: Asking): Generator<undefined> {
    const { context: { snapshot }, auditor } = asking;
    const state = snapshot.namespaces.get(name);
    if (!state || state.namespace.terminating) return this.#forget(name);
    const known = this.#namespaces.get(name);
    const standing = new Map(rules === "all" ? [] : known?.standing);
    const before = [...(known?.standing.values() ?? [])].flatMap(({ violations }) => violations);
    // Others hold the rest; what this namespace held makes room for what is found now.
    const room = this.#most - this.#held + heldIn(askedIn(known));
    for (const rule of rules === "all" ? auditor.protections : rules) {
      auditor.standing(rule, state.namespace);
      standing.delete(rule);
      const asked = this.#taken(asking, before, room - heldIn([...standing.values()]));
      if (asked) standing.set(rule, asked);
      yield;
    }
    const objects = rules === "all" ? yield* this.#objectsIn(state, asking, room - heldIn([...standing.values()])) : known?.objects;
    const found = { standing, objects };
    this.#held += heldIn(askedIn(found)) - heldIn(askedIn(known));
    this.#namespaces.set(name, found);
  }

  *#objectsIn({ namespace, policies, pods }: NamespaceState, asking: Asking, room: number): Generator<undefined, Dated | undefined> {
    const { auditor } = asking;
    auditor.namespaceObject(namespace);
    for (const { object, problems } of policies.values()) {
      auditor.policy(object, problems);
      yield;
    }
    for (const pod of pods.values()) {
      auditor.pod(pod);
      yield;
    }
    return this.#taken(asking, this.#namespaces.get(namespace.name)?.objects?.violations ?? [], room);
  }

  #object(ref: ObjectRef, asking: Asking): void {
    const { context: { snapshot, packs }, auditor } = asking;
    const key = objectKey(ref);
    const policy = ref.namespace === undefined ? snapshot.clusterPolicies.get(policyKey(ref)) : undefined;
    const object = snapshot.objectsOf(ref.group, ref.kind).get(nameKey(ref));
    const others = auditor.others;
    if (policy) auditor.policy(policy.object, policy.problems);
    else if (object) auditor.other(object, packs.watches.some((watch) => kindKey(watch) === kindKey(ref)));
    const known = this.#objects.get(key)?.asked.violations ?? [];
    this.#held -= known.length;
    const asked = this.#taken(asking, known, this.#most - this.#held);
    this.#held += asked?.violations.length ?? 0;
    if (asked) this.#objects.set(key, { ref, asked });
    else this.#objects.delete(key);
    if (auditor.others > others) this.#looked.add(key);
    else this.#looked.delete(key);
  }

  /** What was just asked, if it tells anything. `before`: what was known of the same things. `room`: for how many violations. */
  #taken({ auditor, context: { now } }: Asking, before: readonly StandingViolation[], room: number): Dated | undefined {
    const asked = auditor.take();
    if (!isTelling(asked)) return undefined;
    const known = new Map(before.map((violation) => [violationKey(violation), violation]));
    const since = new Date(now).toISOString();
    const { kept, left } = fitted(asked.violations, room);
    const violations = kept.map((violation) => {
      const key = violationKey(violation);
      const dates = known.get(key) ?? this.#known.get(key) ?? { since, newlyBroken: this.#watched.has(ruleId(violation)) };
      return { ...violation, since: dates.since, newlyBroken: dates.newlyBroken };
    });
    return { ...asked, violations, left };
  }
}

function earlier(dates: Dates, known: Dates | undefined): Dates {
  return known && known.since < dates.since ? known : { since: dates.since, newlyBroken: dates.newlyBroken };
}

function isTelling({ violations, warnings, errors, unproven, wide }: Asked): boolean {
  return wide || [violations, warnings, errors, unproven].some(({ length }) => length > 0);
}

/** Namespaces, and what lies in those that do not go: pods and policies; cluster-scoped policies. */
function sizeOf({ namespaces, clusterPolicies }: Snapshot): number {
  let size = namespaces.size + clusterPolicies.size;
  for (const { namespace, pods, policies } of namespaces.values()) if (!namespace.terminating) size += pods.size + policies.size;
  return size;
}
