import type { Namespace } from "../model/endpoint.js";
import type { Direction, Policy, Tier } from "../model/policy.js";
import type { NamespaceState, Snapshot } from "../model/snapshot.js";
import { Memory } from "../model/memory.js";

/** One tier's policies that say something about a direction: walked group by group; policies of one group have the same order. */
export interface TierGroups {
  readonly tier: Tier;
  readonly groups: readonly (readonly Policy[])[];
  /** No rule does anything but accept: their order does not matter. */
  readonly acceptsOnly: boolean;
}

/** What can select pods of one namespace. */
export interface RelevantPolicies {
  readonly list: readonly Policy[];
  readonly ingress: readonly TierGroups[];
  readonly egress: readonly TierGroups[];
}

/**
 * The policies that can select pods of an existing namespace: its own and the cluster-scoped ones that admit its labels.
 * Remembered by what snapshots share, so that a what-if works out only the namespace it changed.
 */
export function policiesFor(snapshot: Snapshot, namespace: Namespace): RelevantPolicies {
  const state = snapshot.namespaces.get(namespace.name);
  const key: object = state ?? namespace;
  const known = byState.get(key);
  if (known?.cluster === snapshot.clusterPolicies) return known.relevant;
  const relevant = arrange([...ownPolicies(state, namespace), ...clusterPoliciesFor(snapshot.clusterPolicies, namespace)]);
  byState.set(key, { cluster: snapshot.clusterPolicies, relevant });
  return relevant;
}

/** The policies that can select pods of a namespace that does not exist yet: the cluster-scoped ones. */
export function policiesForFuture(snapshot: Snapshot): RelevantPolicies {
  let relevant = byCluster.get(snapshot.clusterPolicies);
  if (!relevant) byCluster.set(snapshot.clusterPolicies, (relevant = arrange([...snapshot.clusterPolicies.values()])));
  return relevant;
}

type PolicyMap = ReadonlyMap<string, Policy>;

const byState = new Memory<object, { readonly cluster: PolicyMap; readonly relevant: RelevantPolicies }>();
const byCluster = new Memory<PolicyMap, RelevantPolicies>();
const byNamespace = new Memory<Namespace, { readonly cluster: PolicyMap; readonly policies: readonly Policy[] }>();

function ownPolicies(state: NamespaceState | undefined, namespace: Namespace): readonly Policy[] {
  return state ? [...state.policies.values()].filter((policy) => policy.subject.namespaces.matches(namespace.labels)) : [];
}

function clusterPoliciesFor(cluster: PolicyMap, namespace: Namespace): readonly Policy[] {
  if (cluster.size === 0) return [];
  const known = byNamespace.get(namespace);
  if (known?.cluster === cluster) return known.policies;
  const policies = [...cluster.values()].filter((policy) => policy.subject.namespaces.matches(namespace.labels));
  byNamespace.set(namespace, { cluster, policies });
  return policies;
}

function arrange(list: readonly Policy[]): RelevantPolicies {
  return { list, ingress: tiersOf(list, "ingress"), egress: tiersOf(list, "egress") };
}

/** Tiers by ascending order, ties by name; within one, policies by ascending order; of one order, by name (K2). */
function tiersOf(list: readonly Policy[], direction: Direction): readonly TierGroups[] {
  const speaking = list.filter((policy) => policy.isolates[direction] || policy.rules[direction].length > 0);
  const tiers = groupBy(speaking, ({ tier }) => `${tier.order} ${tier.name}`);
  return tiers
    .map((policies) => ({
      tier: (policies[0] as Policy).tier,
      acceptsOnly: policies.every((policy) => policy.rules[direction].every((rule) => rule.action === "Accept")),
      groups: groupBy(policies, ({ order }) => order)
        .sort((a, b) => (a[0] as Policy).order - (b[0] as Policy).order)
        .map((group) => group.sort((a, b) => compareText(tieName(a), tieName(b)))),
    }))
    .sort((a, b) => a.tier.order - b.tier.order || compareText(a.tier.name, b.tier.name));
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string | number): T[][] {
  const groups = new Map<string | number, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return [...groups.values()];
}

function tieName({ ref }: Policy): string {
  return `${ref.name}/${ref.namespace ?? ""}/${ref.kind}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
