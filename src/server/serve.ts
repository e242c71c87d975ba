import type { RequestListener } from "node:http";
import { ok, type Result } from "../model/result.js";
import type { Log } from "../log.js";
import { hasClientCertificate, type Access } from "./access.js";
import type { EdgeParts } from "./admission-edge.js";
import { createApp, type AppParts } from "./app.js";
import { loadOrCreate, type ServedCertificate } from "../upkeep/certificate-files.js";
import { CertificateWatch } from "../upkeep/certificate-watch.js";
import { DEFAULT_LIMITS, Gate } from "./gate.js";
import { httpsDoor, type Door, type DoorParts } from "./https-door.js";
import type { KindState } from "./metrics.js";
import { readinessOf, type Condition } from "../model/readiness.js";
import { SelfProbe, type ProbeParts } from "./self-probe.js";

export interface ServeParts extends EdgeParts, DoorParts, Pick<AppParts, "rest" | "exposition" | "traced"> {
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
  /** Where requests come in; at `host` and `port` of this process by default. */
  readonly door?: (app: RequestListener, certificate: ServedCertificate) => Door;
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

// 0 of 5,000 requests were lost when an instance served on for 3 s with `Connection: close`; every quicker way lost some (A14).
const DRAIN_MS = 3_000;

/** Serves over HTTPS until `close`. Problems: a certificate that cannot be read, an address that cannot be listened on. */
export async function serve(parts: ServeParts): Promise<Result<RunningServer>> {
  const { log } = parts;
  const opened = parts.certificates ? ok(parts.certificates) : await certificatesIn(parts);
  if (!opened.ok) return opened;
  const certificates = opened.value;
  const { served } = certificates;
  const state = { draining: false };
  const door = openDoor(parts, certificates, state);
  const listening = await door.listen();
  if (!listening.ok) return listening;
  certificates.start((certificate) => door.renew(certificate));
  const { port } = listening.value;
  log.info({ host: parts.host, port, certificateEnds: new Date(served.notAfter).toISOString() }, "serving");
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= drain({ door, certificates, log, ms: parts.drainMs ?? DRAIN_MS }, state));
  return ok({ host: parts.host, port, ...(served.ca !== undefined && { ca: served.ca }), close });
}

/** Of a directory. */
async function certificatesIn({ certDir, names = [], log }: ServeParts): Promise<Result<Certificates>> {
  const loaded = await loadOrCreate(certDir, { names });
  return loaded.ok ? ok(new CertificateWatch(loaded.value, { directory: certDir, names, log })) : loaded;
}

function openDoor(parts: ServeParts, certificates: Certificates, state: { readonly draining: boolean }): Door {
  const { metrics, ready, kinds = () => [], exceptions = () => ({}), pending = () => 0, door: make = (app, served) => httpsDoor(parts, app, served) } = parts;
  const gate = new Gate(DEFAULT_LIMITS);
  const probe = new SelfProbe({
    address: () => door.address(),
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
  const door = make(app, certificates.served);
  return door;
}

function notDraining(draining: boolean): Condition {
  return { name: "serving", ok: !draining, detail: draining ? "stopping" : "" };
}

interface Stopping {
  readonly door: Door;
  readonly certificates: Certificates;
  readonly log: Log;
  readonly ms: number;
}

async function drain({ door, certificates, log, ms }: Stopping, state: { draining: boolean }): Promise<void> {
  state.draining = true;
  log.info({ ms }, "stopping: not ready, serving on");
  await door.close(ms);
  certificates.stop();
  log.info({}, "stopped");
}
