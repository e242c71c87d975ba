import type { AdmissionRequest } from "../model/admission.js";
import { wouldDeny, type Decision } from "../model/decision.js";
import { kindKey } from "../model/kubernetes.js";
import { latest } from "../model/resource-version.js";
import { formatProblem, type Problem } from "../model/result.js";
import { answered } from "../review/replay.js";
import type { Route } from "./route.js";

export interface Judged {
  readonly request: AdmissionRequest;
  readonly route: Route;
  readonly decision: Decision;
  readonly milliseconds: number;
  /** Resource versions of the snapshot, by kind. */
  readonly versions: Readonly<Record<string, string>>;
  /** Of the caller's trace. */
  readonly trace?: string;
}

/** What pino adds to the fields: level, time, message and the end of the line. */
const FRAME = 66;
/** A line of a cluster with 1,000 reviews a second makes 26 GB a day already. */
export const MAX_LINE = 300;
/** The `trace` field is what its caller asked for. */
const TRACE = 43;

/**
 * The fields of a decision's log line: who wanted what, and what came of it; nothing of the objects' content. Fields that say
 * the usual are left out, and long texts are cut until the line has no more than 300 bytes; its message is `allowed` or `denied`.
 */
export function decisionFields({ request, route, decision, milliseconds, versions, trace }: Judged): Record<string, unknown> {
  const { uid, operation, kind, subResource, namespace, name, userInfo, dryRun } = request;
  const version = newest(versions);
  const rules = answered(decision).rules.join(" ");
  const fields = {
    route: route.replace("validate/", ""),
    uid: shortUid(uid),
    op: operation,
    kind: shortKind(kind) + (subResource ? `/${subResource}` : ""),
    ...(namespace !== undefined && request.kind.kind !== "Namespace" && { ns: namespace }),
    name,
    user: userInfo.username.replace(SERVICE_ACCOUNT, "sa:"),
    ...(dryRun && { dryRun }),
    ...(rules !== "" && { rules }),
    ...(decision.code !== undefined && { code: decision.code }),
    ...(decision.patch.length > 0 && { patched: true }),
    ...(decision.errors.length > 0 && { errors: decision.errors.map(({ code, path }) => `${code} ${path}`).join("; ") }),
    ms: milliseconds < 10 ? Math.round(milliseconds * 100) / 100 : Math.round(milliseconds),
    ...(decision.packs !== undefined && { packs: shortDigest(decision.packs) }),
    ...(version !== undefined && { rv: version }),
    ...(trace !== undefined && { trace }),
  };
  const longer = rules !== "" && wouldDeny(decision) ? WOULD_DENY : 0;
  return fitted(fields, MAX_LINE - FRAME - longer + (trace === undefined ? 0 : TRACE));
}

/** The fields of a body that nobody can read, as short: whoever sends it chooses every text in it. */
export function unreadableFields({ route, uid }: { readonly route: Route; readonly uid: string }, problems: readonly Problem[]): Record<string, unknown> {
  const errors = problems.map(formatProblem).join("; ");
  return fitted({ route: route.replace("validate/", ""), uid: shortUid(uid), errors: cut(errors, MAX_LINE) }, MAX_LINE - FRAME - UNREADABLE);
}

/** What these messages have more than `allowed`. */
const UNREADABLE = 23;
const WOULD_DENY = 3;

/** One of the API server's is 36 letters, digits and hyphens; another one is none that could be looked up. */
function shortUid(uid: string): string {
  return cut(uid, 36).replace(NO_UID, "?");
}

const NO_UID = /[^\w…-]/g;

/** Without the group where no other group has such a kind. */
function shortKind(kind: AdmissionRequest["kind"]): string {
  return kind.group === "networking.k8s.io" ? kind.kind : kindKey(kind);
}

/** Enough to tell apart the packs of one installation; the whole digest is in the audit annotation and in the line that says that they are in force. */
function shortDigest(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1).slice(0, 8);
}

/** Versions count through the whole cluster: what was decided on is what was stored up to this one, but for events that were on their way. */
function newest(versions: Readonly<Record<string, string>>): string | undefined {
  if (versions !== last.versions) last = { versions, newest: latest(Object.values(versions)) };
  return last.newest;
}

/** Of many reviews one after the other. */
let last: { readonly versions: Readonly<Record<string, string>>; readonly newest: string | undefined } = { versions: {}, newest: undefined };

const CUTTABLE = ["errors", "rules", "user", "name", "kind", "ns"] as const;

function fitted(fields: Record<string, unknown>, room: number): Record<string, unknown> {
  const fit: Record<string, unknown> = { ...fields };
  while (bytesOf(fit) > room) {
    const longest = CUTTABLE.reduce((a, b) => (bytesOfValue(fit[b] ?? "") > bytesOfValue(fit[a] ?? "") ? b : a));
    const text = String(fit[longest]);
    if (text.length < 2) break;
    fit[longest] = cut(text, Math.floor(text.length * 0.75));
  }
  return fit;
}

/** Of the fields as JSON: each with two quotes, a colon, and a comma or the last brace; the first brace besides. */
function bytesOf(fields: Record<string, unknown>): number {
  let bytes = 1;
  for (const name in fields) bytes += name.length + 4 + bytesOfValue(fields[name]);
  return bytes;
}

function bytesOfValue(value: unknown): number {
  return typeof value === "string" && PLAIN.test(value) ? value.length + 2 : Buffer.byteLength(JSON.stringify(value));
}

/** Characters that are one byte each in JSON. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Most users are such, and their names are long enough. */
const SERVICE_ACCOUNT = /^system:serviceaccount:/;

/** With a mark where something is missing. */
function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
