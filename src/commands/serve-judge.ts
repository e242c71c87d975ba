import type { Config } from "../config.js";
import type { Log } from "../log.js";
import type { Decision } from "../model/decision.js";
import type { CompiledPacks } from "../packs/compile.js";
import { provisionFor } from "../review/provision.js";
import { remembering, type Decide } from "../review/remembered.js";
import type { Judge } from "../server/admission-edge.js";
import { makeJudge, type JudgeParts } from "../server/judge.js";
import { judgeOwn, type AskOwn } from "../server/own-objects.js";
import { waitForProvision, type Pending } from "../server/provision-wait.js";
import type { FailureMode } from "../server/route.js";
import type { LoadedPacks } from "../sources/packs.js";
import type { Mode } from "./serve-mode.js";

/** All that a review is judged by. */
export interface JudgingParts extends Pick<JudgeParts, "live" | "metrics"> {
  readonly mode: Mode;
  /** The packs in force. */
  readonly loaded: () => Pick<LoadedPacks, "packs" | "digest">;
  readonly check: AskOwn;
  readonly source: Pick<JudgeParts, "facts" | "confirm" | "pending"> & { readonly provisioner?: Pending };
  readonly log: Log;
}

/** The judge of a server. */
export function judgeOf(config: Config, parts: JudgingParts): Judge {
  const { mode, live, loaded, check, source, log, metrics } = parts;
  /** A decision names the packs that it was made by, also when others come into force while it waits for a consistent read. */
  const stamped = (decide: Decide): JudgeParts["validate"] => {
    const known = remembering((request, asked) => ({ packs: loaded().digest, ...decide(request, asked) }));
    return (request, snapshot, fixes = true) => known(request, { snapshot, packs: loaded().packs, now: Date.now(), fixes });
  };
  return mode.passing(judgeOwn(provisioning(config, parts, makeJudge({
    live,
    validate: stamped(mode.validate),
    mutate: stamped(mode.mutate),
    isExempt: (namespace) => loaded().packs.isExempt(namespace),
    metrics,
    log,
    ...(source.facts ? { facts: source.facts } : {}),
    ...(source.confirm ? { confirm: source.confirm } : {}),
    ...(source.pending ? { pending: source.pending } : {}),
  })), check));
}

/** How a server answers what it cannot judge. */
export function failureModeIn({ mode }: Config, { rules }: CompiledPacks): FailureMode {
  return mode === "audit" || rules.every(({ failureMode }) => failureMode === "Allow") ? "Allow" : "Deny";
}

/** With a state of our own, a namespace that is to be provisioned gets its policies in the same turn of the loop; with a cluster, when the watch shows it. */
function provisioning(config: Config, { loaded, live, source: { facts, provisioner }, log }: JudgingParts, judge: Judge): Judge {
  // Mode `audit` writes nothing: a default deny would cut off what is not allowed yet.
  if (config.mode === "audit") return judge;
  if (provisioner) return waitForProvision(judge, provisioner);
  if (!facts) return judge;
  return (request, route, deadline) => {
    const before = live.current;
    const provided = (decision: Decision): Decision => {
      const policies = decision.allowed && route !== "mutate" && !request.dryRun ? provisionFor(request, before, loaded().packs) : [];
      if (policies.length === 0) return decision;
      live.apply(policies.flatMap(facts).map((put) => ({ put })));
      log.info({ namespace: request.name, policies: policies.map(({ metadata }) => metadata.name) }, "baseline provided");
      return decision;
    };
    const judging = judge(request, route, deadline);
    return judging instanceof Promise ? judging.then(provided) : provided(judging);
  };
}
