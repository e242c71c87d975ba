import type { KubeObject } from "../model/kubernetes.js";
import { SUSPENDED, suspensionOf } from "../model/suspension.js";
import { CONFIGURATION_NAMES } from "../review/webhooks.js";
import type { Named } from "./facts.js";
import { exempting, failingOpen, withoutRules, type PatchOperation } from "./patches.js";
import { isOwn } from "./stored.js";

/** The ways out, each one wider than the one before it, and the way back. */
export const GRADES = ["exempt", "dryrun", "ignore", "remove", "back"] as const;
export type Grade = (typeof GRADES)[number];

/** One request to the API server, and the command that sends the same. */
export interface Step {
  readonly kubectl: string;
  readonly request: { readonly method: "PATCH" | "DELETE"; readonly path: string; readonly contentType: string; readonly body: unknown };
}

/** How to carry out one grade. */
export interface Plan {
  readonly grade: Grade;
  /** What it does, and what that leaves. */
  readonly says: string;
  readonly steps: readonly Step[];
  /** What a person has to see to himself. */
  readonly notes: readonly string[];
}

/** What a plan is made of. */
export interface Emergency {
  /** Sluice's own, as they are stored. */
  readonly configurations: readonly KubeObject[];
  readonly lease: KubeObject | undefined;
  readonly certSecret: Named;
  /** Is the kind PolicyException there? */
  readonly hasExceptions: boolean;
  /** Is the exception of an earlier emergency there? */
  readonly isExcepted: boolean;
  readonly namespace?: string;
  /** `pack/rule`, `*` for any text. */
  readonly rules: string;
  /** The configurations that the packs ask for, with these rules and without; absent: not for all rules. */
  readonly wanted?: { readonly before: readonly KubeObject[]; readonly after: readonly KubeObject[] };
  readonly owner: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly expires: string;
  /** Of the annotation. */
  readonly at: string;
}

/** The exception that makes dry runs of rules while Sluice answers. */
export const EXCEPTION = "sluice-emergency";

const SAYS: Readonly<Record<Grade, string>> = {
  exempt: "what refuses leaves one namespace alone, also while Sluice is away; warnings and labels go on",
  dryrun: "rules refuse nothing and warn nobody any more; they are counted and logged. While Sluice is away nothing that only they ask about waits for it",
  ignore: "Sluice goes on refusing while it answers; while it does not, everything is admitted",
  remove: "Sluice is asked nothing any more: nothing is refused, labelled or warned about",
  back: "the leader puts the webhook configurations right again, and rules refuse as before",
};

/** What to send, in this order. */
export function planFor(grade: Grade, emergency: Emergency): Plan {
  return { grade, says: SAYS[grade], steps: [...(grade === "back" ? [] : suspending(grade, emergency)), ...stepsOf(grade, emergency)], notes: notesOf(grade, emergency) };
}

function stepsOf(grade: Grade, emergency: Emergency): readonly Step[] {
  const { configurations, namespace = "NAMESPACE", rules, wanted } = emergency;
  const deny = configurations.find(({ metadata }) => metadata.name === CONFIGURATION_NAMES.deny);
  if (grade === "back") return comingBack(emergency);
  if (grade === "remove") return configurations.filter(isOwn).map(deleting);
  if (!deny) return [];
  if (grade === "exempt") return patching(deny, exempting(deny, namespace));
  if (grade === "ignore") return patching(deny, failingOpen(deny));
  const named = (all: readonly KubeObject[]): KubeObject | undefined => all.find(({ metadata }) => metadata.name === CONFIGURATION_NAMES.deny);
  const cut = rules === ALL_RULES || !wanted ? withoutRules(deny) : withoutRules(deny, { before: named(wanted.before), after: named(wanted.after) });
  return [...patching(deny, cut), ...(emergency.hasExceptions ? [excepting(emergency)] : [])];
}

/** Every rule of every pack. */
export const ALL_RULES = "*/*";

/** First of all, so that the leader undoes nothing. */
function suspending(grade: Grade, { lease, certSecret: { namespace, name }, owner, reason, at }: Emergency): readonly Step[] {
  if (!lease) return [];
  const text = `grade ${grade} by ${owner} at ${at}: ${reason}`;
  return [{
    kubectl: `kubectl annotate lease -n ${namespace} ${name} --overwrite ${SUSPENDED}=${quoted(text)}`,
    request: { method: "PATCH", path: leasePath({ namespace, name }), contentType: MERGE, body: { metadata: { annotations: { [SUSPENDED]: text } } } },
  }];
}

