import { readObject } from "../dialects/index.js";
import type { Decision } from "../model/decision.js";
import { refOf, type KubeObject } from "../model/kubernetes.js";
import type { Change, Snapshot } from "../model/snapshot.js";
import { ruleId, type Violation } from "../model/violation.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import type { Change as RuleChange } from "../rules/rule.js";
import { readChange } from "./change.js";
import { exceptionsFor } from "./exceptions.js";
import { applyExemptions } from "./exemptions.js";
import { joinVerdicts } from "./findings.js";
import { deletionOf, requestsFor, userInfo, type Proposed } from "./proposed.js";
import { askProtection } from "./protect.js";
import { review, withFixes } from "./review.js";

/** Objects that somebody means to write or delete, and what they are judged on. */
export interface ProposedSet {
  readonly objects: readonly KubeObject[];
  /** Stored objects that go. */
  readonly deleted?: readonly KubeObject[];
  readonly state: Snapshot;
  readonly packs: CompiledPacks;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Who makes the change. */
  readonly user: string | undefined;
  progress?(done: number, total: number): void;
}

/** What was made of each request, and the state after them. */
export interface Course {
  readonly judged: readonly Judged[];
  readonly after: Snapshot;
}

export interface Judged {
  readonly proposed: Proposed;
  readonly decision: Pick<Decision, "violations" | "warnings">;
}

/** As `kubectl apply` would: each is judged on what was admitted before it. Controllers ask again, so the pods of templates come last. */
export function judgeInOrder({ objects, state, packs, now, user, progress }: ProposedSet): Course {
  const judged: Judged[] = [];
  const templates: Proposed[] = [];
  let snapshot = state;
  for (const [i, object] of objects.entries()) {
    progress?.(i, objects.length);
    const proposals = requestsFor(object, snapshot, userInfo(user));
    templates.push(...proposals.filter(({ template }) => template));
    for (const proposed of proposals.filter(({ template }) => !template)) {
      const decision = review(proposed.request, { snapshot, packs, now });
      judged.push({ proposed, decision });
      if (decision.allowed) snapshot = snapshot.with(edits(proposed));
    }
  }
  const pods = templates.map((proposed) => ({ proposed, decision: review(proposed.request, { snapshot, packs, now }) }));
  return { judged: [...judged, ...pods], after: snapshot };
}

/**
 * Each object is judged beside all the others. Then the set as a whole, from the state before to the state after all of it: two
 * changes that are harmless alone may break a flow together.
 */
export function judgeTogether({ objects, deleted = [], state, packs, now, user, progress }: ProposedSet): Course {
  const written = objects.flatMap((object) => requestsFor(object, state, userInfo(user)));
  const gone = deleted.map((manifest): Proposed => ({ manifest, request: deletionOf(manifest, userInfo(user)), template: false }));
  const proposals = [...written, ...gone];
  const after = state.with(proposals.filter(({ template }) => !template).flatMap(edits));
  const alone = proposals.map((proposed, i): Judged => {
    progress?.(i, proposals.length);
    return { proposed, decision: review(proposed.request, { snapshot: after, packs, now }) };
  });
  const found = new Set(alone.flatMap(({ decision }) => decision.violations.map(toldAs)));
  const together = onePerPlace(proposals).map((proposed): Judged => ({ proposed, decision: ofTheSet(proposed, { before: state, after }, { packs: packsIn(packs, after), now }) }));
  return { judged: [...alone, ...together.map((one) => withoutRules(one, found))], after };
}

/** What a set breaks is looked for around one policy, and one namespace, of each namespace: the others there ask the same. */
function onePerPlace(proposals: readonly Proposed[]): readonly Proposed[] {
  const reaching = proposals.filter(({ template, request: { kind, operation } }) => !template && !(kind.kind === "Pod" && operation === "CREATE"));
  return [...new Map(reaching.reverse().map((one) => [`${one.request.kind.kind} ${one.request.namespace ?? ""}`, one])).values()];
}

/** A rule that one object breaks by itself is told there; what only warns there may be refused of the set. */
function withoutRules({ proposed, decision }: Judged, told: Set<string>): Judged {
  const violations = decision.violations.filter((violation) => !told.has(toldAs(violation)) && !told.has(toldAs({ ...violation, action: "deny" })));
  return { proposed, decision: { violations, warnings: [] } };
}

function toldAs(violation: Violation): string {
  return `${violation.action} ${ruleId(violation)}`;
}

function edits({ manifest, request }: Proposed): readonly Change[] {
  if (request.operation !== "DELETE") return request.object ? readObject(request.object).facts.map((put) => ({ put })) : [];
  return [{ remove: refOf(manifest) }];
}

/** What the set as a whole breaks in the reach of this object. */
function ofTheSet({ request }: Proposed, { before, after }: { readonly before: Snapshot; readonly after: Snapshot }, { packs, now }: Pick<ProposedSet, "packs" | "now">): Judged["decision"] {
  const change = { ...readChange(request, after, packs).change, before, after };
  const applicable = packs.rules.filter((rule) => {
    const applies = rule.applies(change);
    return applies.ok && applies.value;
  });
  const excepting = exceptionsFor(change, packs, now);
  const together = change.touches === "policy" ? byNoOnePolicy(change) : change;
  return withFixes(applyExemptions(joinVerdicts(applicable.map((rule) => askProtection(rule, together, { excepting }))), change, packs), change, packs);
}

/** All policies of the set change: which ends this one selects says nothing of the others. */
function byNoOnePolicy({ request, ...change }: RuleChange): RuleChange {
  const { object: _own, oldObject: _stored, ...anonymous } = request;
  return { ...change, request: anonymous };
}
