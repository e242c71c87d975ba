import type { Snapshot } from "../model/snapshot.js";
import { Inquiry, type ProofContext } from "./inquiry.js";
import type { Flow } from "./question.js";
import type { SpaceParty } from "./symbolic-flow.js";
import { View } from "./view.js";

/** One question about a flow, made ready. */
export interface FlowCase {
  readonly inquiry: Inquiry;
  readonly present: View;
  readonly past?: View;
  readonly flow: Flow;
  /** "holds": a pod for which the flow does not hold is looked for; "excludes": a pod for which some of it is allowed. */
  readonly mode: "holds" | "excludes";
  readonly subject: SpaceParty;
}

export interface FlowQuestion {
  readonly flow: Flow;
  readonly mode: FlowCase["mode"];
  readonly context: ProofContext;
  readonly after: Snapshot;
  readonly before?: Snapshot;
}

export function openCase({ flow, mode, context, after, before }: FlowQuestion): FlowCase {
  const inquiry = new Inquiry(context, before ? [after, before] : [after]);
  const subject: SpaceParty = { kind: "space", id: "subject", space: flow.subject };
  const common = { inquiry, flow, mode, subject, present: new View(inquiry, after, "present") };
  return before ? { ...common, past: new View(inquiry, before, "past") } : common;
}

export function viewsOf({ present, past }: FlowCase): readonly [View, ...View[]] {
  return past ? [present, past] : [present];
}
