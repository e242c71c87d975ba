import { formatProblem } from "../model/result.js";
import { isRecord, type KubeObject } from "../model/kubernetes.js";
import { suspensionOf } from "../model/suspension.js";
import { isDeepStrictEqual } from "../review/equal.js";
import { webhookConfigurations } from "../review/webhooks.js";
import { failure, fine, notChecked, warning, whenRead, type Check, type Finding } from "./check.js";
import type { Facts, PacksRead } from "./facts.js";
import { willLead } from "./features.js";
import { digestIn } from "./installation.js";
import { nameOf, webhooksOf } from "./stored.js";
import { listed } from "./words.js";

/** Are the webhook configurations there, and what the packs in force ask for? */
export const configurations: Check = {
  id: "webhook configurations",
  judge: (facts) => [...suspended(facts), ...whenRead(facts.own, (own) => whenRead(facts.packs, (packs) => compared(own, packs, facts)))],
};

function suspended({ lease }: Facts): readonly Finding[] {
  const reason = "value" in lease ? suspensionOf(lease.value) : undefined;
  return reason === undefined ? [] : [warning(`nobody keeps them for now: ${reason}`, "when the emergency is over: `sluice doctor --emergency --grade back --apply`")];
}

function compared(stored: readonly KubeObject[], { packs, digest, refused }: PacksRead, facts: Facts): readonly Finding[] {
  const broken = refused.map((problem) => failure(`a pack of the cluster cannot be put in force: ${problem}`, "mend it, or delete it; its last good state stays in force until the replicas restart"));
  const wanted = webhookConfigurations(packs, { at: facts.service, mode: facts.mode });
  if (!wanted.ok) return [...broken, failure(`some rules cannot be sent anything: ${wanted.problems.map(formatProblem).join("; ")}`, "list the kinds under `spec.watches` of their packs")];
  const theirs = digestsOf(facts);
  if (theirs.length > 0 && !theirs.includes(digest)) {
    const told = `the replicas have other packs in force (${theirs.join(", ")}) than the doctor was given (${digest})`;
    return [...broken, warning(`${told}, so the configurations were not compared`, "give `--packs`, `--profile` and `--set` as the Deployment does")];
  }
  const differences = wanted.value.flatMap((one) => difference(one, stored));
  if (differences.length === 0) return [...broken, ...fine("as the packs in force ask for")];
  return [...broken, failure(differences.join("; "), remedyFor(facts))];
}

function remedyFor({ lease, pods }: Facts): string {
  const hasLeader = "value" in lease && lease.value !== undefined;
  if (hasLeader && suspensionOf(lease.value) !== undefined) return "they are left alone on purpose, see above";
  if (hasLeader) return "the leader puts them right within seconds: when this stays, see its log, and whether something else writes them (GitOps, an admission controller of the cloud)";
  if (willLead(pods)) return "the replica that leads makes them once it serves: look at its pods and their logs. Do not make them by hand before: changes would wait for an answer that does not come";
  return "apply them anew: `sluice webhooks --service NAMESPACE/NAME --ca-bundle FILE | kubectl apply -f -`";
}

function digestsOf({ replicas }: Facts): readonly string[] {
  return "value" in replicas ? [...new Set(replicas.value.flatMap(({ text }) => digestIn(text) ?? []))] : [];
}

/** What of one configuration is not as it should be, in words. */
function difference(wanted: KubeObject, stored: readonly KubeObject[]): readonly string[] {
  const { name = "" } = wanted.metadata;
  const found = stored.find(({ kind, metadata }) => kind === wanted.kind && metadata.name === name);
  if (!found) return [`\`${name}\` is not there`];
  const [own, theirs] = [webhooksOf(wanted), webhooksOf(found)];
  const missing = own.map(nameOf).filter((one) => !theirs.some((other) => nameOf(other) === one));
  const extra = theirs.map(nameOf).filter((one) => !own.some((other) => nameOf(other) === one));
  const changed = own.flatMap((webhook) => {
    const other = theirs.find((one) => nameOf(one) === nameOf(webhook));
    return other ? changesOf(webhook, other) : [];
  });
  return [...(missing.length > 0 ? [`\`${name}\` lacks ${listed(missing)}`] : []), ...(extra.length > 0 ? [`\`${name}\` has ${listed(extra)} beside what it should have`] : []), ...changed];
}

