import { WrongUse, type Config } from "../config.js";
import { describeEndpoint, describePoint, policyName } from "../proof/describe.js";
import { evaluate } from "../engine/evaluate.js";
import type { Connection, EndVerdict, EngineProfile, Verdict } from "../engine/verdict.js";
import { isLive, type Endpoint } from "../model/endpoint.js";
import type { Direction, Peer, Policy, PolicyRule } from "../model/policy.js";
import { nameKey } from "../model/kubernetes.js";
import { pointOf, trafficPoint } from "../model/traffic.js";
import { printable } from "../reports/report.js";
import type { LoadedState } from "../sources/files.js";
import { engineProfile, jsonText, readProfile, readState, type Command, type Outcome, type Session } from "./command.js";
import { parseEnd, parseTraffic } from "./end-selector.js";

/** Says why one end can or cannot reach another: which end decides, which policy, which rule, in which line. */
export const command: Command = {
  name: "explain",
  description: "Says why traffic is allowed or denied: at which end, by which policy and rule.\nAnswers 0 whatever the verdict.",
  arguments: ["[path...]"],
  options: ["from", "to", "traffic", "cluster", "profile", "set", "packs"],
  formats: ["text", "json"],
  example: "sluice explain manifests/ --from shop/web --to shop/db --port 5432",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  const profile = engineProfile(await readProfile(config));
  const state = await readState(config, session);
  const src = parseEnd(state.snapshot, "--from", config.from);
  const dst = parseEnd(state.snapshot, "--to", config.to);
  const points = config.traffic === undefined ? declaredPorts(dst) : parseTraffic(config.traffic, dst);
  const answers = points.map((traffic) => explain({ src, dst, traffic }, state, profile));
  return { output: config.format === "json" ? jsonText(answers.map(asJson)) : answers.map(asText).join("\n"), exitCode: 0 };
}

/** Without `--port`: what the destination says it listens on. */
function declaredPorts(dst: Endpoint): readonly number[] {
  const ports = dst.kind === "pod" ? dst.pod.ports : [];
  if (ports.length === 0) throw new WrongUse("`--port PORT` is missing, and the destination declares no port");
  return [...new Set(ports.map(({ protocol, port }) => trafficPoint(protocol, port)))];
}

interface Explanation {
  readonly connection: Connection;
  readonly verdict: Verdict;
  readonly ends: readonly EndExplanation[];
}

interface EndExplanation {
  readonly direction: Direction;
  readonly end: EndVerdict;
  readonly who: string;
  readonly policies: readonly PolicyNote[];
}

/** A policy that has a say at this end, and why each rule that did not decide did not. */
interface PolicyNote {
  readonly policy: Policy;
  readonly place?: string;
  readonly rules: readonly { readonly path: string; readonly place?: string; readonly why: string }[];
}

function explain(connection: Connection, state: LoadedState, profile: EngineProfile): Explanation {
  const verdict = evaluate(state.snapshot, connection, profile);
  const ends = (["egress", "ingress"] as const).map((direction): EndExplanation => {
    const end = verdict[direction];
    const who = describeEndpoint(direction === "egress" ? connection.src : connection.dst);
    return { direction, end, who, policies: notesOf({ end, direction, connection }, state, profile) };
  });
  return { connection, verdict, ends };
}

interface Question {
  readonly end: EndVerdict;
  readonly direction: Direction;
  readonly connection: Connection;
}

function notesOf(question: Question, state: LoadedState, profile: EngineProfile): readonly PolicyNote[] {
  const { end, direction } = question;
  if (end.decidedBy) {
    const { policy, rule } = end.decidedBy;
    return [{ policy, ...placed(state, policy, rule.path), rules: [] }];
  }
  return end.isolatedBy.map((policy) => {
    const rules = policy.rules[direction].map((rule) => ({ path: rule.path, ...placed(state, policy, rule.path), why: whyNot(rule, question, { state, profile }) }));
    return { policy, ...placed(state, policy, "spec"), rules };
  });
}

function placed({ locate }: LoadedState, policy: Policy, path: string): { readonly place?: string } {
  const place = locate(policy.object, path);
  return place ? { place: `${place.file}:${place.line ?? 1}` } : {};
}

