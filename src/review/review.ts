import type { AdmissionRequest, PatchOperation } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import type { Problem } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import type { GrantedException, Violation } from "../model/violation.js";
import { ruleId } from "../model/violation.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import { candidates } from "../packs/rule-index.js";
import type { Change } from "../rules/rule.js";
import { isAlwaysAdmitted } from "./always-admitted.js";
import { applyPatch } from "./apply-patch.js";
import { judgeDerived } from "./derived.js";
import { readChange, type Reading } from "./change.js";
import { isDeepStrictEqual } from "./equal.js";
import { applyExemptions } from "./exemptions.js";
import { exceptionsFor } from "./exceptions.js";
import { fromEach, fromErrors, joinVerdicts, NO_VERDICTS, objectOf, scopeOf, type Excepting, type Verdicts } from "./findings.js";
import { withHints } from "./hints.js";
import { askProtection } from "./protect.js";
import { breaksNothing } from "./verify-fix.js";

/** What a decision is made on. Everything else comes with the request. */
export interface ReviewContext {
  readonly snapshot: Snapshot;
  readonly packs: CompiledPacks;
  /** Milliseconds since 1970: which exceptions still count. */
  readonly now: number;
  /** false: nobody will read the fixes of this decision, and none is worked out. */
  readonly fixes?: boolean;
}

const ADMITTED: Decision = { allowed: true, violations: [], warnings: [], patch: [], errors: [] };

/**
 * One AdmissionReview, start to end: always admitted? -> before and after -> patch -> every rule asked -> exemptions ->
 * decision. Pure: equal input, equal answer. For a Pod CREATE the mutation comes first and the rules see its result.
 */
export function review(request: AdmissionRequest, asked: ReviewContext): Decision {
  if (isAlwaysAdmitted(request, asked.snapshot)) return ADMITTED;
  const context = inItsState(asked);
  const { snapshot, packs } = context;
  const asSent = readChange(request, snapshot, packs);
  const { patch } = mutate(asSent.change, context);
  const reading = patch.length > 0 ? readChange(patched(request, patch), snapshot, packs) : asSent;
  return judge(reading, patch, context);
}

/** The validating half alone: the object as it was sent, no patch. */
export function reviewValidation(request: AdmissionRequest, asked: ReviewContext): Decision {
  if (isAlwaysAdmitted(request, asked.snapshot)) return ADMITTED;
  const context = inItsState(asked);
  const { snapshot, packs } = context;
  return judge(readChange(request, snapshot, packs), [], context);
}

/** The mutating half alone: a patch, never a refusal. */
export function reviewMutation(request: AdmissionRequest, asked: ReviewContext): Decision {
  if (isAlwaysAdmitted(request, asked.snapshot)) return ADMITTED;
  const context = inItsState(asked);
  const { snapshot, packs } = context;
  return { ...ADMITTED, ...mutate(readChange(request, snapshot, packs).change, context) };
}

/** The packs with the profile that the state tells of. */
function inItsState(context: ReviewContext): ReviewContext {
  return { ...context, packs: packsIn(context.packs, context.snapshot) };
}

function judge(reading: Reading, patch: readonly PatchOperation[], { packs, now, fixes = true }: ReviewContext): Decision {
  const { change } = reading;
  const asked = { packs, excepting: exceptionsFor(change, packs, now) };
  const verdicts = joinVerdicts([unreadable(reading, asked.excepting), ...judgeRules(change, asked)]);
  const told = withHints(applyExemptions(verdicts, change, packs), change);
  return decide(fixes ? withFixes(told, change, packs) : withoutFixes(told), patch);
}

/** What refuses, with its fix; one that breaks what another rule protects is none. */
export function withFixes(verdicts: Verdicts, { after, request }: Change, packs: CompiledPacks): Told {
  const fixAfter = request.operation === "DELETE" ? "delete" : "write";
  return {
    ...verdicts,
    violations: verdicts.violations.map(({ makeFix, ...violation }) => {
      const fix = violation.action === "deny" ? makeFix?.() : undefined;
      return fix && breaksNothing(fix, after, packs) ? { ...violation, fix, fixAfter } : violation;
    }),
  };
}

/** The same without fixes: nobody reads them. */
export function withoutFixes(verdicts: Verdicts): Told {
  return { ...verdicts, violations: verdicts.violations.map(({ makeFix: _none, ...violation }) => violation) };
}

/** Verdicts as a decision tells them. */
export type Told = Omit<Verdicts, "violations"> & { readonly violations: readonly Violation[] };

/** What fails here is told by the validating half, which asks again: "`/mutate` never refuses". */
function mutate(change: Change, { packs }: ReviewContext): Pick<Decision, "patch" | "errors"> {
  const patch: PatchOperation[] = [];
  const errors: Problem[] = [];
  for (const rule of candidates(packs.rules, change.request)) {
    if (!rule.behaviour.mutate) continue;
    const applies = rule.applies(change);
    if (applies.ok && !applies.value) continue;
    const operations = applies.ok ? rule.behaviour.mutate(withParams(change, rule)) : applies;
    if (operations.ok) patch.push(...operations.value);
    else errors.push(...operations.problems);
  }
  return { patch, errors };
}

