import type { KubeObject } from "./kubernetes.js";

/** Where one object lies. */
export interface ObjectAt {
  readonly apiVersion: string;
  /** Plural, as in paths. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name: string;
  /** Written apart from the rest; reading gives the whole object all the same. */
  readonly subresource?: "status";
}

/**
 * Single objects of the cluster, read consistently and written only where nobody else wrote since: an object with a
 * `resourceVersion` replaces that version and no other, one without is made where there is none. This is what makes a leader
 * safe that does not know yet that it is no longer one. Rejects when the API server does not answer, or forbids it.
 */
export interface ObjectStore {
  read(at: ObjectAt, signal: AbortSignal): Promise<KubeObject | undefined>;
  /** What is stored now, or `conflict`: somebody else was first. */
  write(at: ObjectAt, object: KubeObject, signal: AbortSignal): Promise<KubeObject | "conflict">;
}

/** A kind of objects, where it lies in the API. */
export interface KindAt {
  readonly apiVersion: string;
  /** Plural, as in paths. */
  readonly resource: string;
}

/** All objects of a kind. Rejects when the API server does not answer, or forbids it. */
export interface ObjectCollection {
  /** Does the API server know the kind? */
  isKnown(kind: KindAt, signal: AbortSignal): Promise<boolean>;
  /** The objects that carry these labels, of every namespace. */
  list(kind: KindAt, labels: Readonly<Record<string, string>>, signal: AbortSignal): AsyncIterable<KubeObject>;
  /** Takes an object away; one that is gone is no error. */
  remove(at: ObjectAt, signal: AbortSignal): Promise<void>;
}
