import { X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { CA_NAME, fits, issueCa, issueLeaf, LOOPBACK_NAMES, type KeyPair } from "./certificates.js";

/** What is served: the leaf, and where it is known the CA that clients must trust. */
export interface ServedCertificate extends KeyPair {
  /** PEM; what goes into `caBundle`. Absent when somebody else's certificate came without it. */
  readonly ca?: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
  readonly fingerprint: string;
  /** Made by Sluice, and renewed by it. */
  readonly throwAway: boolean;
}

export interface CertificateOptions {
  /** Names to serve under besides the loopback ones. */
  readonly names?: readonly string[];
  readonly now?: Date;
}

/** File names as in a Secret of type kubernetes.io/tls, which is also what cert-manager writes. `ca.key` only stands beside certificates of our own. */
const FILES = { certificate: "tls.crt", key: "tls.key", ca: "ca.crt", caKey: "ca.key" } as const;

/**
 * The certificate in `directory`. An empty directory gets a CA and a leaf of our own; these are renewed in their last third, and when a
 * name is missing. A certificate of somebody else's is read and never written to, whatever its dates.
 */
export async function loadOrCreate(directory: string, { names = [], now = new Date() }: CertificateOptions = {}): Promise<Result<ServedCertificate>> {
  try {
    const found = await readFiles(directory);
    const ours = found.caKey !== undefined || Object.keys(found).length === 0;
    if (!ours) return readForeign(directory, found);
    const wanted = { names: [...LOOPBACK_NAMES, ...names], now };
    return ok(served(isGood(found, wanted) ? found : await renew(directory, found, wanted), true));
  } catch (error) {
    return failed(problem(directory, `the certificate cannot be read or written: ${reasonOf(error)}`));
  }
}

interface Found {
  readonly certificate?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly caKey?: string;
}

interface Wanted {
  readonly names: readonly string[];
  readonly now: Date;
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
  if (!fits({ certificate, key })) return failed(problem(directory, `\`${FILES.key}\` is not the key of \`${FILES.certificate}\``));
  return ok(served({ ...found, certificate, key }, false));
}

function isGood(found: Found, wanted: Wanted): found is Found & Required<Pick<Found, "certificate" | "key" | "ca">> {
  const { certificate, key, ca } = found;
  if (certificate === undefined || key === undefined || ca === undefined || !fits({ certificate, key })) return false;
  const leaf = new X509Certificate(certificate);
  return isFresh(leaf, wanted.now) && leaf.verify(new X509Certificate(ca).publicKey) && wanted.names.every((name) => (isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name)) !== undefined);
}

/** In the first two thirds of its life. */
function isFresh(certificate: X509Certificate, now: Date): boolean {
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  return now.getTime() >= from && now.getTime() < to - (to - from) / 3;
}

async function renew(directory: string, found: Found, { names, now }: Wanted): Promise<Required<Pick<Found, "certificate" | "key" | "ca">>> {
  const ca = reusableCa(found, now) ?? (await issueCa(now));
  const leaf = await issueLeaf({ ca, names, now });
  await mkdir(directory, { recursive: true });
  // The leaf's certificate last: who watches the directory finds key and certificate that fit from then on.
  for (const [file, text] of [[FILES.caKey, ca.key], [FILES.ca, ca.certificate], [FILES.key, leaf.key], [FILES.certificate, leaf.certificate]] as const) {
    await replaceFile(join(directory, file), text);
  }
  return { certificate: leaf.certificate, key: leaf.key, ca: ca.certificate };
}

function reusableCa({ ca, caKey }: Found, now: Date): KeyPair | undefined {
  if (ca === undefined || caKey === undefined) return undefined;
  const certificate = new X509Certificate(ca);
  if (!certificate.subject.includes(CA_NAME)) throw new Error(`\`${FILES.caKey}\` is not of a CA that Sluice made: remove it, or serve with another directory`);
  return fits({ certificate: ca, key: caKey }) && isFresh(certificate, now) ? { certificate: ca, key: caKey } : undefined;
}

/** Whole or not at all; keys for the owner alone. */
async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  await rm(draft, { force: true });
  await writeFile(draft, text, { mode: path.endsWith(".key") ? 0o600 : 0o644, flag: "wx" });
  await rename(draft, path);
}

function served({ certificate, key, ca }: Pick<Found, "ca"> & KeyPair, throwAway: boolean): ServedCertificate {
  const leaf = new X509Certificate(certificate);
  return { certificate, key, ...(ca !== undefined && { ca }), notAfter: Date.parse(leaf.validTo), fingerprint: leaf.fingerprint256, throwAway };
}

function problem(file: string, message: string): Problem {
  return { code: "certificates/unreadable", path: "", message, place: { file } };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
