import { createPrivateKey, generateKeyPair, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import type { pki } from "node-forge";

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface LeafRequest {
  readonly ca: KeyPair;
  /** DNS names and IP addresses; `LOOPBACK_NAMES` are always added. */
  readonly names: readonly string[];
  readonly now: Date;
}

export const LOOPBACK_NAMES: readonly string[] = ["localhost", "127.0.0.1", "::1"];
export const CA_NAME = "sluice CA";

const DAY_MS = 86_400_000;
const CA_DAYS = 365;
const LEAF_DAYS = 90;
/** A certificate is good from this long before it is made: clocks of two machines are rarely further apart. */
export const SKEW_MS = 3_600_000;
// RSA, because node-forge builds no other certificates; 2,048 bits are asked of every public certificate (CA/Browser Forum Baseline Requirements 6.1.5).
const RSA_BITS = 2_048;

const generateKeys = promisify(generateKeyPair);

/** A certificate authority of our own, good for a year. Keys are made on node:crypto's threads and never block the loop. */
export async function issueCa(now: Date): Promise<KeyPair> {
  const keys = await newKeys();
  const subject = [{ name: "commonName", value: `${CA_NAME} ${randomBytes(4).toString("hex")}` }];
  const extensions = [
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    { name: "subjectKeyIdentifier" },
  ];
  return build({ keys, signer: keys.privateKey, subject, issuer: subject, extensions, now, days: CA_DAYS });
}

/** A serving certificate, good for 90 days and for no other use than to serve. */
export async function issueLeaf({ ca, names, now }: LeafRequest): Promise<KeyPair> {
  const [keys, { default: forge }] = await Promise.all([newKeys(), import("node-forge")]);
  const issuer = forge.pki.certificateFromPem(ca.certificate);
  const altNames = [...new Set([...LOOPBACK_NAMES, ...names])].map((name) => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name }));
  const extensions = [
    { name: "basicConstraints", cA: false, critical: true },
    { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
    { name: "extKeyUsage", serverAuth: true },
    { name: "subjectAltName", altNames },
    { name: "subjectKeyIdentifier" },
    { name: "authorityKeyIdentifier", keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes() },
  ];
  return build({ keys, signer: ca.key, subject: [{ name: "commonName", value: "sluice" }], issuer: issuer.subject.attributes, extensions, now, days: LEAF_DAYS });
}

/** True when the key belongs to the certificate: the two files are written one after the other, and may be read in between. */
export function fits({ certificate, key }: KeyPair): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

interface Blueprint {
  readonly keys: { readonly publicKey: string; readonly privateKey: string };
  /** PEM of the issuer's key. */
  readonly signer: string;
  readonly subject: pki.CertificateField[];
  readonly issuer: pki.CertificateField[];
  readonly extensions: object[];
  readonly now: Date;
  readonly days: number;
}

async function build({ keys, signer, subject, issuer, extensions, now, days }: Blueprint): Promise<KeyPair> {
  const { default: forge } = await import("node-forge");
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  // Positive and not zero: the first bit is cleared, the second one set.
  certificate.serialNumber = `5${randomBytes(16).toString("hex").slice(1)}`;
  certificate.validity.notBefore = new Date(now.getTime() - SKEW_MS);
  certificate.validity.notAfter = new Date(now.getTime() + days * DAY_MS);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer);
  certificate.setExtensions(extensions);
  signNatively(certificate, signer);
  return { certificate: forge.pki.certificateToPem(certificate).replaceAll("\r\n", "\n"), key: keys.privateKey };
}

/** forge hands the bytes to be signed to the digest and then asks the key; its own RSA in JavaScript would block the loop for some 50 ms. */
function signNatively(certificate: pki.Certificate, signer: string): void {
  let bytes = Buffer.alloc(0);
  const digest = { algorithm: "sha256", update: (der: string) => (bytes = Buffer.from(der, "binary")) };
  const key = { sign: () => sign("sha256", bytes, signer).toString("binary") };
  certificate.sign(key as unknown as pki.rsa.PrivateKey, digest as unknown as Parameters<pki.Certificate["sign"]>[1]);
}

function newKeys(): Promise<{ publicKey: string; privateKey: string }> {
  return generateKeys("rsa", {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}
