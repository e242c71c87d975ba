import type { AdmissionReviewOut } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import { respond } from "./respond.js";
import { Memory } from "../model/memory.js";

const HEAD = '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":';

/** Texts of answers behind their uid, for mutating webhooks and others. */
interface Written {
  mutating?: string;
  validating?: string;
}

const written = new Memory<Decision, Written>();

/** The answer that tells a decision, as JSON. A decision that was remembered is written once. */
export function encodeDecision(decision: Decision, uid: string, mutating: boolean): string {
  let known = written.get(decision);
  if (!known) written.set(decision, (known = {}));
  const rest = (known[mutating ? "mutating" : "validating"] ??= withoutUid(decision, mutating));
  return `${HEAD}${JSON.stringify(uid)}${rest}`;
}

function withoutUid(decision: Decision, mutating: boolean): string {
  const { packs } = decision;
  const text = encode(respond(decision, { uid: "", mutating, ...(packs !== undefined && { annotations: { packs } }) }));
  return text.slice(`${HEAD}""`.length);
}

export function encode(review: AdmissionReviewOut): string {
  return JSON.stringify(review);
}
