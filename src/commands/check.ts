import { version, type Config } from "../config.js";
import { anomalies } from "../engine/anomalies.js";
import { workloads } from "../engine/workloads.js";
import type { Decision } from "../model/decision.js";
import { kindKey, nameKey, refOf, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import type { Change, Snapshot } from "../model/snapshot.js";
import { ruleId, type Violation } from "../model/violation.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import { chosen, FINDINGS_REPORTS } from "../reports/index.js";
import type { Finding, Note } from "../reports/report.js";
import { readChange } from "../review/change.js";
import { exceptionsFor } from "../review/exceptions.js";
import { applyExemptions } from "../review/exemptions.js";
import { joinVerdicts } from "../review/findings.js";
import { requestsFor, userInfo, type Proposed } from "../review/proposed.js";
import { askProtection } from "../review/protect.js";
import { review, withFixes } from "../review/review.js";
import type { Change as RuleChange } from "../rules/rule.js";
import { factsOf, loadManifests, type Manifests } from "../sources/files.js";
import { noteProblems, readBackground, readPacks, unwrap, type Command, type Outcome, type Session } from "./command.js";

/** Admission's verdict on manifests that nobody has applied yet. */
export const command: Command = {
  name: "check",
  description:
    "Says what admission would say of these manifests, all applied at once to the state of --cluster or --state (empty when neither is given).\n" +
    "Workloads are judged by the pods of their templates; policies are also looked through for parts that do nothing. Exit code 1 when anything would be refused.",
  arguments: ["<path...>"],
  options: ["state", "cluster", "packs", "inOrder", "as", "profile", "set"],
  formats: Object.keys(FINDINGS_REPORTS),
  example: "sluice check manifests/ --state cluster/ -o sarif",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  const { packs } = await readPacks({ ...config, point: "check" }, session);
  const state = await readBackground(config, session);
  const manifests = unwrap(await loadManifests(config.paths));
  noteProblems(session, manifests.warnings);
  const work = { manifests, state, packs, now: Date.now() };
  const { judged, after } = config.inOrder ? oneByOne(config, work, session) : allAtOnce(config, work, session);
  const findings = judged.flatMap((one) => findingsOf(one, manifests));
  const warnings = [...new Set(judged.flatMap(({ decision }) => decision.warnings))];
  const report = chosen(FINDINGS_REPORTS, config.format);
  const output = report({ findings, warnings, notes: notesOn(manifests, after), checked: manifests.objects.length }, { color: config.color, version: version() });
  return { output, exitCode: findings.some(({ violation }) => violation.action === "deny") ? 1 : 0 };
}

interface Work {
  readonly manifests: Manifests;
  readonly state: Snapshot;
  readonly packs: CompiledPacks;
  readonly now: number;
}

/** What was made of each request, and the state after them. */
interface Course {
  readonly judged: readonly Judged[];
  readonly after: Snapshot;
}

interface Judged {
  readonly proposed: Proposed;
  readonly decision: Pick<Decision, "violations" | "warnings">;
}

/** As `kubectl apply` would: each is judged on what was admitted before it. Controllers ask again, so the pods of templates come last. */
function oneByOne({ as }: Config, { manifests, state, packs, now }: Work, session: Session): Course {
  const judged: Judged[] = [];
  const templates: Proposed[] = [];
  let snapshot = state;
  for (const [i, manifest] of manifests.objects.entries()) {
    session.progress(i, manifests.objects.length);
    const proposals = requestsFor(manifest, snapshot, userInfo(as));
    templates.push(...proposals.filter(({ template }) => template));
    for (const proposed of proposals.filter(({ template }) => !template)) {
      const decision = review(proposed.request, { snapshot, packs, now });
      judged.push({ proposed, decision });
      if (decision.allowed) snapshot = snapshot.with(puts(proposed));
    }
  }
  const pods = templates.map((proposed) => ({ proposed, decision: review(proposed.request, { snapshot, packs, now }) }));
  return { judged: [...judged, ...pods], after: snapshot };
}

/**
 * Each object is judged beside all the others. Then the set as a whole, from the state before to the state after all of it: two
 * changes that are harmless alone may break a flow together.
 */
function allAtOnce({ as }: Config, { manifests, state, packs, now }: Work, session: Session): Course {
  const proposals = manifests.objects.flatMap((manifest) => requestsFor(manifest, state, userInfo(as)));
  const after = state.with(proposals.filter(({ template }) => !template).flatMap(puts));
  const alone = proposals.map((proposed, i): Judged => {
    session.progress(i, proposals.length);
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

function puts({ request }: Proposed): readonly Change[] {
  return request.object ? factsOf(request.object).map((put) => ({ put })) : [];
}

/** What the set as a whole breaks in the reach of this object. */
function ofTheSet({ request }: Proposed, { before, after }: { readonly before: Snapshot; readonly after: Snapshot }, { packs, now }: Pick<Work, "packs" | "now">): Judged["decision"] {
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

/** Kinds of anomaly that only say something where the workloads are known too. */
const NEEDS_PODS: ReadonlySet<string> = new Set(["selects-nothing", "peers-select-nothing", "unknown-label"]);

/** Anomalies of the policies among the manifests. */
function notesOn({ objects, locate }: Manifests, after: Snapshot): readonly Note[] {
  const policies = objects.flatMap(factsOf).flatMap(({ fact, value }): [string, KubeObject][] => (fact === "policy" ? [[keyOf(value.ref), value.object]] : []));
  const own = new Map(policies);
  const knowsPods = workloads(after).length > 0;
  return [...anomalies(after)].flatMap(({ kind, policy, path, message }): readonly Note[] => {
    const object = own.get(keyOf(policy));
    if (!object || (!knowsPods && NEEDS_PODS.has(kind))) return [];
    const place = locate(object, path);
    return [{ kind, object: policy, path, message, ...(place ? { place } : {}) }];
  });
}

function keyOf(ref: ObjectRef): string {
  return `${kindKey(ref)} ${nameKey(ref)}`;
}

/** A finding about a template's pod is one about the workload that has the template. */
function findingsOf({ proposed, decision }: Judged, { locate }: Manifests): readonly Finding[] {
  const { manifest, template, request } = proposed;
  return decision.violations.map((found) => {
    const path = template ? "spec.template" : found.path;
    const object = template ? { ...refOf(manifest), ...(request.namespace === undefined ? {} : { namespace: request.namespace }) } : found.object;
    const place = locate(manifest, path);
    return { violation: { ...found, object, ...(path === undefined ? {} : { path }) }, ...(place ? { place } : {}) };
  });
}
