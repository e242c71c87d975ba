import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { Log } from "../log.js";
import { served, validity, type ServedCertificate } from "./certificate-files.js";
import { leafPair, readableIn, type Held } from "./certificate-plan.js";
import { issueCa, issueLeaf } from "./certificates.js";
import type { ObjectAt, ObjectStore } from "../model/object-store.js";
import type { Condition } from "../model/readiness.js";

/** The keys of a Secret of type kubernetes.io/tls, and the key of the CA. The type is Opaque: of the other one no key may be taken out, which is how a person asks for a new certificate. */
const KEYS = { certificate: "tls.crt", key: "tls.key", ca: "ca.crt", caKey: "ca.key" } as const;

/** What a Secret holds; whatever cannot be read counts as absent. */
export function heldIn(secret: KubeObject | undefined): Held {
  const data = isRecord(secret?.["data"]) ? secret["data"] : {};
  const text = (name: string): string | undefined => (typeof data[name] === "string" ? Buffer.from(data[name], "base64").toString("utf8") : undefined);
  const [certificate, key, caKey] = [text(KEYS.certificate), text(KEYS.key), text(KEYS.caKey)];
  return { cas: readableIn(text(KEYS.ca) ?? ""), ...(caKey !== undefined && { caKey }), ...(certificate !== undefined && { certificate }), ...(key !== undefined && { key }) };
}

/** The Secret that holds it; over the stored one, when there is one. */
export function secretOf(held: Held, at: ObjectAt, stored?: KubeObject): KubeObject {
  const { cas, caKey, certificate, key } = held;
  const texts = { [KEYS.ca]: cas.join(""), [KEYS.caKey]: caKey, [KEYS.certificate]: certificate, [KEYS.key]: key };
  const data = Object.fromEntries(Object.entries(texts).flatMap(([name, text]) => (text === undefined ? [] : [[name, Buffer.from(text).toString("base64")]])));
  const metadata = stored?.metadata ?? { name: at.name, ...(at.namespace !== undefined && { namespace: at.namespace }), labels: { "app.kubernetes.io/name": "sluice" } };
  return { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", data };
}

export interface SecretParts {
  readonly store: ObjectStore;
  readonly at: ObjectAt;
  readonly log: Log;
  /** For tests that move the clock. */
  readonly now?: () => Date;
  readonly pollMs?: number;
}

// The old leaf counts for weeks after there is a new one, so nobody is in a hurry; before the first one everybody is.
const POLL_MS = 15_000;
const FIRST_MS = 1_000;

/** The certificate in a Secret, which another replica or this one's leader writes: served by all of them. */
export class SecretCertificate {
  readonly #parts: SecretParts;
  /** Until the Secret has one: nobody trusts it, but `/livez` and `/readyz` answer. */
  #served: ServedCertificate;
  #isFromSecret = false;
  #problem = "";
  #timer: NodeJS.Timeout | undefined;
  #listener: (certificate: ServedCertificate) => void = () => undefined;
  readonly #stopping = new AbortController();

  private constructor(stopgap: ServedCertificate, parts: SecretParts) {
    this.#served = stopgap;
    this.#parts = parts;
  }

  static async open(parts: SecretParts): Promise<SecretCertificate> {
    const now = parts.now?.() ?? new Date();
    const ca = await issueCa(now);
    const certificate = new SecretCertificate(served({ ...(await issueLeaf({ ca, names: [], now })), ca: ca.certificate }, true), parts);
    await certificate.refresh();
    return certificate;
  }

  get served(): ServedCertificate {
    return this.#served;
  }

  /** From now on `listener` is told of every other certificate. */
  start(listener: (certificate: ServedCertificate) => void): void {
    this.#listener = listener;
    this.#later();
  }

  stop(): void {
    this.#stopping.abort();
    clearTimeout(this.#timer);
  }

  async refresh(): Promise<void> {
    try {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(READ_MS)]);
      this.take(heldIn(await this.#parts.store.read(this.#parts.at, signal)));
    } catch (error) {
      // An API server that cannot be asked calls no webhooks either; what is served stays good.
      this.#problem = `the Secret cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** Serves what the Secret holds from now on. Incomplete contents keep the last good certificate in force. */
  take(held: Held): void {
    const pair = leafPair(held);
    if (!pair) {
      this.#problem = "the Secret holds no certificate with its key";
      return;
    }
    this.#problem = "";
    const next = served({ ...pair, ca: held.cas.join("") }, true);
    const isOther = next.fingerprint !== this.#served.fingerprint;
    try {
      if (isOther) this.#listener(next);
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
      return;
    }
    this.#isFromSecret = true;
    this.#served = next;
    if (isOther) this.#parts.log.info({ fingerprint: next.fingerprint, notAfter: new Date(next.notAfter).toISOString() }, "certificate changed");
  }

  condition(): Condition {
    const { ok, detail } = validity(this.#served, this.#parts.now?.() ?? new Date());
    const { namespace, name } = this.#parts.at;
    if (!this.#isFromSecret) return { name: "certificate", ok: false, detail: `waiting for the one in Secret \`${namespace ?? ""}/${name}\`${this.#problem === "" ? "" : `: ${this.#problem}`}` };
    return { name: "certificate", ok, detail: `${detail}${this.#problem === "" ? "" : `; the last good one is kept: ${this.#problem}`}` };
  }

  #later(): void {
    const ms = this.#isFromSecret ? (this.#parts.pollMs ?? POLL_MS) : FIRST_MS;
    this.#timer = setTimeout(() => void this.refresh().then(() => this.#stopping.signal.aborted || this.#later()), ms).unref();
  }
}

const READ_MS = 10_000;
