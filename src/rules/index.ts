import { celExpression } from "./cel-expression.js";
import { forbidAllNamespaces } from "./forbid-all-namespaces.js";
import { forbidAllowAll } from "./forbid-allow-all.js";
import { forbidBroadCidr } from "./forbid-broad-cidr.js";
import { forbidFlow } from "./forbid-flow.js";
import { requireBaselineDeclaration } from "./require-baseline-declaration.js";
import { requireDefaultDeny } from "./require-default-deny.js";
import { requireDerivedFlows } from "./require-derived-flows.js";
import { requireFlow } from "./require-flow.js";
import type { Check } from "./rule.js";
import { setPodLabel } from "./set-pod-label.js";

/** Every check a pack may name. A check is one file and one line here. */
export const CHECKS: readonly Check[] = [
  celExpression, forbidAllNamespaces, forbidAllowAll, forbidBroadCidr, forbidFlow, requireBaselineDeclaration, requireDefaultDeny, requireDerivedFlows, requireFlow, setPodLabel,
];
