import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface StoredObject {
  metadata: { name: string; namespace?: string; resourceVersion?: string; [field: string]: unknown };
  [field: string]: unknown;
}

/** How the next matching request goes wrong. */
export interface Fault {
  readonly match: RegExp;
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Never answer. */
  readonly hang?: boolean;
}

interface OpenWatch {
  readonly path: string;
  readonly response: ServerResponse;
}

/** A small API server in this process: lists in pages, watches as JSON lines, and can be told to go wrong. */
export class ClusterServer {
  readonly requests: URL[] = [];
  readonly headers: IncomingMessage["headers"][] = [];
  readonly #server: Server;
  readonly #stored = new Map<string, Map<string, StoredObject>>();
  readonly #events: { path: string; version: number; line: string }[] = [];
  readonly #watches = new Set<OpenWatch>();
  readonly #faults: Fault[] = [];
  #version = 100;
  #oldest = 0;

  private constructor(make: (listener: RequestListener) => Server) {
    this.#server = make((request, response) => this.#answer(request, response));
  }

  /** `resources`: the collection paths it knows, such as `/api/v1/pods`. */
  static async start(resources: readonly string[], tls?: { cert: string; key: string }): Promise<ClusterServer> {
    const server = new ClusterServer((listener) => (tls ? createTlsServer(tls, listener) : createServer(listener)));
    for (const path of resources) server.install(path);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get watches(): number {
    return this.#watches.size;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Listens again where it did before `stop`, with what it had stored. */
  async restart(port: number): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  uninstall(path: string): void {
    this.#stored.delete(path);
  }

  install(path: string): void {
    this.#stored.set(path, new Map());
  }

  put(path: string, object: StoredObject): void {
    const objects = this.#stored.get(path);
    const key = `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String((this.#version += 1)) } };
    this.#emit(path, objects?.has(key) ? "MODIFIED" : "ADDED", stored);
    objects?.set(key, stored);
  }

  remove(path: string, name: string, namespace = ""): void {
    const stored = this.#stored.get(path)?.get(`${namespace}/${name}`);
    this.#stored.get(path)?.delete(`${namespace}/${name}`);
    if (stored) this.#emit(path, "DELETED", { ...stored, metadata: { ...stored.metadata, resourceVersion: String((this.#version += 1)) } });
  }

  /** Removes without an event, as if the watch had missed it. */
  removeSilently(path: string, name: string, namespace = ""): void {
    this.#stored.get(path)?.delete(`${namespace}/${name}`);
  }

  bookmark(path: string): void {
    this.sendRaw(path, `${JSON.stringify({ type: "BOOKMARK", object: { kind: "Bookmark", metadata: { resourceVersion: String((this.#version += 1)) } } })}\n`);
  }

  /** Text straight into the open watches of a resource. */
  sendRaw(path: string, text: string | Buffer): void {
    for (const watch of this.#watches) if (watch.path === path) watch.response.write(text);
  }

  /** From now on watches that begin at an older version are told 410. */
  expire(): void {
    this.#oldest = this.#version += 1;
  }

  cutWatches(how: "end" | "destroy"): void {
    for (const { response } of this.#watches) response[how]();
    this.#watches.clear();
  }

  fail(fault: Fault, times = 1): void {
    for (let i = 0; i < times; i++) this.#faults.push(fault);
  }

  /** Forgets what was still to go wrong. */
  heal(): void {
    this.#faults.length = 0;
  }

  count(match: RegExp): number {
    return this.requests.filter((url) => match.test(url.pathname + url.search)).length;
  }

  #emit(path: string, type: string, object: StoredObject): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#events.push({ path, version: this.#version, line });
    this.sendRaw(path, line);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://server");
    this.requests.push(url);
    this.headers.push(request.headers);
    const fault = this.#faults.findIndex(({ match }) => match.test(url.pathname + url.search));
    if (fault >= 0) return this.#goWrong(this.#faults.splice(fault, 1)[0], response);
    const discovered = this.#discovery(url.pathname);
    if (discovered) return void response.end(JSON.stringify(discovered));
    const namespace = /\/namespaces\/([^/]+)\/[^/]+$/.exec(url.pathname)?.[1];
    const path = url.pathname.replace(/\/namespaces\/[^/]+(\/[^/]+)$/, "$1");
    const objects = this.#stored.get(path);
    if (!objects) return void response.writeHead(404).end(JSON.stringify({ kind: "Status", code: 404, message: "the server could not find the requested resource" }));
    if (url.searchParams.has("watch")) return this.#watch(path, Number(url.searchParams.get("resourceVersion")), response);
    this.#list([...objects.values()].filter((object) => namespace === undefined || object.metadata.namespace === namespace), url, response);
  }

  /** What it has: groups with their versions, or the resources of one version. */
  #discovery(pathname: string): object | undefined {
    const known = [...this.#stored.keys()].map((path) => ({ root: path.slice(0, path.lastIndexOf("/")), resource: path.slice(path.lastIndexOf("/") + 1) }));
    if (pathname === "/apis") return { kind: "APIGroupList", groups: known.flatMap(({ root }) => (root.startsWith("/apis/") ? [{ name: root.split("/")[2], versions: [{ version: root.split("/")[3] }] }] : [])) };
    const resources = known.filter(({ root }) => root === pathname).map(({ resource }) => ({ name: resource }));
    return resources.length > 0 ? { kind: "APIResourceList", resources } : undefined;
  }

  #goWrong(fault: Fault | undefined, response: ServerResponse): void {
    if (!fault || fault.hang) return;
    response.writeHead(fault.status ?? 200, fault.headers).end(fault.body ?? JSON.stringify({ kind: "Status", message: "told to fail" }));
  }

  #list(objects: StoredObject[], { searchParams }: URL, response: ServerResponse): void {
    const name = /^metadata.name=(.*)$/.exec(searchParams.get("fieldSelector") ?? "")?.[1];
    const wanted = name === undefined ? objects : objects.filter(({ metadata }) => metadata.name === name);
    const [from, limit] = [Number(searchParams.get("continue") ?? 0), Number(searchParams.get("limit"))];
    const next = from + limit < wanted.length ? String(from + limit) : undefined;
    const metadata = { resourceVersion: String(this.#version), ...(next && { continue: next }) };
    response.end(JSON.stringify({ kind: "List", apiVersion: "v1", metadata, items: wanted.length > 0 ? wanted.slice(from, from + limit) : null }));
  }

  #watch(path: string, from: number, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    if (from < this.#oldest) return void response.end(`${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, message: "too old resource version" } })}\n`);
    const watch = { path, response };
    this.#watches.add(watch);
    response.on("close", () => this.#watches.delete(watch));
    for (const event of this.#events) if (event.path === path && event.version > from) response.write(event.line);
  }
}
