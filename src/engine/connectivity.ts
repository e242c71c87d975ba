import type { Snapshot } from "../model/snapshot.js";
import { formatTraffic, type TrafficSet } from "../model/traffic.js";
import { cutsOf, externalParty, rangesOf, survey, type SurveyOptions } from "./survey.js";

/** One line of a connectivity report. Names: `ns/name[Kind]`, `a-b[External]`, `{ingress-controller}`; `conn` as `formatTraffic` writes it. */
export interface ConnectionLine {
  readonly src: string;
  readonly dst: string;
  readonly conn: string;
}

/**
 * Every pair of workloads, or of a workload and a range of external addresses, that can talk; a workload to itself is left out.
 * By source, then destination: ranges first, then workloads by name, the ingress controller last. One line at a time: a large
 * cluster has millions.
 */
export function* connectivity(snapshot: Snapshot, options: SurveyOptions): Generator<ConnectionLine> {
  const found = survey(snapshot, options);
  const { reach, workloads, ingressController } = found;
  const sources = rangesOf(cutsOf(reach, "ingress"), options).map((range) => externalParty(reach, range));
  const destinations = rangesOf(cutsOf(reach, "egress"), options).map((range) => externalParty(reach, range));
  const text = textOnce();
  for (const src of [...sources, ...workloads, ...(ingressController ? [ingressController] : [])]) {
    for (const dst of src.kind === "workload" ? [...destinations, ...workloads] : workloads) {
      if (src === dst) continue;
      const traffic = found.between(src, dst);
      if (!traffic.isEmpty) yield { src: src.name, dst: dst.name, conn: text(traffic) };
    }
  }
}

/** `formatTraffic`, each set once. */
export function textOnce(): (traffic: TrafficSet) => string {
  const texts = new Map<TrafficSet, string>();
  return (traffic) => {
    let text = texts.get(traffic);
    if (text === undefined) texts.set(traffic, (text = formatTraffic(traffic)));
    return text;
  };
}
