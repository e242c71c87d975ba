import type { Decision } from "../../src/model/decision.js";
import type { Violation } from "../../src/model/violation.js";

export const ALLOWED: Decision = { allowed: true, violations: [], warnings: [], patch: [], errors: [] };

export const DNS: Violation = {
  pack: "baseline",
  rule: "dns",
  action: "deny",
  message: "pods of namespace `demo` lose DNS",
  object: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "demo", name: "allow-dns" },
  path: "spec.egress[0]",
  counterexample: "`demo/web` to `kube-system/dns` on UDP 53",
  policies: ["demo/default-deny"],
  runningPods: 2,
};

export const DENIED: Decision = { ...ALLOWED, allowed: false, violations: [DNS] };
