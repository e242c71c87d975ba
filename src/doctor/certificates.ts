import { X509Certificate } from "node:crypto";
import type { KubeObject } from "../model/kubernetes.js";
import { certificatesIn } from "../upkeep/certificate-plan.js";
import { heldIn } from "../upkeep/certificate-secret.js";
import { failure, notChecked, orElse, warning, whenRead, type Check, type Finding } from "./check.js";
import { calledAt, nameOf, webhooksOf, type CalledAt } from "./stored.js";
import { DAY_MS, daysText, listed } from "./words.js";

/** The leaf is renewed 30 days before it ends, the CA 122 days: later than this, something keeps the leader from it. */
const LEAF_DAYS = 21;
const CA_DAYS = 60;

/** What the API server trusts, and whether that is what it is shown. */
export const certificates: Check = {
  id: "certificates",
  judge: ({ own, secret, certSecret, now }) =>
    whenRead(own, (all) => {
      const called = all.flatMap((one) => webhooksOf(one).map((webhook) => ({ name: nameOf(webhook), ...calledAt(webhook) })));
      if (called.length === 0) return notChecked("no webhook of Sluice's is there to trust anybody");
      const trust = [...byBundle(called)].flatMap(([bundle, names]) => trusted(bundle, names, now));
      const leaf = "value" in secret ? shown(secret.value, { called, now, where: `Secret \`${certSecret.namespace}/${certSecret.name}\`` }) : [];
      return orElse([...trust, ...leaf], told(secret, now));
    }),
};

function told(secret: { readonly value: KubeObject | undefined } | { readonly problem: string }, now: number): string {
  const leaf = "value" in secret ? leafIn(secret.value) : undefined;
  return leaf ? `trusted by every webhook, the served one ends ${daysText(Date.parse(leaf.validTo), now)}` : "the CAs of every webhook are valid; the certificate that is served was not seen here";
}

function byBundle(called: readonly (CalledAt & { readonly name: string })[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { caBundle, name } of called) found.set(caBundle, [...(found.get(caBundle) ?? []), name]);
  return found;
}

const RENEW = "with `--cert-secret` see the log of the replica that leads; elsewhere renew the CA and print the configurations anew with `sluice webhooks --ca-bundle FILE`";

function trusted(bundle: string, names: readonly string[], now: number): readonly Finding[] {
  if (bundle === "") return [warning(`${listed(names)} have no \`caBundle\`, so the API server trusts only what its system does`, "give `--ca-bundle` to `sluice webhooks`, or let the leader (`--cert-secret`) or cert-manager's injector fill it in")];
  const read = certificatesIn(bundle).map(certificateOf);
  const cas = read.filter((one) => one !== undefined);
  if (cas.length === 0 || cas.length < read.length) return [failure(`the \`caBundle\` of ${listed(names)} cannot be read as certificates`, RENEW)];
  const last = Math.max(...cas.map(({ validTo }) => Date.parse(validTo)));
  if (last <= now) return [failure(`every CA in the \`caBundle\` of ${listed(names)} has ended, the last one ${daysText(last, now)}`, RENEW)];
  return last - now < CA_DAYS * DAY_MS ? [warning(`the last CA in the \`caBundle\` of ${listed(names)} ends ${daysText(last, now)}`, RENEW)] : [];
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function leafIn(secret: KubeObject | undefined): X509Certificate | undefined {
  const { certificate } = heldIn(secret);
  return certificate === undefined ? undefined : certificateOf(certificate);
}

interface Shown {
  readonly called: readonly (CalledAt & { readonly name: string })[];
  readonly now: number;
  readonly where: string;
}

/** The certificate of the Secret, as each webhook's client would see it. */
function shown(secret: KubeObject | undefined, { called, now, where }: Shown): readonly Finding[] {
  const leaf = leafIn(secret);
  if (!leaf) return secret === undefined ? [] : [failure(`${where} holds no certificate that can be read`, RENEW)];
  const ends = Date.parse(leaf.validTo);
  const late = ends <= now ? [failure(`the certificate in ${where} ended ${daysText(ends, now)}`, RENEW)] : ends - now < LEAF_DAYS * DAY_MS ? [warning(`the certificate in ${where} ends ${daysText(ends, now)}`, RENEW)] : [];
  const strangers = called.filter((one) => !trusts(one, leaf)).map(({ name }) => name);
  const misnamed = [...new Set(called.map(hostOf))].filter((host) => host !== "" && (isAddress(host) ? leaf.checkIP(host) : leaf.checkHost(host)) === undefined);
  return [
    ...late,
    ...(strangers.length > 0 ? [failure(`the \`caBundle\` of ${listed(strangers)} does not trust the certificate in ${where}`, "with `--cert-secret` the leader mends it within seconds: see its log; else print the configurations anew with `sluice webhooks --ca-bundle FILE`")] : []),
    ...(misnamed.length > 0 ? [failure(`the certificate in ${where} is not for ${listed(misnamed)}`, "serve with `--name` for each further name, or with the `--service` that the configurations name")] : []),
  ];
}

function trusts({ caBundle }: CalledAt, leaf: X509Certificate): boolean {
  if (caBundle === "") return true;
  return certificatesIn(caBundle).some((pem) => {
    const ca = certificateOf(pem);
    return ca !== undefined && leaf.checkIssued(ca) && leaf.verify(ca.publicKey);
  });
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+(\.\d+){3}$/.test(host);
}

/** "The server name is `<svc>.<ns>.svc`" (admissionregistration.k8s.io/v1, ServiceReference). */
function hostOf({ service, url }: CalledAt): string {
  if (service) return `${service.name}.${service.namespace}.svc`;
  return url !== undefined && URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, "") : "";
}
