import type { IncomingMessage } from "node:http";
import { HEAD_BYTES } from "./uid-from-head.js";

/**
 * The longest body that is read: 8 MiB. The largest storable objects measured make UPDATE bodies of 7.6 MB (200,000 empty ports, 3.8 MB
 * stored, sent as object and oldObject; facts/admission.md 8); hostile ones that no etcd would store reach 24 MB and more.
 * Parsing 8 MiB holds the event loop for about 50 ms.
 */
export const BODY_CAP = 8 * 1_024 * 1_024;

export type Body =
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  /** Over the cap: the head alone, for the uid. What follows is thrown away as it arrives. */
  | { readonly kind: "too-long"; readonly head: Uint8Array }
  /** There was no room for what has come; the rest is thrown away likewise. */
  | { readonly kind: "no-room"; readonly head: Uint8Array }
  /** The client went away, or the connection broke. */
  | { readonly kind: "cut-off" };

export interface BodyLimits {
  /** The longest body that is read; 8 MiB by default. */
  readonly cap?: number;
  /** Is there room for so many bytes more? Always, by default. */
  readonly take?: (bytes: number) => boolean;
}

/**
 * The body, read whole up to `cap` bytes; its announced length is judged before anything is read. An over-long one is answered from
 * its head at once, and Node drains the rest after the answer: a connection closed while the API server still writes would cost it the answer.
 */
export function readBody(request: IncomingMessage, { cap = BODY_CAP, take = () => true }: BodyLimits = {}): Promise<Body> {
  // NaN for a chunked body.
  const tooLong = Number(request.headers["content-length"]) > cap;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (body: Body) => {
      request.off("data", onData).off("end", onEnd).off("close", onCutOff);
      resolve(body);
    };
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (!take(chunk.length)) finish({ kind: "no-room", head: joined(chunks).subarray(0, HEAD_BYTES) });
      else if (tooLong ? length >= HEAD_BYTES : length > cap) finish({ kind: "too-long", head: joined(chunks).subarray(0, HEAD_BYTES) });
    };
    const onEnd = () => finish(tooLong ? { kind: "too-long", head: joined(chunks) } : { kind: "whole", bytes: joined(chunks) });
    const onCutOff = () => finish({ kind: "cut-off" });
    request.on("data", onData).on("end", onEnd).on("close", onCutOff).on("error", onCutOff);
  });
}

/** Most bodies come in one piece and are not copied. */
function joined(chunks: readonly Buffer[]): Uint8Array {
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}
