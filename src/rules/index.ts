import { celExpression } from "./cel-expression.js";
import { forbidAllNamespaces } from "./forbid-all-namespaces.js";
import { forbidAllowAll } from "./forbid-allow-all.js";
import { forbidAnomaly } from "./forbid-anomaly.js";
import { forbidBroadCidr } from "./forbid-broad-cidr.js";
import { forbidDanglingSelector } from "./forbid-dangling-selector.js";
import { forbidFlow } from "./forbid-flow.js";
import { requireBaselineDeclaration } from "./require-baseline-declaration.js";
import { requireDefaultDeny } from "./require-default-deny.js";
import { requireDerivedFlows } from "./require-derived-flows.js";
import { requireFlow } from "./require-flow.js";
import { requireLabel } from "./require-label.js";
import type { Check } from "./rule.js";
import { setPodLabel } from "./set-pod-label.js";

/** Every check a pack may name. A check is one file and one line here. */
export const CHECKS: readonly Check[] = [
  celExpression, forbidAllNamespaces, forbidAllowAll, forbidAnomaly, forbidBroadCidr, forbidDanglingSelector, forbidFlow,
  requireBaselineDeclaration, requireDefaultDeny, requireDerivedFlows, requireFlow, requireLabel, setPodLabel,
];