function comingBack({ lease, certSecret, isExcepted }: Emergency): readonly Step[] {
  const { namespace, name } = certSecret;
  const resume: Step = {
    kubectl: `kubectl annotate lease -n ${namespace} ${name} ${SUSPENDED}-`,
    request: { method: "PATCH", path: leasePath(certSecret), contentType: MERGE, body: { metadata: { annotations: { [SUSPENDED]: null } } } },
  };
  const unexcept: Step = { kubectl: `kubectl delete policyexception ${EXCEPTION}`, request: { method: "DELETE", path: EXCEPTION_PATH, contentType: "application/json", body: {} } };
  return [...(isExcepted ? [unexcept] : []), ...(suspensionOf(lease) === undefined ? [] : [resume])];
}

const MERGE = "application/merge-patch+json";
const EXCEPTION_PATH = `/apis/sluice.dev/v1alpha1/policyexceptions/${EXCEPTION}`;

function leasePath({ namespace, name }: Named): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases/${encodeURIComponent(name)}`;
}

function pathOf({ kind, metadata: { name = "" } }: KubeObject): string {
  return `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s/${encodeURIComponent(name)}`;
}

function patching(configuration: KubeObject, patch: readonly PatchOperation[]): readonly Step[] {
  if (patch.length === 0) return [];
  const { kind, metadata: { name = "" } } = configuration;
  return [{
    kubectl: `kubectl patch ${kind.toLowerCase()} ${name} --type=json -p ${quoted(JSON.stringify(patch))}`,
    request: { method: "PATCH", path: pathOf(configuration), contentType: "application/json-patch+json", body: patch },
  }];
}

function deleting(configuration: KubeObject): Step {
  const { kind, metadata: { name = "" } } = configuration;
  return { kubectl: `kubectl delete ${kind.toLowerCase()} ${name}`, request: { method: "DELETE", path: pathOf(configuration), contentType: "application/json", body: {} } };
}

function excepting({ rules, owner, reason, expires }: Emergency): Step {
  const exception = { apiVersion: "sluice.dev/v1alpha1", kind: "PolicyException", metadata: { name: EXCEPTION }, spec: { owner, reason, expires, rules: [rules], becomes: "dryrun" } };
  return {
    kubectl: `echo ${quoted(JSON.stringify(exception))} | kubectl apply --server-side --force-conflicts --field-manager=sluice-doctor -f -`,
    request: { method: "PATCH", path: `${EXCEPTION_PATH}?fieldManager=sluice-doctor&force=true`, contentType: "application/apply-patch+yaml", body: exception },
  };
}

const NOTHING_THERE = "no webhook configuration of Sluice's is there: nothing of Sluice's refuses anything";

function notesOf(grade: Grade, { lease, configurations, hasExceptions }: Emergency): readonly string[] {
  const restore = "apply them as you installed them, such as `sluice webhooks --service NAMESPACE/NAME --ca-bundle FILE | kubectl apply -f -`";
  if (grade === "back") return lease ? ["the leader needs a moment; this waits for it"] : [`no replica keeps the webhook configurations: ${restore}`];
  // Not for somebody in a hurry: how to come back from what does nothing.
  if (!configurations.some(isOwn) && !lease) return [NOTHING_THERE];
  return [
    ...(configurations.some(isOwn) ? [] : [NOTHING_THERE]),
    ...(grade === "dryrun" && !hasExceptions ? ["the kind PolicyException is not defined, so rules go on refusing what is sent to Sluice"] : []),
    ...(grade === "ignore" ? ["each write still waits for the time-out of the webhooks, at most 8 s together, while Sluice does not answer"] : []),
    "suspend GitOps that applies these objects first, or it undoes this",
    lease ? "to come back: `sluice doctor --emergency --grade back --apply`" : `to come back: ${restore}${grade === "dryrun" ? `, and \`kubectl delete policyexception ${EXCEPTION}\`` : ""}`,
  ];
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Is it so by now, as far as the stored configurations tell? The reason why not, or nothing. */
export function notYet(grade: Grade, emergency: Emergency): string | undefined {
  const { configurations } = emergency;
  if (grade === "back") return suspensionOf(emergency.lease) === undefined && !emergency.isExcepted ? undefined : "the switch or the exception is still there";
  if (grade === "remove") return configurations.some(isOwn) ? "webhook configurations are there" : undefined;
  const left = stepsOf(grade, emergency).filter(({ request }) => request.contentType === "application/json-patch+json");
  return left.length === 0 ? undefined : "the webhook configuration is not as it should be";
}
