import cluster, { type Worker } from "node:cluster";
import type { Duplex } from "node:stream";
import type { Change, Snapshot } from "../model/snapshot.js";
import { Channel } from "./channel.js";
import { Feed, type FeedParts } from "./feed.js";
import type { PrimaryAnswers, ToPrimary, ToWorker, WorkerAnswers } from "./messages.js";
import { Tunnels } from "./tunnel.js";

export interface MemberParts extends Omit<FeedParts, "tell"> {
  readonly answers: PrimaryAnswers;
  readonly hear: (told: ToPrimary) => void;
  /** A connection that the worker hands on. */
  readonly accept: (connection: Duplex) => void;
}

/** A worker that says nothing for so long is stuck: what it is told would pile up, and who asks it would wait. */
const STUCK_MS = 30_000;
const ASK_EVERY_MS = 5_000;
/** Whoever reads the metrics does not wait longer for one worker; what it told last is told then. */
const METRICS_MS = 2_000;

/** One worker process, as the primary sees it. */
export class Member {
  readonly worker: Worker;
  readonly #channel: Channel<WorkerAnswers, PrimaryAnswers, ToWorker, ToPrimary>;
  readonly #feed: Feed;
  readonly #tunnels: Tunnels;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  #metrics: readonly object[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor({ answers, hear, accept, ...feed }: MemberParts) {
    this.worker = cluster.fork();
    this.#feed = new Feed({ ...feed, tell: (told) => this.tell(told) });
    this.#channel = new Channel({ send: (message, sent) => void this.worker.send(message, sent), answers, hear: (told) => this.#hear(told, hear), beforeAnswer: () => this.#feed.flush() });
    this.#tunnels = new Tunnels((tunnel) => this.tell({ tunnel }), accept);
    this.worker.on("message", (message: unknown) => this.#channel.receive(message));
    // What cannot be sent is told to whoever sends it.
    this.worker.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      this.worker.once("exit", () => {
        this.#gone();
        resolve();
      });
    });
  }

  /** As it last told. */
  get metrics(): readonly object[] {
    return this.#metrics;
  }

  tell(told: ToWorker): Promise<void> {
    return this.#channel.tell(told);
  }

  /** Tells it the whole state, and then to serve. Call it once it hears. */
  begin(snapshot: Snapshot, rest: () => ToWorker): Promise<void> {
    this.#lookAfter();
    return this.#feed.begin(snapshot, rest);
  }

  changed(changes: readonly Change[]): void {
    this.#feed.changed(changes);
  }

  look(quietMs: number): void {
    this.#feed.look(quietMs);
  }

  /** Its metrics as they are now. */
  async askMetrics(ms = METRICS_MS): Promise<void> {
    if (this.#timer) this.#metrics = await this.#channel.ask("metrics", undefined, ms);
  }

  kill(): void {
    this.worker.process.kill("SIGKILL");
  }

  #hear(told: ToPrimary, hear: (told: ToPrimary) => void): void {
    if (told.tunnel) return this.#tunnels.take(told.tunnel);
    hear(told);
  }

  /** Also so that little of what it counted is lost with it. */
  #lookAfter(): void {
    this.#timer = setTimeout(() => {
      this.askMetrics(STUCK_MS).then(() => this.#lookAfter(), () => this.kill());
    }, ASK_EVERY_MS).unref();
  }

  #gone(): void {
    clearTimeout(this.#timer);
    this.#channel.close(new Error("the worker has ended"));
    this.#tunnels.close();
  }
}
