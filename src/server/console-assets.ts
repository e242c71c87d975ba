import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** One file of the console's page, as it is sent. */
interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Buffer;
  /** Made when somebody asks first, beside the loop: most servers never show a page. */
  packed?: Promise<Buffer>;
  /** Its name says its content, so that it never changes. */
  readonly forever: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
};

/** The files of a built console by path; none when the folder is not there. Read once: they belong to this version. */
export class ConsoleAssets {
  readonly #assets: ReadonlyMap<string, Asset>;

  constructor(folder: string) {
    this.#assets = new Map(filesIn(folder).map((name) => [name === "index.html" ? "/" : `/${name}`, assetOf(join(folder, name))]));
  }

  get paths(): readonly string[] {
    return [...this.#assets.keys()];
  }

  /** Answers a GET or HEAD of one of the paths. */
  async answer(path: string, { method, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const asset = this.#assets.get(path) as Asset;
    response.setHeader("etag", asset.etag).setHeader("vary", "accept-encoding");
    response.setHeader("cache-control", asset.forever ? "max-age=31536000, immutable" : "no-cache");
    if (headers["if-none-match"] === asset.etag) {
      response.writeHead(304).end();
      return;
    }
    const isPacked = /\bgzip\b/.test(String(headers["accept-encoding"] ?? ""));
    const bytes = isPacked ? await (asset.packed ??= pack(asset.bytes)) : asset.bytes;
    response.writeHead(200, { "content-type": asset.type, "content-length": bytes.length, ...(isPacked && { "content-encoding": "gzip" }) });
    response.end(method === "HEAD" ? undefined : bytes);
  }
}

const pack = promisify<Buffer, Buffer>(gzip);

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => extname(name) in TYPES);
  } catch {
    return [];
  }
}

function assetOf(file: string): Asset {
  const bytes = readFileSync(file);
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 27)}"`;
  return { type: TYPES[extname(file)] ?? "application/octet-stream", etag, bytes, forever: /-[0-9A-Z]{8}\.\w+$/.test(file) };
}
