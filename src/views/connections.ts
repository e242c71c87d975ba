import { connectivity, type ConnectionLine } from "../engine/connectivity.js";
import type { SurveyOptions } from "../engine/survey.js";
import type { Snapshot } from "../model/snapshot.js";
import { graphOf, pictureOf } from "./graph.js";

/** Past so many workloads a picture shows namespaces anyway, and a list of all pairs has millions of lines. */
const WORKLOADS = 400;

/** Who can reach whom, as much of it as a picture in a report can show: workloads, or namespaces where there are many. */
export function connectionsToDraw(snapshot: Snapshot, options: SurveyOptions): readonly ConnectionLine[] {
  const picture = pictureOf(snapshot, options);
  const workloads = [...picture.workloads.values()].reduce((sum, members) => sum + members.length, 0);
  if (workloads <= WORKLOADS) return [...connectivity(snapshot, options)];
  const work = graphOf(picture, { unfold: new Set(), find: "" });
  for (;;) {
    const step = work.next();
    if (step.done !== true) continue;
    const names = new Map(step.value.nodes.map(({ id, kind, label }) => [id, kind === "namespace" ? `${id}/every pod` : kind === "external" ? `${label}[External]` : id]));
    return step.value.edges.map(({ from, to, ports }) => ({ src: names.get(from) ?? from, dst: names.get(to) ?? to, conn: ports }));
  }
}
