import type { Violation } from "../../src/model/violation.js";
import type { Findings } from "../../src/reports/report.js";

/** Text that each format gives a meaning of its own. */
const HOSTILE = `<script>alert("1 & '2'")</script> | \`x\` \u0000\u001b[31m\n=cmd, "quoted" [link](http://x) @someone ]]>`;

/** A violation with what a test cares for. */
export function violation(over: Partial<Violation> = {}): Violation {
  return { pack: "baseline", rule: "dns", action: "deny", message: "DNS breaks", object: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "shop", name: "deny" }, policies: ["shop/deny"], ...over };
}

export const NONE: Findings = { findings: [], warnings: [], notes: [], checked: 0 };
export const SOME: Findings = {
  findings: [
    { violation: violation({ action: "warn", rule: "allow-all", path: "spec.ingress[0]" }), place: { file: "a b/p.yaml", line: 7, column: 3 } },
    { violation: violation({ counterexample: "pod `shop/web` to `10.0.0.1` on UDP 53", runningPods: 1, remediation: "allow DNS", link: "https://example.org/x?a=1&b=2" }), place: { file: "./p.yaml", line: 2 } },
    { violation: violation({ pack: "kf", action: "dryrun", object: { group: "", kind: "Namespace", name: "shop" } }), place: { file: "-" } },
    { violation: violation({ fix: { apply: [{ apiVersion: "v1", kind: "X", metadata: { name: "y" } }], remove: [{ group: "", kind: "Z", namespace: "a", name: "b" }] } }) },
  ],
  warnings: ["a flow was broken before"],
  notes: [{ kind: "shadowed", object: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "shop", name: "deny" }, path: "spec.ingress[1]", message: "is shadowed", place: { file: "p.yaml", line: 9, column: 5 } }],
  checked: 3,
};
export const BAD: Findings = {
  findings: [{ violation: violation({ message: HOSTILE, counterexample: HOSTILE, remediation: HOSTILE, path: HOSTILE, policies: [HOSTILE], object: { group: "", kind: HOSTILE, namespace: HOSTILE, name: HOSTILE } }), place: { file: HOSTILE, line: 1 } }],
  warnings: [HOSTILE],
  notes: [{ kind: "dead", object: { group: "", kind: HOSTILE, name: HOSTILE }, path: HOSTILE, message: HOSTILE }],
  checked: 1,
};
export const OPTIONS = { color: false, version: "1.2.3" };
