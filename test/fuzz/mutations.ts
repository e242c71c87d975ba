import { isRecord } from "../../src/model/kubernetes.js";

/** Mutates AdmissionReviews: values of the tree, and bytes of the text. Everything comes from one seed. */

export type Random = () => number;

/** Mulberry32: numbers from 0 to 1, the same ones for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

const TEXTS = [
  "", " ", "a", "kube-system", "space-closed", "space-open", "shop", "default", "x".repeat(254), "\u0000", "\ud800", "名前", "../../etc", "__proto__", "constructor", "<html>", "${jndi:x}", "10.0.0.0/8", "10.0.0.1/99", "::/0", "0.0.0.0/0", "fd00::/8",
  "-1", "65536", "1e999", "true", "null", "TCP", "SCTP", "Ingress", "Egress", "NotIn", "Exists", "CREATE", "UPDATE", "DELETE", "CONNECT", "NetworkPolicy", "Namespace", "Pod", "AdminNetworkPolicy", "networking.k8s.io/v1", "v1", "policy.networking.k8s.io/v1alpha1",
  "kf.dev/networkpolicy", "app", "build", "system:serviceaccount:kube-system:generic-garbage-collector", "system:nodes", "2026-11-21T09:00:00Z",
] as const;
const NUMBERS = [0, -1, 1, 53, 65_535, 65_536, 1e308, 0.5, Number.MAX_SAFE_INTEGER] as const;

/** Any JSON value, mostly small. */
function anything(random: Random, depth = 0): unknown {
  const kind = Math.floor(random() * (depth > 3 ? 5 : 8));
  if (kind === 0) return null;
  if (kind === 1) return random() < 0.5;
  if (kind === 2) return pick(random, NUMBERS);
  if (kind <= 4) return pick(random, TEXTS);
  if (kind === 5) return Array.from({ length: Math.floor(random() * 4) }, () => anything(random, depth + 1));
  return Object.fromEntries(Array.from({ length: Math.floor(random() * 4) }, () => [pick(random, TEXTS), anything(random, depth + 1)]));
}

type Place = readonly [owner: Record<string, unknown> | unknown[], key: string | number];

/** Every place of a tree that holds a value. */
function placesIn(value: unknown, found: Place[] = []): Place[] {
  const keys = Array.isArray(value) ? value.keys() : isRecord(value) ? Object.keys(value) : [];
  for (const key of keys) {
    const owner = value as Record<string, unknown> & unknown[];
    found.push([owner, key]);
    placesIn(owner[key as never], found);
  }
  return found;
}

/** A copy of a review with some of its values changed; now and then one part of it comes from another review. */
export function mutated(review: object, others: readonly object[], random: Random): object {
  const copy = structuredClone(review);
  for (let times = Math.floor(random() * random() * 8); times >= 0; times -= 1) {
    const places = placesIn(copy);
    // Everything was taken away: once in some hundred thousand.
    if (places.length === 0) break;
    change(pick(random, places), { random, others });
  }
  return copy;
}

function change([owner, key]: Place, { random, others }: { readonly random: Random; readonly others: readonly object[] }): void {
  const holder = owner as Record<string | number, unknown>;
  const value = holder[key];
  const how = Math.floor(random() * 10);
  if (how === 0) return void (Array.isArray(owner) ? owner.splice(Number(key), 1) : delete holder[key]);
  if (how === 1 && Array.isArray(value)) return void (holder[key] = Array.from({ length: Math.floor(random() * 40) }, () => value[0]));
  if (how === 2 && isRecord(value)) return void (value[pick(random, TEXTS)] = anything(random));
  if (how === 3 && typeof value === "string") return void (holder[key] = value.slice(0, Math.floor(random() * value.length)) + pick(random, TEXTS));
  if (how === 4) return void (holder[key] = structuredClone(sameKeyElsewhere(key, others, random) ?? value));
  if (how === 5 && typeof value === "string") return void (holder[key] = pick(random, TEXTS));
  holder[key] = anything(random);
}

/** What another review has under the same key: more likely to make sense than anything. */
function sameKeyElsewhere(key: string | number, others: readonly object[], random: Random): unknown {
  const there = placesIn(pick(random, others)).filter(([, other]) => other === key);
  const place = there.length > 0 ? pick(random, there) : undefined;
  return place && (place[0] as Record<string | number, unknown>)[place[1]];
}

/** The text of a review, broken: cut off, a byte changed, doubled, or nested without end. */
export function broken(text: string, random: Random): Buffer {
  const bytes = Buffer.from(text);
  const at = Math.floor(random() * bytes.length);
  switch (Math.floor(random() * 6)) {
    case 0: return bytes.subarray(0, at);
    case 1: return Buffer.concat([bytes.subarray(0, at), Buffer.from([Math.floor(random() * 256)]), bytes.subarray(at + 1)]);
    case 2: return Buffer.concat([bytes, bytes]);
    case 3: return Buffer.from(text.replace(/"object":/, `"object":${"[".repeat(5_000)}`));
    case 4: return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
    default: return Buffer.from(text.replace(/,/, ',"request":{"uid":"other"},'));
  }
}
