import type { AdmissionResponse, AdmissionReviewOut, StatusCause } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import { formatProblem, type Problem } from "../model/result.js";
import { ruleId, type Violation } from "../model/violation.js";
import { denialMessage, violationLine, warningsOf } from "../reports/denial.js";
import { oneLine, printable } from "../model/printable.js";
import { asWarnings } from "./warnings.js";
import type { FailureMode } from "./route.js";

/** Names of audit annotations: the API server prefixes the webhook's name and skips keys with other characters (facts/admission.md 11). */
export type AuditAnnotations = Readonly<Record<string, string>>;

export interface AnswerTo {
  readonly uid: string;
  /** Only mutating webhooks may return a patch: the API server fails a validating one that does. */
  readonly mutating: boolean;
  readonly annotations?: AuditAnnotations;
}

/** A decision, as the API server wants it. */
export function respond(decision: Decision, to: AnswerTo): AdmissionReviewOut {
  return decision.allowed ? allowed(decision, to) : denied(decision, to);
}

export function allowed(decision: Decision, { uid, mutating, annotations }: AnswerTo): AdmissionReviewOut {
  const patch = mutating && decision.patch.length > 0 ? encodePatch(decision) : {};
  return review({ uid, allowed: true, ...patch, ...warned(warningsOf(decision)), ...audited(decision, annotations) });
}

/** Never with a patch: a refused object is not stored. */
export function denied(decision: Decision, { uid, annotations }: AnswerTo): AdmissionReviewOut {
  const code = decision.code ?? 403;
  const causes = decision.violations.filter(({ action }) => action === "deny").map(causeOf);
  const details = { ...(causes.length > 0 && { causes }), ...(code === 429 && { retryAfterSeconds: RETRY_SECONDS }) };
  // With `reason: Invalid` kubectl would print the causes and drop this message (A8).
  const status = { code, reason: REASONS[code] ?? "Forbidden", message: printable(denialMessage(decision)) || "refused", ...(Object.keys(details).length > 0 && { details }) };
  return review({ uid, allowed: false, status, ...warned(warningsOf(decision)), ...audited(decision, annotations) });
}

export interface Trouble {
  /** HTTP code of a refusal. 429: not yet able to judge or too much to do, and client-go asks again by itself, ten more times (A9). */
  readonly code: 400 | 403 | 413 | 429;
  /** One line, without secrets or stack. */
  readonly message: string;
}

/** What is wrong with a body that is no AdmissionReview; the first few places. */
export function malformed(problems: readonly Problem[]): Trouble {
  const named = problems.slice(0, NAMED_PROBLEMS).map(formatProblem).join("; ");
  const rest = problems.length > NAMED_PROBLEMS ? `; and ${problems.length - NAMED_PROBLEMS} more` : "";
  return { code: 400, message: `the AdmissionReview cannot be read: ${named}${rest}` };
}

/** No decision could be made: refused with the reason, or admitted with a warning, as the failure mode says. Never without a word. */
export function errored(uid: string, mode: FailureMode, { code, message }: Trouble): AdmissionReviewOut {
  const text = `[sluice] ${oneLine(message)}`;
  if (mode === "Allow") return review({ uid, allowed: true, ...warned([`${text}; admitted without a check`]) });
  const details = code === 429 ? { details: { retryAfterSeconds: RETRY_SECONDS } } : {};
  return review({ uid, allowed: false, status: { code, reason: REASONS[code] ?? "Forbidden", message: text, ...details } });
}

const RETRY_SECONDS = 1;
const NAMED_PROBLEMS = 5;
const REASONS: Readonly<Record<number, string>> = { 400: "BadRequest", 403: "Forbidden", 413: "RequestEntityTooLarge", 429: "TooManyRequests" };

function review(response: AdmissionResponse): AdmissionReviewOut {
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}

function encodePatch({ patch }: Decision): Pick<AdmissionResponse, "patchType" | "patch"> {
  return { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") };
}

function causeOf(violation: Violation): StatusCause {
  const { path } = violation;
  return { reason: ruleId(violation), message: oneLine(violationLine(violation)), ...(path && { field: oneLine(path) }) };
}

function warned(texts: readonly string[]): Pick<AdmissionResponse, "warnings"> {
  const warnings = asWarnings(texts);
  return warnings.length > 0 ? { warnings } : {};
}

/** Which rules were broken, by what happens then; and what the caller adds, such as the digest of the packs. */
function audited({ violations }: Decision, extra: AuditAnnotations = {}): Pick<AdmissionResponse, "auditAnnotations"> {
  const found = (["deny", "warn", "dryrun"] as const).flatMap((action) => {
    const rules = new Set(violations.filter((violation) => violation.action === action).map(ruleId));
    return rules.size > 0 ? [[action, [...rules].join(",")] as const] : [];
  });
  const entries = [...found, ...Object.entries(extra)].map(([key, value]) => [key.replace(/[^A-Za-z0-9_.-]/g, "_"), oneLine(value)]);
  return entries.length > 0 ? { auditAnnotations: Object.fromEntries(entries) } : {};
}
