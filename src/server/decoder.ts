import { decode, type Decoded } from "./decode.js";
import type { AdmissionRequest } from "../model/admission.js";

/** Longer bodies are decoded each time: those that come again are pods and policies of a few KB (facts/admission.md 1). */
const LONGEST = 32 * 1_024;
/**
 * Who asks again asks soon, and what warns apart from what refuses is asked at once: a body is known for the next 32 others at least. More
 * would outlive the collections of what lives shortly, and cost each body that comes once more than being decoded does.
 */
const KEPT = 32;

interface Known {
  /** The body before the uid. */
  readonly head: string;
  readonly request: AdmissionRequest;
  /** The uid was tried out to be where it seems to be. */
  isSure: boolean;
}

/**
 * Decodes AdmissionReviews. One that differs from a recent one in nothing but its uid, as the API server makes them for several
 * webhooks and for whoever asks again, gets the same parts without being parsed, so that what is remembered of these parts is found again.
 */
export class Decoder {
  /** By the body behind the uid: the newest ones, and those before them. Two maps that are filled once: one that loses an entry for each that comes is written anew all the time. */
  #known = new Map<string, Known>();
  #older = new Map<string, Known>();

  decode(body: Uint8Array): Decoded {
    const place = body.byteLength <= LONGEST ? placeOfUid(body) : undefined;
    if (!place) return decode(body);
    const { head, tail, uid } = place;
    const known = this.#known.get(tail) ?? this.#older.get(tail);
    if (known?.head === head && (known.isSure ||= isUidOf(place))) {
      this.#keep(tail, known);
      return { ok: true, request: { ...known.request, uid } };
    }
    const decoded = decode(body);
    if (decoded.ok && decoded.request.uid === uid && !known) this.#keep(tail, { head, request: decoded.request, isSure: false });
    return decoded;
  }

  #keep(tail: string, known: Known): void {
    if (this.#known.has(tail)) return;
    if (this.#known.size >= KEPT) [this.#older, this.#known] = [this.#known, new Map()];
    this.#known.set(tail, known);
  }
}

/** A body, taken apart round its uid; bytes as characters, so that equal texts are equal bytes. */
interface Place {
  readonly head: string;
  readonly uid: string;
  readonly tail: string;
}

/** The API server writes `request.uid` as the first field after kind, version and `request`. */
const HEAD = 160;

function placeOfUid(body: Uint8Array): Place | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const start = bytes.toString("latin1", 0, HEAD);
  const found = /"uid":"([0-9A-Za-z-]{1,64})"/.exec(start);
  const [, uid] = found ?? [];
  if (!found || uid === undefined) return undefined;
  const head = start.slice(0, found.index + '"uid":"'.length);
  return { head, uid, tail: bytes.toString("latin1", head.length + uid.length) };
}

const PROBE = "probe";

/** Is what stands there the uid of the request? Whether it is depends on the rest of the body alone. */
function isUidOf({ head, tail }: Place): boolean {
  const decoded = decode(Buffer.from(head + PROBE + tail, "latin1"));
  return decoded.ok && decoded.request.uid === PROBE;
}
