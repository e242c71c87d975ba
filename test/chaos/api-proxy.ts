import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { issueCa, issueLeaf } from "../../src/upkeep/certificates.js";

/** How the way to the API server misbehaves; may be changed at any time. */
export interface Faults {
  /** Each piece of a watch comes this much later, in order. */
  watchDelayMs?: () => number;
  /** Every answer is this; watches that are open stay so. */
  status?: number;
  /** Nothing is answered any more, and nothing is closed: a half-open connection. */
  silent?: boolean;
  /** The next piece of each watch is replaced by this, once. */
  garbage?: string;
}

/** A proxy in front of the API server, with a certificate of its own. */
export class ApiProxy {
  readonly faults: Faults = {};
  readonly #server: Server;
  readonly #target: string;
  readonly #agent: Agent;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<ServerResponse>();

  /** The CA to trust it by. */
  readonly caFile: string;

  private constructor(target: string, ca: string, own: { readonly caFile: string; readonly cert: string; readonly key: string }) {
    this.#target = target;
    this.caFile = own.caFile;
    this.#agent = new Agent({ ca, keepAlive: true });
    this.#server = createServer({ cert: own.cert, key: own.key }, (asked, answer) => void this.#forward(asked, answer).catch(() => answer.destroy()));
    this.#server.on("secureConnection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
    });
  }

  static async start({ server, ca }: { readonly server: string; readonly ca: string }): Promise<ApiProxy> {
    const now = new Date();
    const own = await issueCa(now);
    const { certificate, key } = await issueLeaf({ ca: own, names: [], now });
    const caFile = join(tmpdir(), `sluice-proxy-${process.pid}-${Math.random().toString(36).slice(2)}.crt`);
    writeFileSync(caFile, own.certificate);
    const proxy = new ApiProxy(server, ca, { caFile, cert: certificate, key });
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** Cuts every watch in the middle. */
  cutWatches(): void {
    for (const watch of this.#watches) watch.destroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    rmSync(this.caFile, { force: true });
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #forward(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const isWatch = (asked.url ?? "").includes("watch=1");
    if (this.faults.silent) return;
    if (this.faults.status !== undefined) return void answer.writeHead(this.faults.status, { "content-type": "application/json" }).end(JSON.stringify({ kind: "Status", message: "as the test wants it", code: this.faults.status }));
    const { host: _host, connection: _connection, ...headers } = asked.headers;
    const upstream = request(`${this.#target}${asked.url}`, { method: asked.method, headers, agent: this.#agent });
    answer.on("close", () => upstream.destroy());
    upstream.on("error", () => answer.destroy());
    asked.pipe(upstream);
    const [response] = (await once(upstream, "response")) as [IncomingMessage];
    answer.writeHead(response.statusCode ?? 500, response.headers);
    if (!isWatch) return void response.pipe(answer);
    await this.#watch(response, answer);
  }

  async #watch(response: IncomingMessage, answer: ServerResponse): Promise<void> {
    this.#watches.add(answer);
    answer.flushHeaders();
    let last: Promise<unknown> = Promise.resolve();
    answer.on("close", () => this.#watches.delete(answer));
    for await (const chunk of response) {
      const due = performance.now() + (this.faults.watchDelayMs?.() ?? 0);
      last = last.then(async () => {
        await sleep(Math.max(0, due - performance.now()));
        if (this.faults.silent || answer.destroyed) return;
        answer.write(this.faults.garbage ?? chunk);
        delete this.faults.garbage;
      });
    }
    await last;
    answer.end();
  }
}
