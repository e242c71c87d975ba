import { createServer, type Server } from "node:https";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { failed, ok, type Result } from "../model/result.js";
import type { Log } from "../log.js";
import type { ServedCertificate } from "../upkeep/certificate-files.js";
import { UnderWay } from "./under-way.js";

/** Where requests come in. */
export interface Door {
  /** Problems: an address that cannot be listened on. */
  listen(): Promise<Result<AddressInfo>>;
  /** Undefined until it listens. */
  address(): AddressInfo | undefined;
  /** Shows another certificate; throws when it cannot be served. */
  renew(certificate: ServedCertificate): void;
  /** Serves on for so many milliseconds, then lets nobody in any more. Resolves when all is closed. */
  close(ms: number): Promise<void>;
}

export interface DoorParts {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** PEM of the CA whose clients alone may ask for reviews. */
  readonly clientCa?: string;
  /** Other limits than `CLIENT_LIMITS`; for tests. */
  readonly clientLimits?: Partial<Record<keyof typeof CLIENT_LIMITS, number>>;
  readonly log: Log;
}

/**
 * A connection that never asked anything counts as busy for Node, and the API server opens some that it has no use for. Once nothing has
 * been under way for this long, whatever is open is closed.
 */
const QUIET_MS = 1_000;
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
  // Each costs 30 KB. One API server had 231 open (facts/admission.md 1); what opens thousands and keeps them would cost the process its memory.
  maxConnections: 4_096,
} as const;
/** Between two lines about connections that were turned away. */
const TELL_MS = 60_000;

/** A door of this process: HTTPS at an address. */
export function httpsDoor(parts: DoorParts, app: RequestListener, { certificate, key }: ServedCertificate): Door {
  const { log } = parts;
  const { maxConnections, ...limits } = { ...CLIENT_LIMITS, ...parts.clientLimits };
  const server = createServer({ ...tlsOf(parts), ...limits, cert: certificate, key }, app);
  server.maxConnections = maxConnections;
  tellOfDropped(server, log);
  // The only trace on our side of an API server that does not trust our certificate.
  server.on("tlsClientError", (error) => log.warn({ reason: error.message }, "a client broke off the TLS handshake"));
  const underWay = new UnderWay(server);
  return {
    listen: () => listen(server, parts),
    address: () => (server.listening ? (server.address() as AddressInfo) : undefined),
    renew: (next) => server.setSecureContext({ ...tlsOf(parts), cert: next.certificate, key: next.key }),
    close: async (ms) => {
      await sleep(ms);
      await emptied(server, underWay);
    },
  };
}

/** Probes and metrics come without a client certificate: it is asked for, and only reviews need it. */
function tlsOf({ clientCa }: Pick<DoorParts, "clientCa">) {
  return { minVersion: "TLSv1.2", ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: false }) } as const;
}

/** Seldom: whoever opens too many could write the log full. */
function tellOfDropped(server: Server, log: Log): void {
  let told = -Infinity;
  server.on("drop", () => {
    if (performance.now() - told < TELL_MS) return;
    told = performance.now();
    log.warn({ open: server.maxConnections }, "too many connections are open: further ones are turned away");
  });
}

function listen(server: Server, { host, port }: DoorParts): Promise<Result<AddressInfo>> {
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

async function emptied(server: Server, underWay: UnderWay): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  // Requests under way have their own deadline; past the longest one nobody waits for them.
  const late = setTimeout(() => server.closeAllConnections(), CLIENT_LIMITS.requestTimeout);
  const quiet = setInterval(() => underWay.quietMs() >= QUIET_MS && server.closeAllConnections(), QUIET_MS / 10);
  await closed;
  clearInterval(quiet);
  clearTimeout(late);
}
