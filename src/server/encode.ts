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

/** The answer that tells a decision, as JSON. A decision that was remembered is written once, and one that says nothing once for its packs. */
export function encodeDecision(decision: Decision, uid: string, mutating: boolean): string {
  if (isSilent(decision)) {
    if (!silent || silent.packs !== decision.packs) silent = { packs: decision.packs, rest: withoutUid(decision, mutating) };
    return `${HEAD}${JSON.stringify(uid)}${silent.rest}`;
  }
  let known = written.get(decision);
  if (!known) written.set(decision, (known = {}));
  const rest = (known[mutating ? "mutating" : "validating"] ??= withoutUid(decision, mutating));
  return `${HEAD}${JSON.stringify(uid)}${rest}`;
}

let silent: { readonly packs: Decision["packs"]; readonly rest: string } | undefined;

function isSilent({ allowed, violations, warnings, patch, errors }: Decision): boolean {
  return allowed && violations.length + warnings.length + patch.length + errors.length === 0;
}

function withoutUid(decision: Decision, mutating: boolean): string {
  const { packs } = decision;
  const text = encode(respond(decision, { uid: "", mutating, ...(packs !== undefined && { annotations: { packs } }) }));
  return text.slice(`${HEAD}""`.length);
}

export function encode(review: AdmissionReviewOut): string {
  return JSON.stringify(review);
}
