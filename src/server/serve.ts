import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { failed, ok, type Result } from "../model/result.js";
import type { Log } from "../log.js";
import { hasClientCertificate, type Access } from "./access.js";
import type { EdgeParts } from "./admission-edge.js";
import { createApp, type AppParts } from "./app.js";
import { loadOrCreate, type ServedCertificate } from "../upkeep/certificate-files.js";
import { CertificateWatch } from "../upkeep/certificate-watch.js";
import { DEFAULT_LIMITS, Gate } from "./gate.js";
import type { KindState } from "./metrics.js";
import { readinessOf, type Condition } from "../model/readiness.js";
import { SelfProbe, type ProbeParts } from "./self-probe.js";
import { UnderWay } from "./under-way.js";

export interface ServeParts extends EdgeParts {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly certDir: string;
  /** Where the certificate comes from instead of `certDir`. */
  readonly certificates?: Certificates;
  /** Names to serve under besides the loopback ones. */
  readonly names?: readonly string[];
  /** State of the watched kinds, for the metrics; none without a cluster. */
  readonly kinds?: () => readonly KindState[];
  /** Number of exceptions by state, for the metrics. */
  readonly exceptions?: () => Readonly<Record<string, number>>;
  /** Changes that were admitted and that no watch has shown yet, for the metrics; none without a cluster. */
  readonly pending?: () => number;
  /** What `/readyz` tells besides; reviews do not wait for it. */
  readonly checks?: () => readonly Condition[];
  /** How the API server is told to call this server; undefined where that is not known. */
  readonly calledBy?: ProbeParts["calledBy"];
  readonly access?: Access;
  readonly console?: NonNullable<AppParts["console"]>;
  /** Told of each review that was answered. */
  readonly traced?: NonNullable<AppParts["traced"]>;
  /** PEM of the CA whose clients alone may ask for reviews. */
  readonly clientCa?: string;
  /** Other limits than `CLIENT_LIMITS`; for tests. */
  readonly clientLimits?: Partial<Record<keyof typeof CLIENT_LIMITS, number>>;
  /** How long an instance that is going serves on; for tests. */
  readonly drainMs?: number;
}

/** The certificate to serve, which may change. */
export interface Certificates {
  readonly served: ServedCertificate;
  /** From now on `listener` is told of every other certificate; it may refuse one by throwing. */
  start(listener: (certificate: ServedCertificate) => void): void;
  stop(): void;
  condition(): Condition;
  /** Looks at once whether another one is there. */
  refresh?(): Promise<void>;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** PEM of the CA that clients must trust; absent when somebody else's certificate came without it. */
  readonly ca?: string;
  /** Drains and stops: not ready, answers close their connections, then no more. Resolves when all is closed. */
  close(): Promise<void>;
}

/**
 * A connection that never asked anything counts as busy for Node, and the API server opens some that it has no use for. Once nothing has
 * been under way for this long, whatever is open is closed.
 */
const QUIET_MS = 1_000;
// 0 of 5,000 requests were lost when an instance served on for 3 s with `Connection: close`; every quicker way lost some (A14).
const DRAIN_MS = 3_000;
/** What a client may take, in milliseconds and bytes. */
export const CLIENT_LIMITS = {
  // The API server closes idle connections after 90 s. It must be the first to do so, or a request meets a closing socket (facts/admission.md 1).
  keepAliveTimeout: 120_000,
  // No webhook call lasts longer than 30 s (`timeoutSeconds`), so a request that is not whole by then has nobody waiting for it.
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  // Node would wait two minutes for the end of a handshake, and look for late requests twice a minute.
  handshakeTimeout: 10_000,
  connectionsCheckingInterval: 2_000,
  // The API server sends some 300 bytes of headers (facts/admission.md 1).
  maxHeaderSize: 16 * 1_024,
} as const;

