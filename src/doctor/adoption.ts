import { placeOf, ruleId } from "../model/violation.js";
import { adoptions } from "../review/adoption.js";
import { isEnforced } from "../review/audit-mode.js";
import { audit } from "../review/audit.js";
import { failure, fine, whenRead, type Check } from "./check.js";
import { count, listed } from "./words.js";

/**
 * "Doctor does not call an enforcing installation healthy while a namespace that runs pods without a baseline has no exception": at
 * their next restart these pods would be refused.
 */
export const adoption: Check = {
  id: "running namespaces",
  judge: ({ packs, snapshot, mode, now }) =>
    whenRead(packs, ({ packs: inForce }) =>
      whenRead(snapshot, (state) => {
        const { rules, enforced } = inForce;
        if (!rules.some(({ entry }) => entry.enforcementAction === "deny") || (mode === "audit" && enforced.length === 0)) return fine("no rule refuses anything yet");
        const violations = audit({ snapshot: state, packs: inForce, now }).violations.filter((one) => mode === "enforce" || isEnforced(ruleId(one), placeOf(one), enforced));
        const expires = new Date(now + 86_400_000).toISOString();
        const asked = adoptions(violations, state, { owner: "doctor", reason: "asked", expires });
        const names = asked.ok ? asked.value.map(({ metadata }) => (metadata.name ?? "").replace(/^adopted-/, "")) : [];
        if (names.length === 0) return fine("no namespace runs pods that break a rule which refuses, without an exception");
        return [failure(`${count(names.length, "namespace")} (${listed(names)}) ${names.length === 1 ? "runs" : "run"} pods and ${names.length === 1 ? "breaks" : "break"} rules that refuse: after a restart their pods would not come back`, "mend what `sluice audit --cluster` shows, or except them for a while: `sluice audit --cluster --adopt --owner WHO --expires DATE | kubectl apply -f -`")];
      }),
    ),
};
