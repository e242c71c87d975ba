import type { AdmissionRequest } from "../model/admission.js";
import { refOf, type KubeObject } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import type { CompiledPacks } from "../packs/compile.js";
import { readChange } from "./change.js";

/** The label of policies that Sluice wrote. */
export const WRITTEN_BY = { key: "app.kubernetes.io/managed-by", value: "sluice" } as const;

/** Names the baseline that a namespace declares. */
const DECLARATION = "sluice.dev/baseline";

/**
 * The policies that an admitted Namespace is given: those of its declared baseline, else of the first provision that
 * fits. Policies that exist are left as they are ("never overwrites"). In order: allowances before the deny.
 */
export function provisionFor(request: AdmissionRequest, snapshot: Snapshot, packs: CompiledPacks): readonly KubeObject[] {
  if (request.kind.kind !== "Namespace" || request.kind.group !== "" || request.operation !== "CREATE") return [];
  const { change } = readChange(request, snapshot, packs);
  const fitting = packs.provisions.find((provision) => {
    const applies = provision.applies(change);
    return applies.ok && applies.value;
  });
  if (!fitting) return [];
  const declared = packs.baselines.get(request.object?.metadata.annotations?.[DECLARATION] ?? "");
  const { policies } = declared ?? fitting.baseline;
  return policies.map((policy) => inNamespace(policy, request.name)).filter((policy) => !change.after.policy(refOf(policy)));
}

function inNamespace(policy: KubeObject, namespace: string): KubeObject {
  const labels = { ...policy.metadata.labels, [WRITTEN_BY.key]: WRITTEN_BY.value };
  return { ...policy, metadata: { ...policy.metadata, namespace, labels } };
}