/** Serves over HTTPS until `close`. Problems: a certificate that cannot be read, an address that cannot be listened on. */
export async function serve(parts: ServeParts): Promise<Result<RunningServer>> {
  const { log } = parts;
  const opened = parts.certificates ? ok(parts.certificates) : await certificatesIn(parts);
  if (!opened.ok) return opened;
  const certificates = opened.value;
  const { served } = certificates;
  const state = { draining: false };
  const server = createHttpsServer(parts, certificates, state);
  const underWay = new UnderWay(server);
  const listening = await listen(server, parts);
  if (!listening.ok) return listening;
  certificates.start(({ certificate, key }) => server.setSecureContext({ ...tlsOf(parts), cert: certificate, key }));
  const { port } = listening.value;
  log.info({ host: parts.host, port, certificateEnds: new Date(served.notAfter).toISOString() }, "serving");
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= drain({ server, underWay, certificates, log, ms: parts.drainMs ?? DRAIN_MS }, state));
  return ok({ host: parts.host, port, ...(served.ca !== undefined && { ca: served.ca }), close });
}

/** Of a directory. */
async function certificatesIn({ certDir, names = [], log }: ServeParts): Promise<Result<Certificates>> {
  const loaded = await loadOrCreate(certDir, { names });
  return loaded.ok ? ok(new CertificateWatch(loaded.value, { directory: certDir, names, log })) : loaded;
}

/** Probes and metrics come without a client certificate: it is asked for, and only reviews need it. */
function tlsOf({ clientCa }: Pick<ServeParts, "clientCa">) {
  return { minVersion: "TLSv1.2", ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: false }) } as const;
}

function createHttpsServer(parts: ServeParts, certificates: Certificates, state: { readonly draining: boolean }): Server {
  const { log, metrics, ready, kinds = () => [], exceptions = () => ({}), pending = () => 0 } = parts;
  const gate = new Gate(DEFAULT_LIMITS);
  const probe = new SelfProbe({
    address: () => (server.listening ? (server.address() as AddressInfo) : undefined),
    wanted: async () => {
      await certificates.refresh?.();
      return certificates.served;
    },
    ...(parts.calledBy && { calledBy: parts.calledBy }),
  });
  const health = async () => {
    const probed = await probe.conditions();
    return readinessOf([...ready().conditions, certificates.condition(), ...probed, ...(parts.checks?.() ?? []), notDraining(state.draining)]);
  };
  const app = createApp({ ...parts, gate, health, draining: () => state.draining, ...(parts.clientCa !== undefined && { mayReview: hasClientCertificate }) });
  metrics.observe({ inFlight: () => gate.inFlight, waiting: () => gate.waiting, kinds, exceptions, pending, certificateEnds: () => certificates.served.notAfter, caEnds: () => certificates.served.caNotAfter });
  const { certificate, key } = certificates.served;
  const options = { ...tlsOf(parts), ...CLIENT_LIMITS, ...parts.clientLimits, cert: certificate, key };
  const server = createServer(options, app);
  // The only trace on our side of an API server that does not trust our certificate.
  server.on("tlsClientError", (error) => log.warn({ reason: error.message }, "a client broke off the TLS handshake"));
  return server;
}

function notDraining(draining: boolean): Condition {
  return { name: "serving", ok: !draining, detail: draining ? "stopping" : "" };
}

function listen(server: Server, { host, port }: ServeParts): Promise<Result<AddressInfo>> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException) => {
      const reason = error.code === "EADDRINUSE" ? "the address is in use" : error.message;
      resolve(failed({ code: "serve/listen", path: "", message: `cannot listen on ${host}:${port}: ${reason}` }));
    };
    server.once("error", onError).listen(port, host, () => {
      server.off("error", onError);
      resolve(ok(server.address() as AddressInfo));
    });
  });
}

interface Stopping {
  readonly server: Server;
  readonly underWay: UnderWay;
  readonly certificates: Certificates;
  readonly log: Log;
  readonly ms: number;
}

async function drain({ server, underWay, certificates, log, ms }: Stopping, state: { draining: boolean }): Promise<void> {
  state.draining = true;
  log.info({ ms }, "stopping: not ready, serving on");
  await sleep(ms);
  certificates.stop();
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  // Requests under way have their own deadline; past the longest one nobody waits for them.
  const late = setTimeout(() => server.closeAllConnections(), CLIENT_LIMITS.requestTimeout);
  const quiet = setInterval(() => underWay.quietMs() >= QUIET_MS && server.closeAllConnections(), QUIET_MS / 10);
  await closed;
  clearInterval(quiet);
  clearTimeout(late);
  log.info({}, "stopped");
}
