import { WrongUse } from "../config.js";
import type { Log } from "../log.js";
import { formatProblem, type Problem } from "../model/result.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { Access } from "../server/access.js";
import type { JudgeParts } from "../server/judge.js";
import type { LiveSnapshot } from "../server/live-snapshot.js";
import type { SharedText } from "../pending/ledger-store.js";
import type { PendingParts } from "../pending/pending-changes.js";
import type { KindState } from "../server/metrics.js";
import type { Provisioner } from "../upkeep/provision.js";
import type { Condition } from "../model/readiness.js";
import type { CalledBy } from "../server/self-probe.js";
import { factsOf } from "../sources/files.js";

/** Where the state comes from, and what that means for decisions. */
export interface Source extends Pick<JudgeParts, "facts" | "confirm" | "pending"> {
  /** What must hold before anything is judged on this state. */
  conditions(): readonly Condition[];
  kinds(): readonly KindState[];
  versions(): Readonly<Record<string, string>>;
  /** What `/readyz` tells besides; reviews do not wait for it. */
  readonly checks?: () => readonly Condition[];
  /** Why the state is not whole: what is followed and cannot be read now. */
  readonly unread?: () => readonly string[];
  /** Who may read what Sluice tells of itself. */
  readonly access?: Access;
  readonly calledBy?: () => Promise<readonly CalledBy[] | undefined>;
  /** What several processes share that judge on this state. */
  readonly shared?: Pick<PendingParts, "read" | "catchUp"> & { readonly list: SharedText };
  /** Admitted changes that no watch has shown yet. */
  readonly openChanges?: () => number;
  /** Writes the policies of baselines to the cluster. */
  readonly provisioner?: Provisioner;
  /** Called once changes of the packs are followed. */
  begin?(): void;
  /** What keeps packs from doing here what they say. */
  check?(next: CompiledPacks): readonly Problem[];
  /** Gets ready for other packs; resolves with what keeps them from being asked. */
  prepare?(next: CompiledPacks): Promise<readonly Problem[]>;
  stop(): Promise<void>;
}

/** The state of files, which an admitted change becomes part of. */
export async function fileSource(live: LiveSnapshot, paths: readonly string[], log: Log): Promise<Source> {
  const { watchState } = await import("../sources/watch-files.js");
  const watching = await watchState(paths, {
    changed: (changes) => {
      live.apply(changes);
      log.info({ changes: changes.length }, "the state's files changed");
    },
    broken: (problems) => {
      for (const problem of problems) log.warn({ reason: formatProblem(problem) }, "a file of the state cannot be used");
    },
  });
  if (watching.errors.length > 0) {
    watching.close();
    throw new WrongUse("the state cannot be read", watching.errors);
  }
  live.apply(watching.changes);
  return {
    facts: factsOf,
    conditions: () => [{ name: "state", ok: true, detail: paths.join(", ") }],
    kinds: () => [],
    versions: () => ({}),
    stop: async () => watching.close(),
  };
}
