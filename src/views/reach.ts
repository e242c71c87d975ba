import { endNamed, pointsNamed } from "../engine/named-ends.js";
import { reachability } from "../engine/reachability.js";
import type { EngineProfile } from "../engine/verdict.js";
import type { Endpoint } from "../model/endpoint.js";
import { failed, ok, type Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { formatTraffic, trafficPoint, type TrafficSet } from "../model/traffic.js";
import type { EndView, ExplanationView, PolicyNoteView, ReachView } from "../model/views.js";
import { describeEndpoint, describePoint } from "../proof/describe.js";
import { explain, explanationText, noRule, reasonOf, remarksOn, type EndExplanation, type Explanation } from "./explanation.js";

/** Ends and port as a person writes them; without a port, those that the destination declares. */
export interface ReachQuestion {
  readonly from: string;
  readonly to: string;
  readonly port: string;
}

/** Can one end reach another, on what, and why or why not? */
export function reachOf({ from, to, port }: ReachQuestion, snapshot: Snapshot, profile: EngineProfile): Result<ReachView> {
  const [src, dst] = [endNamed(snapshot, from), endNamed(snapshot, to)];
  if (!src) return noEnd(from);
  if (!dst) return noEnd(to);
  const passes = reachability(snapshot, profile).reach(src, dst);
  const points = port === "" ? ok(usualPoints(dst, passes)) : pointsNamed(port, dst);
  if (!points.ok) return points;
  const answers = points.value.map((traffic) => explanationView(explain({ src, dst, traffic }, { snapshot }, profile)));
  return ok({ src: describeEndpoint(src), dst: describeEndpoint(dst), ports: formatTraffic(passes), answers });
}

function noEnd(text: string): Result<never> {
  return failed({ code: "use/no-end", path: "", message: text === "" ? "name a pod, a workload or an address" : `\`${text}\` is no pod or workload of the cluster (\`namespace/name\`) and no address` });
}

/** A destination that declares no port is asked about one that passes, or about the web's. */
function usualPoints(dst: Endpoint, passes: TrafficSet): readonly number[] {
  const declared = dst.kind === "pod" ? dst.pod.ports.map(({ protocol, port }) => trafficPoint(protocol, port)) : [];
  if (declared.length > 0) return [...new Set(declared)];
  const [[low] = []] = passes.ranges;
  const https = trafficPoint("TCP", 443);
  return [low === undefined || passes.contains(https) ? https : low];
}

function explanationView(explanation: Explanation): ExplanationView {
  const { connection: { src, dst, traffic }, verdict: { allowed }, ends } = explanation;
  return { src: describeEndpoint(src), dst: describeEndpoint(dst), traffic: describePoint(traffic), allowed, ends: ends.map(endView), text: explanationText(explanation) };
}

function endView({ direction, end, who, policies }: EndExplanation): EndView {
  const notes = policies.map(({ policy, rules }): PolicyNoteView => {
    const why = rules.map(({ path, why }) => `${path} ${why}`);
    return { policy: policy.ref, ...(end.decidedBy ? { rule: end.decidedBy.rule.path, notes: why } : { notes: why.length > 0 ? why : [noRule(direction)] }) };
  });
  return { direction, who, allowed: end.allowed, reason: reasonOf(end), remarks: remarksOn(end), policies: notes };
}

/** Pods and workloads whose name holds a text, in order; at most `limit`. */
export function endsNamedLike(names: Iterable<string>, text: string, limit: number): readonly string[] {
  const found: string[] = [];
  for (const name of names) {
    if (name.includes(text)) found.push(name);
    if (found.length === limit) break;
  }
  return found;
}
