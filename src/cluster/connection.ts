import { access, readFile } from "node:fs/promises";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import { failed, ok, type Result } from "../model/result.js";

/** An answer of the API server that is not the one wanted. */
export class ClusterError extends Error {
  readonly status: number;
  /** The server's `Retry-After`, when it sent one. */
  readonly retryAfterMs: number | undefined;
  readonly #body: string;

  constructor(status: number, message: string, { retryAfterMs, body = "" }: { readonly retryAfterMs?: number; readonly body?: string } = {}) {
    super(message);
    this.name = "ClusterError";
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.#body = body;
  }

  /** What was answered, for whoever asked a program behind the API server. No field that a log would write down. */
  get body(): string {
    return this.#body;
  }
}

/** One request that changes something. */
export interface Sending {
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE";
  readonly contentType: string;
  /** Written as JSON. */
  readonly body: unknown;
}

export interface Sent {
  /** 200, or 201 when the object was made. */
  readonly status: number;
  readonly body: unknown;
}

/** The way to one API server: plain requests over connections that are kept. */
export interface ClusterConnection {
  /** Its address, for messages. */
  readonly server: string;
  /** Starts a GET; the body is still to be read. Rejects with a `ClusterError` for every status but 200, with the connection's own error else. */
  open(path: string, signal: AbortSignal): Promise<IncomingMessage>;
  /** A whole answer, parsed. */
  get(path: string, signal: AbortSignal): Promise<unknown>;
  /** Sends an object and reads the whole answer. Rejects with a `ClusterError` for every status but 200 and 201. */
  send(path: string, sending: Sending, signal: AbortSignal): Promise<Sent>;
  /** Closes connections that are idle. */
  close(): void;
}

/** Everything of one request but its path: headers with the credentials of now, and the TLS material. */
export type Prepare = () => Promise<RequestOptions>;

/** A connection to `server` (`https://host:port`, a path prefix allowed); `prepare` is asked before each request, because tokens rotate. */
export function connectTo(server: string, prepare: Prepare = async () => ({})): ClusterConnection {
  const base = new URL(server);
  const agents = new Agents(base.protocol === "http:");
  const request = async (path: string, signal: AbortSignal, sending?: Sending) => {
    const { method = "GET", contentType, body } = sending ?? {};
    const options = await prepare();
    const agent = agents.for(options);
    const text = body === undefined ? undefined : JSON.stringify(body);
    // Node sends no length of its own with a DELETE.
    const length = text === undefined ? {} : { "content-length": Buffer.byteLength(text) };
    const headers = { accept: "application/json", "user-agent": "sluice", ...options.headers, ...(contentType !== undefined && { "content-type": contentType }), ...length };
    const url = new URL(base.pathname.replace(/\/$/, "") + path, base);
    const response = await start(url, { method, agent, headers, signal, ...(options.auth && { auth: options.auth }) }, text);
    if (response.statusCode === 200 || (response.statusCode === 201 && sending)) return response;
    throw errorOf(response, await textOf(response).catch(() => ""));
  };
  const get = async (path: string, signal: AbortSignal): Promise<unknown> => JSON.parse(await textOf(await request(path, signal)));
  const send = async (path: string, sending: Sending, signal: AbortSignal): Promise<Sent> => {
    const response = await request(path, signal, sending);
    return { status: response.statusCode ?? 0, body: JSON.parse(await textOf(response)) as unknown };
  };
  return { server: base.origin, open: (path, signal) => request(path, signal), get, send, close: () => agents.close() };
}

/**
 * The cluster of a kubeconfig file, or of `KUBECONFIG`, `~/.kube/config` or the service account of the pod, whichever is first.
 * client-node reads it and keeps its credentials fresh; it is loaded here only, because it costs 0.4 s and 70-90 MB.
 */
export async function connectCluster({ kubeconfig, context }: { readonly kubeconfig?: string; readonly context?: string } = {}): Promise<Result<ClusterConnection>> {
  try {
    if (kubeconfig !== undefined) await access(kubeconfig);
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
    if (context !== undefined) config.setCurrentContext(context);
    const cluster = config.getCurrentCluster();
    if (!cluster) return noCluster(`the kubeconfig has no cluster for context \`${config.getCurrentContext()}\``, kubeconfig);
    // What client-node falls back to when it finds nothing.
    if (cluster.name === "cluster" && cluster.server === "http://localhost:8080") return noCluster("there is no kubeconfig and no service account");
    return ok(connectTo(cluster.server, async () => prepared(config)));
  } catch (error) {
    // What client-node says of YAML that holds no clusters is about itself.
    if (error instanceof TypeError) return noCluster("the kubeconfig is empty, or names no clusters and contexts", kubeconfig ?? process.env["KUBECONFIG"]);
    return noCluster(error instanceof Error ? error.message : String(error), kubeconfig);
  }
}

/** The namespace of the pod that this program runs in; undefined outside a cluster. */
export async function ownNamespace(): Promise<string | undefined> {
  const text = await readFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace", "utf8").catch(() => "");
  return text.trim() || undefined;
}

async function prepared(config: { applyToHTTPSOptions(options: RequestOptions): Promise<void> }): Promise<RequestOptions> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  return options;
}

function noCluster(message: string, file?: string): Result<ClusterConnection> {
  return failed({ code: "cluster/config", path: "", message: `no cluster to read: ${message}`, ...(file !== undefined && { place: { file } }) });
}

/** client-node makes a new agent per request, which would mean a new connection per request: ours lives as long as the TLS material is the same. */
class Agents {
  readonly #plain: boolean;
  #agent: HttpAgent | undefined;
  #material = "";

  constructor(plain: boolean) {
    this.#plain = plain;
  }

  for(options: RequestOptions): HttpAgent {
    const { ca, cert, key, servername, rejectUnauthorized, agent } = options;
    const material = JSON.stringify([ca, cert, key, servername, rejectUnauthorized].map((part) => (Buffer.isBuffer(part) ? part.toString("base64") : String(part))));
    if (this.#agent && material === this.#material) return this.#agent;
    this.#material = material;
    // The old one is left to the requests that still use it.
    return (this.#agent = this.#make(options, agent));
  }

  close(): void {
    this.#agent?.destroy();
  }

  #make({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions, given: RequestOptions["agent"]): HttpAgent {
    // A proxy is client-node's business: its agent is no plain one.
    if (given instanceof HttpAgent && given.constructor !== HttpsAgent && given.constructor !== HttpAgent) return given;
    // A dead peer is noticed by probes of the connection, not only by the stall watchdog.
    const keep = { keepAlive: true, keepAliveMsecs: 15_000 };
    if (this.#plain) return new HttpAgent(keep);
    const tls = Object.entries({ ca, cert, key, servername, rejectUnauthorized }).filter(([, value]) => value !== undefined);
    return new HttpsAgent({ ...keep, ...Object.fromEntries(tls) });
  }
}

function start(url: URL, options: RequestOptions & { readonly signal: AbortSignal }, body: string | undefined): Promise<IncomingMessage> {
  const request = url.protocol === "http:" ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    request(url, options, resolve).on("error", reject).end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function errorOf(response: IncomingMessage, body: string): ClusterError {
  const status = response.statusCode ?? 0;
  const seconds = Number(response.headers["retry-after"] ?? Number.NaN);
  return new ClusterError(status, `the API server answered ${status}: ${messageOf(body)}`, { body, ...(Number.isFinite(seconds) && { retryAfterMs: seconds * 1_000 }) });
}

/** The message of a Kubernetes Status, else the head of the text. */
function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // Not every proxy on the way speaks JSON.
  }
  return body.slice(0, 200);
}