function patched(request: AdmissionRequest, patch: readonly PatchOperation[]): AdmissionRequest {
  return request.object ? { ...request, object: applyPatch(request.object, patch) } : request;
}

interface Asked {
  readonly packs: CompiledPacks;
  readonly excepting: Excepting;
}

function judgeRules(change: Change, asked: Asked): Verdicts[] {
  const { packs, excepting } = asked;
  const settingUp = isSettingUp(change, packs);
  return candidates(packs.rules, change.request).map((rule) => {
    const applies = rule.applies(change);
    if (!applies.ok) return fromErrors(rule, applies.problems, { object: objectOf(change), excepting, ...scopeOf(change) });
    if (!applies.value) return NO_VERDICTS;
    return guarded(rule, { change, excepting }, () => joinVerdicts([judgeMutation(rule, change, excepting), judgeObject(rule, change, excepting), askProtection(rule, change, { settingUp, excepting }), judgeDerived(rule, change, asked)]));
  });
}

/** A proof that the judge does not confirm throws: a bug of the engine, which must not take the other rules' answers with it. */
export function guarded(rule: CompiledRule, { change, excepting }: { readonly change: Change; readonly excepting: Excepting }, ask: () => Verdicts): Verdicts {
  try {
    return ask();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return fromErrors(rule, [{ code: "rule/internal", message, path: "" }], { object: objectOf(change), excepting, ...scopeOf(change) });
  }
}

/** What a rule could not add to the object, for an error of its own, is never silently left out. */
function judgeMutation(rule: CompiledRule, change: Change, excepting: Excepting): Verdicts {
  const added = rule.behaviour.mutate?.(withParams(change, rule));
  return !added || added.ok ? NO_VERDICTS : fromErrors(rule, added.problems, { object: objectOf(change), excepting, ...scopeOf(change) });
}

/** Asks a rule about the request's object alone. */
export function judgeObject(rule: CompiledRule, change: Change, excepting: Excepting): Verdicts {
  const found = rule.behaviour.judge?.(withParams(change, rule));
  if (!found) return NO_VERDICTS;
  const as = { object: objectOf(change), action: rule.entry.enforcementAction, excepting };
  return found.ok ? fromEach(rule, found.value.map((finding) => ({ ...finding, ...scopeOf(change) })), as) : fromErrors(rule, found.problems, { ...as, ...scopeOf(change) });
}

/** The change as a rule's expressions see it: with the parameters of its pack. */
export function withParams(change: Change, { params }: CompiledRule): Change {
  return { ...change, cel: { ...change.cel, params } };
}

/**
 * "Malformed or unknown parts: never a guess, never a silent pass: a violation that names the path." A stored object
 * that was malformed already is judged only when its spec changes.
 */
function unreadable({ change, problems }: Reading, excepting: Excepting): Verdicts {
  const { object, oldObject } = change.request;
  if (problems.length === 0 || change.touches !== "policy") return NO_VERDICTS;
  if (oldObject && isDeepStrictEqual(object?.spec, oldObject.spec)) return NO_VERDICTS;
  const { granted, lapsed } = excepting("sluice/readable", change.namespace);
  const violations = problems.map((problem) => ({ ...unreadablePart(problem, change), ...answeredFor(granted) }));
  return { violations, warnings: lapsed, errors: [] };
}

/** What an exception makes of a violation that is no rule's. */
export function answeredFor(granted: GrantedException | undefined): Partial<Pick<Violation, "action" | "exception">> {
  return granted ? { action: granted.becomes ?? "warn", exception: granted } : {};
}

/** A part of the request's object that cannot be read. */
export function unreadablePart({ message, path }: Problem, change: Change): Violation {
  return { pack: "sluice", rule: "readable", action: "deny", message, object: objectOf(change), policies: [], ...(path && { path }) };
}

/**
 * "A namespace that has no pods (finished and hostNetwork ones aside) and no baseline yet is being set up": its pods
 * will be held anyway, and GitOps tools dry-run every object against the live state first. DELETE never profits.
 */
function isSettingUp({ touches, namespace, before, request }: Change, packs: CompiledPacks): boolean {
  if (touches !== "policy" || request.operation === "DELETE" || namespace === undefined) return false;
  if (before.runsPods(namespace)) return false;
  const baseline = packs.rules.filter(({ entry }) => entry.baseline === true);
  return baseline.some(({ behaviour }) => behaviour.protect?.standing(before, before.namespace(namespace)).some(({ outcome }) => outcome !== "holds"));
}

function decide({ violations, warnings, errors }: Told, patch: readonly PatchOperation[]): Decision {
  const allowed = violations.every(({ action }) => action !== "deny");
  // "A refused Pod carries no patch."
  return { allowed, violations: inOrder(violations), warnings, errors, patch: allowed ? patch : [] };
}

/** Refusals first, then by rule, so that the first line tells what matters; otherwise as found. */
export function inOrder<V extends Violation>(violations: readonly V[]): V[] {
  const byRank = new Map<string, V[]>();
  for (const violation of violations) {
    const rank = `${violation.action === "deny" ? 0 : 1} ${ruleId(violation)}`;
    const alike = byRank.get(rank);
    if (alike) alike.push(violation);
    else byRank.set(rank, [violation]);
  }
  return [...byRank.keys()].sort().flatMap((rank) => byRank.get(rank) ?? []);
}
