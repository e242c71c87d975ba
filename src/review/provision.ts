import type { AdmissionRequest } from "../model/admission.js";
import { refOf, type KubeObject } from "../model/kubernetes.js";
import type { Policy } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import type { CompiledProvision } from "../packs/compile-parts.js";
import type { Change } from "../rules/rule.js";
import { readChange } from "./change.js";

/** The label of policies that Sluice wrote. */
export const WRITTEN_BY = { key: "app.kubernetes.io/managed-by", value: "sluice" } as const;

/** Names the baseline that a namespace declares. */
const DECLARATION = "sluice.dev/baseline";

/**
 * The policies that an admitted Namespace is given: those of its declared baseline, else of the first provision that
 * fits. Policies that exist are left as they are ("never overwrites"). In order: allowances before the deny.
 */
export function provisionFor(request: AdmissionRequest, snapshot: Snapshot, inForce: CompiledPacks): readonly KubeObject[] {
  if (request.kind.kind !== "Namespace" || request.kind.group !== "" || request.operation !== "CREATE") return [];
  const packs = packsIn(inForce, snapshot);
  const { change } = readChange(request, snapshot, packs);
  const [fitting] = fittingProvisions(change, packs);
  if (!fitting) return [];
  return baselinePolicies(request.object, request.name, { fitting, packs }).filter((policy) => !change.after.policy(refOf(policy)));
}

/** The provisions that fit the creation of a Namespace, in the order of the packs. One whose condition cannot be evaluated does not. */
export function fittingProvisions(change: Change, { provisions }: CompiledPacks): readonly CompiledProvision[] {
  return provisions.filter((provision) => {
    const applies = provision.applies(change);
    return applies.ok && applies.value;
  });
}

/** The policies of the baseline that the Namespace declares, else of the provision, each with its namespace and the label that says who wrote it. */
export function baselinePolicies(object: KubeObject | undefined, name: string, { fitting, packs }: { readonly fitting: CompiledProvision; readonly packs: CompiledPacks }): readonly KubeObject[] {
  const declared = packs.baselines.get(object?.metadata.annotations?.[DECLARATION] ?? "");
  return (declared ?? fitting.baseline).policies.map((policy) => inNamespace(policy, name));
}

/** Did Sluice write this policy? */
export function isWrittenBySluice({ object }: Policy): boolean {
  return object.metadata.labels?.[WRITTEN_BY.key] === WRITTEN_BY.value;
}

function inNamespace(policy: KubeObject, namespace: string): KubeObject {
  const labels = { ...policy.metadata.labels, [WRITTEN_BY.key]: WRITTEN_BY.value };
  return { ...policy, metadata: { ...policy.metadata, namespace, labels } };
}
