import { X509Certificate } from "node:crypto";
import { isIP, type AddressInfo } from "node:net";
import { checkServerIdentity, connect, type ConnectionOptions, type PeerCertificate } from "node:tls";
import type { Condition } from "../model/readiness.js";

/** How a webhook configuration says that Sluice is to be called. */
export interface CalledBy {
  /** Of the configuration. */
  readonly name: string;
  /** Name or address that the certificate must be for. */
  readonly host: string;
  /** PEM of the CAs to trust. */
  readonly caBundle: string;
}

export interface ProbeParts {
  /** Undefined until the server listens. */
  readonly address: () => AddressInfo | undefined;
  /** What should be served, as the directory or Secret has it now. */
  readonly wanted: () => Promise<{ readonly fingerprint: string; readonly certificate: string }>;
  /** Undefined when it is not known; rejects when it cannot be read. */
  readonly calledBy?: () => Promise<readonly CalledBy[] | undefined>;
}

// Whoever asks: a look costs handshakes, and questions to the API server.
const CACHE_MS = 2_000;
const HANDSHAKE_MS = 2_000;

/** Calls the server as the API server would: is the certificate that a handshake shows the wanted one, and would the webhook configurations trust it? */
export class SelfProbe {
  readonly #parts: ProbeParts;
  #last: { readonly at: number; readonly conditions: Promise<readonly Condition[]> } | undefined;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
  }

  conditions(): Promise<readonly Condition[]> {
    const now = performance.now();
    if (!this.#last || now - this.#last.at > CACHE_MS) this.#last = { at: now, conditions: this.#look() };
    return this.#last.conditions;
  }

  async #look(): Promise<readonly Condition[]> {
    const address = this.#parts.address();
    if (!address) return [{ name: "handshake", ok: false, detail: "not listening" }];
    const wanted = this.#parts.wanted();
    return [await this.#shown(address, wanted), ...(this.#parts.calledBy ? [await this.#trusted(address, wanted)] : [])];
  }

  async #shown(address: AddressInfo, wanted: ReturnType<ProbeParts["wanted"]>): Promise<Condition> {
    try {
      const { fingerprint } = await wanted;
      const shown = await handshake(address, { rejectUnauthorized: false });
      const isWanted = shown === fingerprint;
      return { name: "handshake", ok: isWanted, detail: isWanted ? "" : `the certificate ${shown} is served, and the one on disk is ${fingerprint}` };
    } catch (error) {
      return { name: "handshake", ok: false, detail: reasonOf(error) };
    }
  }

  async #trusted(address: AddressInfo, wanted: ReturnType<ProbeParts["wanted"]>): Promise<Condition> {
    const name = "webhook configurations";
    const known = await this.#parts.calledBy?.().catch(reasonOf);
    // The API server being away is no reason to be taken out of the Service: it will come back and ask.
    if (known === undefined || typeof known === "string") return { name, ok: true, detail: known ?? "not known" };
    const leaf = new X509Certificate((await wanted).certificate);
    // Others are for another Sluice.
    const ours = known.filter(({ host }) => (isIP(host) ? leaf.checkIP(host) : leaf.checkHost(host)) !== undefined);
    const problems = await Promise.all(ours.map(async (one) => (await distrust(address, one)).map((reason) => `the API server would not trust the certificate by the caBundle of \`${one.name}\`: ${reason}`)));
    const [problem] = problems.flat();
    return { name, ok: problem === undefined, detail: problem ?? (ours.length === 0 ? "none name this server" : [...new Set(ours.map((one) => one.name))].join(", ")) };
  }
}

/** Why a client with this CA would not go on; nothing when it would. */
async function distrust(address: AddressInfo, { host, caBundle }: CalledBy): Promise<readonly string[]> {
  try {
    const checkIdentity = (_: string, certificate: PeerCertificate) => checkServerIdentity(host, certificate);
    await handshake(address, { ca: caBundle, checkServerIdentity: checkIdentity, ...(isIP(host) ? {} : { servername: host }) });
    return [];
  } catch (error) {
    return [reasonOf(error)];
  }
}

/** The SHA-256 fingerprint of the certificate that the server shows. */
function handshake({ address, port }: AddressInfo, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: reachable(address), port, timeout: HANDSHAKE_MS, ...options }, () => {
      const shown = socket.getPeerX509Certificate()?.fingerprint256;
      // Not cut off: the server would take it for a client that broke the handshake off.
      socket.end();
      if (shown === undefined) reject(new Error("the handshake showed no certificate"));
      else resolve(shown);
    });
    socket.on("error", reject).on("timeout", () => socket.destroy(new Error(`no handshake within ${HANDSHAKE_MS} ms`)));
  });
}

/** Where a server that listens everywhere is to be found. */
function reachable(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