/** The rule did not match, so it fails on the peer, on the port, or on both. */
function whyNot(rule: PolicyRule, { direction, connection }: Question, context: { readonly state: LoadedState; readonly profile: EngineProfile }): string {
  const other = direction === "egress" ? connection.dst : connection.src;
  const peerFits = rule.peers === "everyone" || rule.peers.some((peer) => includes(peer, other, context));
  const portFits = rule.traffic.ports.contains(connection.traffic);
  const reasons = [...(peerFits ? [] : [`does not name ${describeEndpoint(other)}`]), ...(portFits ? [] : [`does not open ${describePoint(connection.traffic)}`])];
  return reasons.length === 0 ? "opens a port by a name that the destination does not declare for this peer" : reasons.join(" and ");
}

function includes(peer: Peer, end: Endpoint, { state, profile }: { readonly state: LoadedState; readonly profile: EngineProfile }): boolean {
  const live = end.kind === "pod" && isLive(end.pod) ? end.pod : undefined;
  if (peer.kind === "pods") return live !== undefined && peer.namespaces.matches(state.snapshot.namespace(live.namespace).labels) && peer.pods.matches(live.labels);
  if (peer.kind !== "addresses" || (live && !profile.cidrSelectsPods)) return false;
  const addresses = end.kind === "pod" ? end.pod.addresses : [end.address];
  return addresses.some((address) => peer.addresses.contains(address));
}

function asText({ connection, verdict, ends }: Explanation): string {
  const { src, dst, traffic } = connection;
  const head = `${describeEndpoint(src)} to ${describeEndpoint(dst)} on ${describePoint(traffic)}: ${verdict.allowed ? "allowed" : "denied"}`;
  return `${[head, ...ends.flatMap(endLines)].map(printable).join("\n")}\n`;
}

function endLines({ direction, end, who, policies }: EndExplanation): readonly string[] {
  const lines = [`  ${direction} of ${who}: ${end.allowed ? "allowed" : "denied"}, ${reasonOf(end)}`];
  if (end.ambiguous) lines.push("    policies of equal order disagree here; the specification leaves open which one counts");
  if (end.conditional !== undefined) lines.push(`    allowed at this layer, but filtered further: ${end.conditional}`);
  const rule = end.decidedBy ? `rule ${end.decidedBy.rule.path} of ` : "";
  for (const { policy, place, rules } of policies) {
    lines.push(`    ${rule}${policyName(policy)}${inBrackets(place)}`);
    if (!end.decidedBy && rules.length === 0) lines.push(`      has no ${direction} rule, so it allows nothing`);
    for (const one of rules) lines.push(`      ${one.path}${inBrackets(one.place)} ${one.why}`);
  }
  return lines;
}

function inBrackets(place: string | undefined): string {
  return place === undefined ? "" : ` (${place})`;
}

const REASONS = {
  "not-a-subject": "policies do not apply to it",
  self: "a pod always reaches itself",
  "local-node": "a pod is always reachable from its own node",
  default: "no policy isolates it",
} as const;

function reasonOf({ reason, decidedBy }: EndVerdict): string {
  if (reason === "rule") return decidedBy?.rule.action === "Deny" ? "a rule denies it" : "a rule allows it";
  return reason === "isolated" ? "isolated, and no rule allows it" : REASONS[reason];
}

function asJson({ connection, verdict, ends }: Explanation): object {
  const { src, dst, traffic } = connection;
  const point = pointOf(traffic);
  const sides = ends.map(({ direction, end, policies }) => [direction, endJson(end, policies)] as const);
  return { src: nameOf(src), dst: nameOf(dst), protocol: point?.protocol ?? null, port: point?.port ?? null, allowed: verdict.allowed, ...Object.fromEntries(sides) };
}

function endJson({ allowed, reason, decidedBy, ambiguous, conditional }: EndVerdict, policies: readonly PolicyNote[]): object {
  return {
    allowed,
    reason,
    ...(decidedBy ? { rule: decidedBy.rule.path, action: decidedBy.rule.action } : {}),
    policies: policies.map(({ policy, place, rules }) => ({ kind: policy.ref.kind, name: nameKey(policy.ref), ...(place === undefined ? {} : { place }), rules })),
    ...(ambiguous ? { ambiguous } : {}),
    ...(conditional === undefined ? {} : { conditional }),
  };
}

function nameOf(end: Endpoint): string {
  return end.kind === "pod" ? nameKey(end.pod) : describeEndpoint(end).replaceAll("`", "");
}
