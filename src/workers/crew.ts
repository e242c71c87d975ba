import cluster from "node:cluster";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import type { Log } from "../log.js";
import type { Condition } from "../model/readiness.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Change, Snapshot } from "../model/snapshot.js";
import { loopbackOnly, type Access } from "../server/access.js";
import type { DecisionRing } from "../server/decision-ring.js";
import type { Door } from "../server/https-door.js";
import type { ServerMetrics } from "../server/metrics.js";
import type { ServeParts } from "../server/serve.js";
import type { ServedCertificate } from "../upkeep/certificate-files.js";
import { accessOfForwarded } from "./forward.js";
import { Member } from "./member.js";
import type { PrimaryAnswers, ToldPacks, ToPrimary } from "./messages.js";
import { Totals } from "./totals.js";

export interface CrewParts {
  /** How many workers. */
  readonly count: number;
  readonly live: { readonly current: Snapshot };
  /** Versions of the kinds, with all changes that `changed` was called with. */
  readonly versions: () => Readonly<Record<string, string>>;
  readonly conditions: () => readonly Condition[];
  readonly packs: () => ToldPacks;
  readonly answers: PrimaryAnswers;
  readonly decisions: Pick<DecisionRing, "decided">;
  readonly metrics: Pick<ServerMetrics, "registry">;
  readonly log: Log;
}

/** How often the workers are told how far everything is known, when that is news, and when it is none. */
const LOOK_MS = 200;
const QUIET_MS = 1_000;

/** A worker that lived as long has not ended because of what it is. */
const STEADY_MS = 60_000;
const LONGEST_PAUSE_MS = 30_000;

/** The workers of this process: they answer reviews at one port, each on a copy of the state, and are told of everything that changes. */
export class Crew {
  readonly #parts: CrewParts;
  readonly #members = new Set<Member>();
  /** Their ids. */
  readonly #listening = new Set<number>();
  readonly #totals = new Totals();
  #app: RequestListener = () => undefined;
  #certificate: ServedCertificate | undefined;
  #address: AddressInfo | undefined;
  #failures = 0;
  #looking: NodeJS.Timeout | undefined;
  #isStopping = false;
  #opened: (result: Result<AddressInfo>) => void = () => undefined;

  constructor(parts: CrewParts) {
    this.#parts = parts;
  }

  /** How a server serves by these workers. `access`: who may look. */
  served(access: Access = loopbackOnly): Pick<ServeParts, "door" | "exposition" | "access"> {
    return { door: (app, certificate) => this.#door(app, certificate), exposition: () => this.#exposition(), access: accessOfForwarded(access) };
  }

  /** The workers answer reviews; the rest of what is asked comes to `app`. */
  #door(app: RequestListener, certificate: ServedCertificate): Door {
    [this.#app, this.#certificate] = [app, certificate];
    return {
      listen: () => this.#open(),
      address: () => this.#address,
      renew: (next) => {
        // Throws before anybody is told.
        createSecureContext({ cert: next.certificate, key: next.key });
        this.#certificate = next;
        for (const member of this.#members) void member.tell({ certificate: next });
      },
      close: () => this.#close(),
    };
  }

  /** Changes that were applied to the state. */
  changed(changes: readonly Change[]): void {
    for (const member of this.#members) member.changed(changes);
  }

  /** Other packs are in force. */
  packsChanged(): void {
    const packs = this.#parts.packs();
    for (const member of this.#members) {
      member.look(0);
      void member.tell({ packs });
    }
  }

  /** The metrics of all processes together. */
  async #exposition(): Promise<string> {
    await Promise.all([...this.#members].map((member) => member.askMetrics().catch(() => undefined)));
    const own = await this.#parts.metrics.registry.getMetricsAsJSON();
    return this.#totals.text([own, ...[...this.#members].map(({ metrics }) => metrics)]);
  }

  condition(): Condition {
    const { count } = this.#parts;
    const listening = this.#listening.size;
    return { name: "workers", ok: listening > 0, detail: `${listening} of ${count}` };
  }

  async #open(): Promise<Result<AddressInfo>> {
    const opened = new Promise<Result<AddressInfo>>((resolve) => (this.#opened = resolve));
    cluster.setupPrimary({ serialization: "advanced" });
    // Each new connection goes to the next worker: an API server keeps few of them, for long.
    cluster.schedulingPolicy = cluster.SCHED_RR;
    for (let index = 0; index < this.#parts.count; index++) this.#start();
    this.#looking = setInterval(() => {
      for (const member of this.#members) member.look(QUIET_MS);
    }, LOOK_MS).unref();
    const result = await opened;
    if (!result.ok) await this.#close();
    return result;
  }

  #start(): void {
    const { versions, conditions, answers, log } = this.#parts;
    // Never listens: connections come through tunnels.
    const server = createServer(this.#app);
    const member = new Member({ versions, conditions, answers, hear: (told) => this.#hear(member, told), accept: (connection) => server.emit("connection", connection) });
    const { worker } = member;
    const started = performance.now();
    this.#members.add(member);
    worker.once("listening", (address) => {
      this.#listening.add(worker.id);
      this.#address ??= { address: address.address, port: address.port, family: address.addressType === 6 ? "IPv6" : "IPv4" };
      log.info({ pid: worker.process.pid }, "a worker serves");
      this.#opened(ok(this.#address));
    });
    worker.once("exit", (code, signal) => {
      this.#members.delete(member);
      this.#listening.delete(worker.id);
      this.#totals.ended(member.metrics);
      if (this.#isStopping) return;
      log.error({ pid: worker.process.pid, code, signal }, "a worker ended; another one is started");
      void this.#replace(performance.now() - started);
    });
  }

  /** At once, unless they keep ending. */
  async #replace(livedMs: number): Promise<void> {
    this.#failures = livedMs < STEADY_MS ? this.#failures + 1 : 0;
    if (this.#failures > 1) await sleep(Math.min(LONGEST_PAUSE_MS, 500 * 2 ** (this.#failures - 2)), undefined, { ref: false });
    if (!this.#isStopping) this.#start();
  }

  #hear(member: Member, { up, decided = [], failed: problems }: ToPrimary): void {
    const { live, packs } = this.#parts;
    if (up) void member.begin(live.current, () => ({ packs: packs(), ...(this.#certificate && { certificate: this.#certificate }) }));
    for (const row of decided) this.#parts.decisions.decided(row);
    if (problems) this.#failed(problems);
  }

  #failed(problems: readonly Problem[]): void {
    this.#parts.log.error({ problems: problems.map(({ message }) => message) }, "a worker cannot serve");
    // Counts while nobody serves yet; later ones are tried again.
    this.#opened(failed(...problems));
  }

  /** Those that serve finish what they have begun. */
  async #close(): Promise<void> {
    this.#isStopping = true;
    const members = [...this.#members];
    for (const member of members) {
      if (this.#listening.has(member.worker.id)) void member.tell({ drain: true });
      else member.kill();
    }
    await Promise.all(members.map(({ ended }) => ended));
    clearInterval(this.#looking);
  }
}
