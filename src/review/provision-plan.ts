import { readObject } from "../dialects/index.js";
import type { AdmissionRequest } from "../model/admission.js";
import { isLive, type Namespace, type Pod } from "../model/endpoint.js";
import { refOf, type KubeObject } from "../model/kubernetes.js";
import { DIRECTIONS, type Direction, type Policy } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import type { CompiledProvision } from "../packs/compile-parts.js";
import type { ProvisionEntry } from "../packs/pack.js";
import { readChange } from "./change.js";
import { baselinePolicies, fittingProvisions } from "./provision.js";

/**
 * Why a namespace is looked at: it was made while Sluice looked on, it is older than that, or a policy that Sluice wrote
 * in it was deleted.
 */
export type Occasion = "new" | "existing" | "deleted";

/** What a namespace of the cluster is given. */
export type ProvisionPlan =
  /** No provision fits, for now: its owner may not have been seen yet. */
  | { readonly plan: "none" }
  /** There is nothing to do: the baseline holds by meaning, or the pack leaves such namespaces as they are. */
  | { readonly plan: "enough" }
  /** Running pods (`namespace/pod`) would lose traffic. */
  | { readonly plan: "cuts-off"; readonly pods: readonly string[] }
  /** In order: allowances before the deny. */
  | { readonly plan: "write"; readonly policies: readonly KubeObject[] };

/**
 * What an observed namespace is given by the provisions that fit it. Who made it is not known any more, so a provision
 * fits by the namespace alone: by the owner it has, not by its writer.
 */
export function planProvision({ name, occasion }: { readonly name: string; readonly occasion: Occasion }, snapshot: Snapshot, inForce: CompiledPacks): ProvisionPlan {
  const packs = packsIn(inForce, snapshot);
  const namespace = snapshot.namespaces.get(name)?.namespace;
  const fitting = namespace && !namespace.terminating ? provisionsOf(namespace, snapshot, packs) : [];
  if (!namespace || fitting.length === 0) return { plan: "none" };
  const chosen = fitting.find(({ entry }) => isFor(entry, occasion));
  if (!chosen) return { plan: "enough" };
  const policies = baselinePolicies(namespace.object, name, { fitting: chosen, packs });
  if (occasion === "deleted") return { plan: "write", policies: policies.filter((policy) => !snapshot.policy(refOf(policy))) };
  if (!lacksBaseline(namespace, snapshot, packs)) return { plan: "enough" };
  return unlessCutOff(policies, occasion === "existing" ? newlyIsolated(policies, namespace, snapshot) : []);
}

function provisionsOf({ object }: Namespace, snapshot: Snapshot, packs: CompiledPacks): readonly CompiledProvision[] {
  if (!object || packs.provisions.length === 0) return [];
  return fittingProvisions(readChange(asCreated(object), snapshot, packs).change, packs);
}

function unlessCutOff(policies: readonly KubeObject[], pods: readonly string[]): ProvisionPlan {
  return pods.length > 0 ? { plan: "cuts-off", pods } : { plan: "write", policies };
}

function isFor({ existing, restore }: ProvisionEntry, occasion: Occasion): boolean {
  return { new: true, existing, deleted: restore }[occasion];
}

function asCreated(object: KubeObject): AdmissionRequest {
  const name = object.metadata.name ?? "";
  return {
    uid: "",
    kind: { group: "", version: "v1", kind: "Namespace" },
    resource: { group: "", version: "v1", resource: "namespaces" },
    name,
    namespace: name,
    operation: "CREATE",
    userInfo: { username: "", groups: [] },
    object,
    dryRun: false,
  };
}

/** "The baseline is judged by meaning": any set of policies will do. */
function lacksBaseline(namespace: Namespace, snapshot: Snapshot, packs: CompiledPacks): boolean {
  const rules = packs.rules.filter(({ entry }) => entry.baseline === true);
  return rules.some(({ behaviour }) => behaviour.protect?.standing(snapshot, namespace).some(({ outcome }) => outcome !== "holds"));
}

/** "On installation nothing that runs is cut off": policies only add up, so a pod loses something only where it was not isolated before. */
function newlyIsolated(objects: readonly KubeObject[], namespace: Namespace, snapshot: Snapshot): readonly string[] {
  const state = snapshot.namespaces.get(namespace.name);
  const standing = [...(state?.policies.values() ?? []), ...snapshot.clusterPolicies.values()];
  const planned = objects.flatMap((object) => readObject(object).facts).flatMap((fact) => (fact.fact === "policy" ? [fact.value] : []));
  const loses = (pod: Pod): boolean => DIRECTIONS.some((direction) => isolates(planned, direction, { pod, namespace }) && !isolates(standing, direction, { pod, namespace }));
  return [...(state?.pods.values() ?? [])].filter((pod) => isLive(pod) && loses(pod)).map(({ name }) => `${namespace.name}/${name}`);
}

/** "A pod is isolated for direction X iff some NP selects it and lists X" (S2). */
function isolates(policies: readonly Policy[], direction: Direction, { pod, namespace }: { readonly pod: Pod; readonly namespace: Namespace }): boolean {
  return policies.some(({ isolates, subject, tier }) => isolates[direction] && tier.defaultAction === "Deny" && subject.namespaces.matches(namespace.labels) && subject.pods.matches(pod.labels));
}
