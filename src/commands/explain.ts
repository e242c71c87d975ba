import { WrongUse, type Config } from "../config.js";
import type { EndVerdict } from "../engine/verdict.js";
import type { Endpoint } from "../model/endpoint.js";
import { nameKey } from "../model/kubernetes.js";
import { pointOf, trafficPoint } from "../model/traffic.js";
import { describeEndpoint } from "../proof/describe.js";
import { explain, explanationText, type Explanation, type PolicyNote } from "../views/explanation.js";
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
  return { output: config.format === "json" ? jsonText(answers.map(asJson)) : answers.map(explanationText).join("\n"), exitCode: 0 };
}

/** Without `--port`: what the destination says it listens on. */
function declaredPorts(dst: Endpoint): readonly number[] {
  const ports = dst.kind === "pod" ? dst.pod.ports : [];
  if (ports.length === 0) throw new WrongUse("`--port PORT` is missing, and the destination declares no port");
  return [...new Set(ports.map(({ protocol, port }) => trafficPoint(protocol, port)))];
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
