import type { KubeObject } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { Profile } from "../packs/profile.js";

/** What was read, or why it could not be. */
export type Read<T> = { readonly value: T } | { readonly problem: string };

/** Names one object of a namespace. */
export interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** One thing that a ServiceAccount may or may not do, as a SubjectAccessReview asks it. */
export interface Permission {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
  readonly namespace?: string;
  readonly name?: string;
  /** What it is needed for, when not every installation does it. */
  readonly feature?: "reports" | "provision";
}

/** What one replica says of itself at `/readyz?verbose`. */
export interface Replica {
  /** Name of its pod, or the address that was asked. */
  readonly name: string;
  readonly ready: boolean;
  /** The page as it was answered. */
  readonly text: string;
}

/** A switch of the profile that an object of the cluster tells of. */
export interface Detected {
  readonly switch: string;
  readonly value: unknown;
  /** That object, in words. */
  readonly exists: string;
  readonly isThere: boolean;
}

/** The packs as the doctor was told to take them, together with those of the cluster. */
export interface PacksRead {
  readonly packs: CompiledPacks;
  readonly digest: string;
  /** The profile as the cluster makes it. */
  readonly inState: Profile;
  readonly detections: Read<readonly Detected[]>;
  /** Switches that somebody set. */
  readonly chosen: ReadonlySet<string>;
  /** Why packs of the cluster could not be put in force together with those of the folder. */
  readonly refused: readonly string[];
}

/** What the API server answered to a request that Sluice must refuse: as a dry run, so that nothing comes of it. */
export interface Probed {
  readonly status: number;
  readonly message: string;
}

/** Everything the checks judge. Read by the command; the checks themselves look at nothing else. */
export interface Facts {
  /** Address of the API server. */
  readonly server: string;
  readonly version: Read<string>;
  /** This machine's clock, and the API server's as it answered; milliseconds since 1970. */
  readonly clocks: Read<{ readonly here: number; readonly there: number }>;
  /** By the API server's clock where it is known. */
  readonly now: number;
  /** Where Sluice should be. */
  readonly service: Named;
  readonly certSecret: Named;
  readonly namespaces: Read<readonly KubeObject[]>;
  readonly serviceObject: Read<KubeObject | undefined>;
  readonly slices: Read<readonly KubeObject[]>;
  /** Of Sluice's namespace. */
  readonly pods: Read<readonly KubeObject[]>;
  readonly replicas: Read<readonly Replica[]>;
  /** Sluice's own webhook configurations. */
  readonly own: Read<readonly KubeObject[]>;
  /** Those of others. */
  readonly others: Read<readonly KubeObject[]>;
  readonly secret: Read<KubeObject | undefined>;
  readonly lease: Read<KubeObject | undefined>;
  /** CustomResourceDefinitions of Sluice's own kinds. */
  readonly definitions: Read<readonly KubeObject[]>;
  readonly permissions: Read<readonly { readonly permission: Permission; readonly allowed: boolean }[]>;
  /** The ServiceAccount that was asked about. */
  readonly account: Named;
  readonly probe: Read<Probed>;
  readonly packs: Read<PacksRead>;
  /** What the replicas were told to do with refusals. */
  readonly mode: "enforce" | "audit";
  readonly snapshot: Read<Snapshot>;
}
