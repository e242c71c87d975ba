import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { carryOutAll, isOwnCa, readableIn, type Held, type Wanted } from "./certificate-plan.js";
import { fits, SKEW_MS, type KeyPair } from "./certificates.js";

/** What is served: the leaf, and where it is known the CA that clients must trust. */
export interface ServedCertificate extends KeyPair {
  /** PEM; what goes into `caBundle`. Absent when somebody else's certificate came without it. */
  readonly ca?: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The same of the CA that signed it, where that is known. */
  readonly caNotAfter?: number;
  readonly fingerprint: string;
  /** Made by Sluice, and renewed by it. */
  readonly throwAway: boolean;
}

export interface CertificateOptions {
  /** Names to serve under besides the loopback ones. */
  readonly names?: readonly string[];
  readonly now?: Date;
  /** Somebody else's certificate was served from there: nothing is made in its place, not even when all of it is gone for a moment. */
  readonly isForeign?: boolean;
}

/** File names as in a Secret of type kubernetes.io/tls, which is also what cert-manager writes. `ca.key` only stands beside certificates of our own. */
const FILES = { certificate: "tls.crt", key: "tls.key", ca: "ca.crt", caKey: "ca.key" } as const;

/** A day for the clients of a directory to read a new CA from it, before the leaf is signed by that one. */
const SPREAD_MS = 86_400_000;

/**
 * The certificate in `directory`. An empty directory gets a CA and a leaf of our own; these are renewed in their last third, and when a
 * name is missing. A certificate of somebody else's is read and never written to, whatever its dates.
 */
export async function loadOrCreate(directory: string, { names = [], now = new Date(), isForeign = false }: CertificateOptions = {}): Promise<Result<ServedCertificate>> {
  try {
    const found = await readFiles(directory);
    const ours = found.caKey !== undefined || (Object.keys(found).length === 0 && !isForeign);
    if (!ours) return readForeign(directory, found);
    return ok(served(await renewed(directory, found, { names, now, spread: isSpread(found, now) }), true));
  } catch (error) {
    if (error instanceof Unwritable) return failed({ ...problem(directory, `the certificate cannot be written: ${reasonOf(error.cause)}`), code: UNWRITABLE });
    return failed(problem(directory, `the certificate cannot be read or written: ${reasonOf(error)}`));
  }
}

/** Code of the problem that what lies in the directory is as it was, and cannot be renewed. */
export const UNWRITABLE = "certificates/unwritable";

class Unwritable extends Error {}

interface Found {
  readonly certificate?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly caKey?: string;
}

async function readFiles(directory: string): Promise<Found> {
  const entries = await Promise.all(Object.entries(FILES).map(async ([part, file]) => [part, await textOf(join(directory, file))] as const));
  return Object.fromEntries(entries.filter(([, text]) => text !== undefined));
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function readForeign(directory: string, found: Found): Result<ServedCertificate> {
  const { certificate, key } = found;
  if (certificate === undefined || key === undefined) return failed(problem(directory, `\`${certificate === undefined ? FILES.certificate : FILES.key}\` is missing`));
  const trouble = unreadable({ certificate, key });
  if (trouble !== undefined) return failed(problem(directory, trouble));
  return ok(served({ ...found, certificate, key }, false));
}

/** Why a pair cannot be served; OpenSSL's own words for it help nobody. */
function unreadable({ certificate, key }: KeyPair): string | undefined {
  if (readableIn(certificate).length === 0) return `\`${FILES.certificate}\` holds no certificate in PEM`;
  if (!isKey(key)) return /ENCRYPTED/.test(key) ? `\`${FILES.key}\` is encrypted, and nobody tells Sluice a passphrase: write the key there without one` : `\`${FILES.key}\` holds no private key in PEM`;
  return fits({ certificate, key }) ? undefined : `\`${FILES.key}\` is not the key of the first certificate in \`${FILES.certificate}\``;
}

function isKey(key: string): boolean {
  try {
    return createPrivateKey(key).type === "private";
  } catch {
    return false;
  }
}

function isSpread({ ca = "" }: Found, now: Date): boolean {
  const [newest] = readableIn(ca);
  return newest !== undefined && now.getTime() - SKEW_MS - Date.parse(new X509Certificate(newest).validFrom) >= SPREAD_MS;
}

async function renewed(directory: string, { ca = "", caKey, ...leaf }: Found, wanted: Wanted): Promise<KeyPair & { readonly ca: string }> {
  const cas = readableIn(ca);
  if (caKey !== undefined && cas.some((pem) => !isOwnCa(pem))) throw new Error(`\`${FILES.caKey}\` is not of a CA that Sluice made: remove it, or serve with another directory`);
  const before: Held = { cas, ...(caKey !== undefined && { caKey }), ...leaf };
  const held = await carryOutAll(before, wanted);
  const { certificate = "", key = "" } = held;
  if (held !== before) await write(directory, held).catch((cause: unknown) => Promise.reject(new Unwritable("", { cause })));
  return { certificate, key, ca: held.cas.join("") };
}

/** The leaf's certificate last: who watches the directory finds key and certificate that fit from then on. */
async function write(directory: string, { cas, caKey = "", certificate = "", key = "" }: Held): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [file, text] of [[FILES.caKey, caKey], [FILES.ca, cas.join("")], [FILES.key, key], [FILES.certificate, certificate]] as const) await replaceFile(join(directory, file), text);
}

/** Whole or not at all; keys for the owner alone. */
async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  await rm(draft, { force: true });
  await writeFile(draft, text, { mode: path.endsWith(".key") ? 0o600 : 0o644, flag: "wx" });
  await rename(draft, path);
}

/** What is served of a certificate, with what clients need to know. */
export function served({ certificate, key, ca }: { readonly ca?: string } & KeyPair, throwAway: boolean): ServedCertificate {
  const leaf = new X509Certificate(certificate);
  // An intermediate one comes with the leaf.
  const issuer = readableIn(`${ca ?? ""}${certificate}`).map((pem) => new X509Certificate(pem)).find((one) => leaf.checkIssued(one));
  return { certificate, key, ...(ca !== undefined && { ca }), notBefore: Date.parse(leaf.validFrom), notAfter: Date.parse(leaf.validTo), ...(issuer && { caNotAfter: Date.parse(issuer.validTo) }), fingerprint: leaf.fingerprint256, throwAway };
}

/** Whether a certificate counts at this moment, in words. */
export function validity({ notBefore, notAfter }: Pick<ServedCertificate, "notBefore" | "notAfter">, now: Date): { readonly ok: boolean; readonly detail: string } {
  const ends = `ends ${new Date(notAfter).toISOString()}`;
  if (now.getTime() >= notAfter) return { ok: false, detail: `expired, ${ends}` };
  if (now.getTime() < notBefore) return { ok: false, detail: `not valid before ${new Date(notBefore).toISOString()}` };
  return { ok: true, detail: ends };
}

function problem(file: string, message: string): Problem {
  return { code: "certificates/unreadable", path: "", message, place: { file } };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