/** Whom it calls is for other checks; who trusts whom too. */
function changesOf(wanted: Readonly<Record<string, unknown>>, stored: Readonly<Record<string, unknown>>): readonly string[] {
  const fields = [...new Set([...Object.keys(wanted), ...Object.keys(stored)])].filter((field) => field !== "clientConfig" && !isDeepStrictEqual(wanted[field], stored[field]));
  const path = pathOf(wanted) === pathOf(stored) ? [] : [`path ${pathOf(stored) ?? "(none)"} instead of ${pathOf(wanted) ?? "(none)"}`];
  const told = [...path, ...fields.map((field) => (isText(wanted[field]) && isText(stored[field]) ? `${field} ${String(stored[field])} instead of ${String(wanted[field])}` : field))];
  return told.length === 0 ? [] : [`\`${nameOf(wanted)}\` differs in ${told.join(", ")}`];
}

function isText(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number";
}

function pathOf({ clientConfig }: Readonly<Record<string, unknown>>): string | undefined {
  const { service, url } = isRecord(clientConfig) ? clientConfig : {};
  if (isRecord(service)) return String(service["path"] ?? "/");
  return typeof url === "string" && URL.canParse(url) ? new URL(url).pathname : undefined;
}

/** What a request that must be refused was told: the whole way from the API server to the rules and back. */
export const reachable: Check = {
  id: "way from the API server",
  judge: ({ probe, own, mode }) =>
    whenRead(probe, ({ status, message }) => {
      if (/admission webhook "[^"]*sluice\.dev" denied/.test(message)) return fine("a request that Sluice must refuse was refused by it (as a dry run)");
      const [, webhook = "", reason = ""] = /failed calling webhook "([^"]*sluice\.dev)": (?:failed to call webhook: )?([\s\S]*)/.exec(message) ?? [];
      if (webhook !== "") return [failure(`the API server cannot call \`${webhook}\`: ${reason}`, wayRemedy(reason, portIn(own)))];
      if (status < 300 && mode === "audit") return notChecked("in mode audit nothing is refused, so no refusal shows it: `sluice_admission_requests_total` of a replica counts what reaches it");
      if (status < 300) return [failure("a request that Sluice must refuse was admitted: nobody asked it, or it did not answer and the webhook fails open", "put the webhook configurations right (see there); with `failurePolicy: Ignore` look why the API server cannot call Sluice")];
      return notChecked(`the probe says nothing of Sluice: ${message}`);
    }),
};

function portIn(own: Facts["own"]): number {
  const called = "value" in own ? own.value.flatMap(webhooksOf)[0] : undefined;
  const { service } = isRecord(called?.["clientConfig"]) ? called["clientConfig"] : {};
  return isRecord(service) ? Number(service["port"] ?? 443) : 443;
}

const REMEDIES: readonly (readonly [reason: RegExp, remedy: (port: number) => string])[] = [
  [/x509|certificate|tls:/i, () => "the certificate that is served and `caBundle` do not belong together: see docs/certificates.md; with `--cert-secret` the leader mends it, with cert-manager its injector must run"],
  [/no endpoints available|connection refused/i, () => "no replica listens there: look at the pods of Sluice and their logs; meanwhile `sluice doctor --emergency` opens the way for others"],
  [/not found/i, () => "the Service that the webhook configurations name does not exist: apply it, or the configurations for another one"],
  [/deadline exceeded|timeout|timed out|no route|unreachable/i, (port) => `the API server does not get through: on a private cluster a firewall rule must let the control plane's addresses reach the pods on the port behind ${port} of the Service (8443 as shipped); with a network plug-in that the control plane cannot route to, run Sluice with hostNetwork; a NetworkPolicy of Sluice's namespace must allow it too`],
];

function wayRemedy(reason: string, port: number): string {
  const found = REMEDIES.find(([pattern]) => pattern.test(reason));
  return found ? found[1](port) : "look at the pods of Sluice and their logs; meanwhile `sluice doctor --emergency` opens the way for others";
}
