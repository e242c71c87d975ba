import type { Config } from "../config.js";
import type { Decision } from "../model/decision.js";
import { placeOf, ruleId, type Violation } from "../model/violation.js";
import type { CompiledPacks } from "../packs/compile.js";
import { auditMutation, auditValidation, inAuditMode, isEnforced } from "../review/audit-mode.js";
import type { Decide } from "../review/remembered.js";
import { reviewMutation, reviewValidation } from "../review/review.js";
import type { Judge } from "../server/admission-edge.js";

/** How a server decides: everything that is refused, or only what is enforced already. */
export interface Mode {
  readonly validate: Decide;
  readonly mutate: Decide;
  /** A judge whose refusals that the mode does not make its own are let pass. */
  passing(judge: Judge): Judge;
  /** Is a standing violation let pass that would be refused? */
  letsPass(violation: Violation): boolean;
}

const ENFORCING: Mode = { validate: reviewValidation, mutate: reviewMutation, passing: (judge) => judge, letsPass: () => false };

/** Of `--mode`. */
export function modeOf({ mode, auditWarnings: warns }: Pick<Config, "mode" | "auditWarnings">, packs: () => CompiledPacks): Mode {
  if (mode === "enforce") return ENFORCING;
  return {
    validate: (request, asked) => auditValidation(request, asked, { warns }),
    mutate: auditMutation,
    passing: (judge) => (request, route, deadline) => {
      const passed = (decision: Decision): Decision => inAuditMode(decision, { request, enforced: packs().enforced, warns });
      const judging = judge(request, route, deadline);
      return judging instanceof Promise ? judging.then(passed) : passed(judging);
    },
    letsPass: (violation) => violation.action === "deny" && !isEnforced(ruleId(violation), placeOf(violation), packs().enforced),
  };
}
