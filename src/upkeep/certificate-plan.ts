import { X509Certificate } from "node:crypto";
import { isIPv4 } from "node:net";
import { CA_NAME, fits, issueCa, issueLeaf, LOOPBACK_NAMES, type KeyPair } from "./certificates.js";

/** What a directory or a Secret holds of certificates of our own. Texts are PEM. */
export interface Held {
  /** Everything that clients are to trust, the newest first: the CA that signs, and older ones until they end. */
  readonly cas: readonly string[];
  /** Key of the newest CA. */
  readonly caKey?: string;
  readonly certificate?: string;
  readonly key?: string;
}

export interface Wanted {
  /** DNS names and IP addresses besides the loopback ones. */
  readonly names: readonly string[];
  readonly now: Date;
  /** Do all clients trust the newest CA by now? Until then the leaf stays with an older one. */
  readonly spread: boolean;
}

/** What is to be done next; one thing at a time, because the world has to follow in between. */
export type Step = "nothing" | "new-ca" | "new-leaf" | "drop-old-cas";

/**
 * A CA is replaced in the last third of its life, and clients are told of the new one while the leaf still is the old one's; then the
 * leaf follows. The old CA is trusted until it ends, so that no replica that still serves the old leaf is refused.
 */
export function nextStep(held: Held, { names, now, spread }: Wanted): Step {
  const cas = held.cas.map((pem) => new X509Certificate(pem));
  const [newest] = cas;
  if (!newest || !signs(held) || !isFresh(newest, now)) return "new-ca";
  const leaf = leafOf(held);
  if (!leaf || isOver(leaf, now) || !isFor(leaf, names) || !cas.some((ca) => leaf.verify(ca.publicKey) && !isOver(ca, now))) return "new-leaf";
  if (spread && (!isFresh(leaf, now) || !leaf.verify(newest.publicKey))) return "new-leaf";
  return cas.some((ca) => isOver(ca, now)) ? "drop-old-cas" : "nothing";
}

/** Does the step. What it makes fits together: stored whole, it can be served. */
export async function carryOut(step: Step, held: Held, { names, now }: Wanted): Promise<Held> {
  const kept = held.cas.filter((pem) => !isOver(new X509Certificate(pem), now));
  if (step === "new-ca") {
    const ca = await issueCa(now);
    return { ...held, cas: [ca.certificate, ...kept], caKey: ca.key };
  }
  if (step === "drop-old-cas") return { ...held, cas: kept };
  if (step === "nothing") return held;
  const [certificate = ""] = held.cas;
  const leaf = await issueLeaf({ ca: { certificate, key: held.caKey ?? "" }, names, now });
  return { ...held, certificate: leaf.certificate, key: leaf.key };
}

/** One after the other all that can be done without waiting for anybody. */
export async function carryOutAll(held: Held, wanted: Wanted): Promise<Held> {
  let [current, { spread }] = [held, wanted];
  for (;;) {
    const step = nextStep(current, { ...wanted, spread });
    if (step === "nothing") return current;
    current = await carryOut(step, current, wanted);
    // Nobody can have heard of it yet.
    if (step === "new-ca") spread = false;
  }
}

/** The certificates of a PEM text, each as a text of its own. */
export function certificatesIn(pem: string): readonly string[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map((block) => `${block}\n`);
}

/** Those of them that can be read. */
export function readableIn(pem: string): readonly string[] {
  return certificatesIn(pem).filter(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).validTo !== "";
  } catch {
    return false;
  }
}

/** True for certificates that Sluice issues from; earlier versions named them otherwise. */
export function isOwnCa(pem: string): boolean {
  return OWN_CA.test(new X509Certificate(pem).subject);
}

const OWN_CA = new RegExp(`^CN=(${CA_NAME}|sluice throw-away CA) [0-9a-f]{8}$`, "m");

/** Is there anything that somebody else made, which must not be written over? A leaf may be alone: its CA was taken out, or is one that everybody trusts. */
export function isForeign({ cas, certificate }: Held): boolean {
  const [leaf] = readableIn(certificate ?? "");
  return !cas.every(isOwnCa) || (leaf !== undefined && !OWN_CA.test(new X509Certificate(leaf).issuer));
}

/** The leaf with its key, when they belong together. */
export function leafPair({ certificate, key }: Held): KeyPair | undefined {
  if (certificate === undefined || key === undefined) return undefined;
  try {
    return fits({ certificate, key }) ? { certificate, key } : undefined;
  } catch {
    return undefined;
  }
}

function leafOf(held: Held): X509Certificate | undefined {
  const pair = leafPair(held);
  return pair && new X509Certificate(pair.certificate);
}

function signs({ cas: [certificate], caKey: key }: Held): boolean {
  try {
    return certificate !== undefined && key !== undefined && fits({ certificate, key });
  } catch {
    return false;
  }
}

function isFor(leaf: X509Certificate, names: readonly string[]): boolean {
  // No DNS name has a colon; asking Node whether one is IPv6 compiles a large expression.
  return [...LOOPBACK_NAMES, ...names].every((name) => (name.includes(":") || isIPv4(name) ? leaf.checkIP(name) : leaf.checkHost(name)) !== undefined);
}

function isOver(certificate: X509Certificate, now: Date): boolean {
  return now.getTime() >= Date.parse(certificate.validTo);
}

/**
 * Before the last third of its life. One that has still to begin tells that this clock is behind, as after a start without time: what such
 * a clock would make instead has ended long ago for everybody else.
 */
function isFresh(certificate: X509Certificate, now: Date): boolean {
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  return now.getTime() < to - (to - from) / 3;
}
