import { dump } from "js-yaml";
import type { VerifiedFix } from "../model/violation.js";

/** A fix as a person would write it, ready for `kubectl apply -f -`; what is to be deleted stands in comments. */
export function fixYaml({ apply, remove }: VerifiedFix): string {
  const deletions = remove.map(({ kind, namespace, name }) => `# kubectl delete ${kind.toLowerCase()}${namespace === undefined ? "" : ` -n ${namespace}`} ${name}\n`);
  return `${deletions.join("")}${apply.map((object) => dump(object, { lineWidth: -1, noRefs: true })).join("---\n")}`;
}
