import { decode, type Decoded } from "./decode.js";
import type { AdmissionRequest } from "../model/admission.js";

/** Longer bodies are decoded each time: those that come again are pods and policies of a few KB (facts/admission.md 1). */
const LONGEST = 32 * 1_024;
/** With the longest bodies 8 MiB. Two webhooks are called with one change at once; 256 is what 16 connections send in 16 answers. */
const KEPT = 256;

interface Known {
  readonly request: AdmissionRequest;
  /** The uid was tried out to be where it seems to be. */
  isSure: boolean;
}

/**
 * Decodes AdmissionReviews. One that differs from a recent one in nothing but its uid, as the API server makes them for several
 * webhooks and for whoever asks again, gets the same parts without being parsed, so that what is remembered of these parts is found again.
 */
export class Decoder {
  readonly #known = new Map<string, Known>();

  decode(body: Uint8Array): Decoded {
    const place = body.byteLength <= LONGEST ? placeOfUid(body) : undefined;
    if (!place) return decode(body);
    const { key, uid } = place;
    const known = this.#known.get(key);
    if (known && (known.isSure ||= isUidOf(place))) return { ok: true, request: { ...known.request, uid } };
    const decoded = decode(body);
    if (decoded.ok && decoded.request.uid === uid && !known) this.#remember(key, decoded.request);
    return decoded;
  }

  #remember(key: string, request: AdmissionRequest): void {
    if (this.#known.size >= KEPT) for (const [oldest] of this.#known) if (this.#known.delete(oldest)) break;
    this.#known.set(key, { request, isSure: false });
  }
}

interface Place {
  /** The body without the uid; bytes as characters, so that equal keys are equal bytes. */
  readonly key: string;
  readonly uid: string;
  readonly start: number;
}

/** The API server writes `request.uid` as the first field after kind, version and `request`. */
const HEAD = 160;

function placeOfUid(body: Uint8Array): Place | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  const found = /"uid":"([0-9A-Za-z-]{1,64})"/.exec(text.slice(0, HEAD));
  const [, uid] = found ?? [];
  if (!found || uid === undefined) return undefined;
  const start = found.index + '"uid":"'.length;
  return { key: text.slice(0, start) + text.slice(start + uid.length), uid, start };
}

const PROBE = "probe";

/** Is what stands there the uid of the request? Whether it is depends on the rest of the body alone. */
function isUidOf({ key, start }: Place): boolean {
  const decoded = decode(Buffer.from(key.slice(0, start) + PROBE + key.slice(start), "latin1"));
  return decoded.ok && decoded.request.uid === PROBE;
}
