import type { AdmissionRequest } from "../model/admission.js";
import type { Condition } from "../model/readiness.js";
import type { Problem } from "../model/result.js";
import type { KeptRow } from "../server/decision-ring.js";
import type { PackSettings } from "../packs/compile.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { OwnProblem } from "../server/own-objects.js";
import type { ServedCertificate } from "../upkeep/certificate-files.js";
import type { Told } from "./told.js";

/** The packs in force, to be compiled as the primary has. */
export interface ToldPacks {
  readonly objects: readonly KubeObject[];
  readonly options: PackSettings;
  readonly digest: string;
}

/** What the primary tells a worker. */
export interface ToWorker {
  /** Changes of the state, in the order in which the primary applied them. */
  readonly changes?: Told;
  /** How far each kind is known, with all that was told until now. */
  readonly versions?: Readonly<Record<string, string>>;
  /** What must hold before anything is judged, as the primary sees it. */
  readonly conditions?: readonly Condition[];
  readonly packs?: ToldPacks;
  readonly certificate?: ServedCertificate;
  /** What was told until now is all there is: serve. */
  readonly whole?: true;
  /** Finish what has begun, and end. */
  readonly drain?: true;
  readonly tunnel?: TunnelPiece;
}

/** What a worker tells the primary. */
export interface ToPrimary {
  /** It hears: what was sent before is lost. */
  readonly up?: true;
  readonly decided?: readonly KeptRow[];
  /** Why it cannot serve. */
  readonly failed?: readonly Problem[];
  readonly tunnel?: TunnelPiece;
}

/** A piece of one connection that goes on to the primary. */
export interface TunnelPiece {
  readonly id: number;
  /** Absent with `end`: no more comes; absent without: the connection is gone. */
  readonly data?: Uint8Array;
  readonly end?: true;
}

/** What a worker asks the primary. */
export interface PrimaryAnswers {
  /** A consistent read of these namespaces, as changes to what was told until its answer. */
  read(given: readonly string[]): Promise<Told>;
  /** The same of these kinds, in every namespace. */
  catchUp(given: readonly string[]): Promise<Told>;
  /** The text of the list of pending changes. */
  readList(given: undefined): Promise<{ readonly text: string; readonly version: string }>;
  swapList(given: { readonly version: string; readonly text: string }): Promise<string | undefined>;
  /** What is wrong with a pack or an exception that somebody writes. */
  check(given: AdmissionRequest): Promise<readonly OwnProblem[]>;
  /** Waits for the policies of a namespace; false when none were about to be written at any time in the last `ago` milliseconds. */
  provided(given: { readonly namespace: string; readonly ms: number; readonly ago: number }): Promise<boolean>;
}

/** What the primary asks a worker. */
export interface WorkerAnswers {
  /** As `getMetricsAsJSON` of prom-client gives them. */
  metrics(given: undefined): Promise<readonly object[]>;
}
