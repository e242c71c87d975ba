import { textOnce } from "../engine/connectivity.js";
import type { Party } from "../engine/survey.js";
import { failed, ok, type Result } from "../model/result.js";
import type { Cut, ExposureRow, NamespaceRow, NamespaceView, StandingView } from "../model/views.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import { globMatches } from "../rules/namespace-selector.js";
import { exceptionViews } from "./exceptions.js";
import { shortName, type Picture } from "./graph.js";
import { isolationOf } from "./isolation.js";
import { outsideOf } from "./outside.js";
import { policyView } from "./policy-words.js";

/** Every namespace, by name. */
export function namespaceRows({ snapshot, workloads }: Picture, packs: CompiledPacks): readonly NamespaceRow[] {
  return [...workloads].map(([name, members]) => {
    const pods = members.flatMap((workload) => workload.pods);
    return { name, pods: pods.length, workloads: members.length, policies: snapshot.namespaces.get(name)?.policies.size ?? 0, isolated: isolationOf(snapshot, pods), exempt: packs.isExempt(name) };
  });
}

/** Everything about one namespace; steps between the parts that take long. `now`: milliseconds since 1970. */
export function* namespaceOf(name: string, picture: Picture, { packs: inForce, now }: { readonly packs: CompiledPacks; readonly now: number }): Generator<undefined, Result<NamespaceView>> {
  const { snapshot } = picture;
  const state = snapshot.namespaces.get(name);
  if (!state) return failed({ code: "use/no-namespace", path: "", message: `the cluster has no namespace \`${name}\`` });
  const packs = packsIn(inForce, snapshot);
  const members = picture.workloads.get(name) ?? [];
  const pods = members.flatMap((workload) => workload.pods);
  const standing: StandingView[] = [];
  for (const rule of packs.rules) {
    standing.push(...standingOf(rule, picture, name));
    yield;
  }
  const { incoming, outgoing } = yield* exposureOf(picture, name);
  return ok({
    name,
    labels: state.namespace.labels,
    exempt: packs.isExempt(name),
    pods: pods.length,
    workloads: members.map((workload) => workload.name),
    isolated: isolationOf(snapshot, pods),
    standing,
    policies: [...state.policies.values()].map(policyView),
    incoming,
    outgoing,
    exceptions: exceptionViews(packs.exceptions.filter(({ scope }) => scope.namespaces?.some((pattern) => globMatches(pattern, name)) ?? true), now),
  });
}

function standingOf({ id, entry, behaviour: { protect } }: CompiledRule, { snapshot }: Picture, name: string): readonly StandingView[] {
  if (!protect?.allScopes(snapshot).some((scope) => !("future" in scope) && scope.name === name)) return [];
  const outcomes = protect.standing(snapshot, snapshot.namespace(name));
  const messages = outcomes.flatMap((outcome) => (outcome.outcome === "holds" ? [] : outcome.outcome === "unproven" ? [outcome.message] : [outcome.finding.message, ...(outcome.finding.counterexample === undefined ? [] : [outcome.finding.counterexample])]));
  const worst = outcomes.some(({ outcome }) => outcome === "broken" || outcome === "broken-before") ? "broken" : outcomes.some(({ outcome }) => outcome === "unproven") ? "unproven" : "holds";
  return [{ rule: id, description: entry.description ?? "", baseline: entry.baseline === true, action: entry.enforcementAction, outcome: worst, messages, flows: protect.peers?.(snapshot) ?? [] }];
}

/** Rows past these are told as a number. */
const ROWS = 200;
const PEERS = 6;

/** Who reaches each workload from outside of the namespace, and whom it reaches there: peers on the same ports stand together. */
function* exposureOf(picture: Picture, name: string): Generator<undefined, { readonly incoming: Cut<ExposureRow>; readonly outgoing: Cut<ExposureRow> }> {
  const { survey, workloads } = picture;
  const own = workloads.get(name) ?? [];
  const outside = yield* outsideOf(survey, own.map(({ party }) => party), picture.options);
  const others = [...workloads].filter(([other, members]) => other !== name && members.length > 0).map(([other, members]) => ({ label: other, party: survey.joined(other, members.map(({ party }) => party)) }));
  const peers = [...outside.groups.map(({ party, ranges, isRest }) => ({ label: isRest ? "all other addresses" : ranges.join(", "), party })), ...others];
  const incoming: ExposureRow[] = [];
  const outgoing: ExposureRow[] = [];
  for (const workload of own) {
    incoming.push(...rowsOf(shortName(workload), peers, (peer) => survey.between(peer, workload.party)));
    outgoing.push(...rowsOf(shortName(workload), peers, (peer) => survey.between(workload.party, peer)));
    yield;
  }
  return { incoming: cut(incoming, ROWS), outgoing: cut(outgoing, ROWS) };
}

function rowsOf(workload: string, peers: readonly { readonly label: string; readonly party: Party }[], between: (peer: Party) => ReturnType<Picture["survey"]["between"]>): readonly ExposureRow[] {
  const text = textOnce();
  const byPorts = new Map<string, string[]>();
  for (const { label, party } of peers) {
    const traffic = between(party);
    if (!traffic.isEmpty) byPorts.set(text(traffic), [...(byPorts.get(text(traffic)) ?? []), label]);
  }
  return [...byPorts].map(([ports, labels]) => ({ workload, ports, peers: labels.slice(0, PEERS), more: Math.max(0, labels.length - PEERS) }));
}

/** The first rows of a list. */
export function cut<T>(rows: readonly T[], limit: number): Cut<T> {
  return { rows: rows.slice(0, limit), total: rows.length };
}
