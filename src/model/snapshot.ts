import { isLive, namespaceLabels, nodeObject, type Namespace, type Node, type Pod } from "./endpoint.js";
import { kindKey, nameKey, type KubeObject, type ObjectRef } from "./kubernetes.js";
import { MapEdits } from "./layered-map.js";
import type { Policy } from "./policy.js";

/** One thing the snapshot knows, made from one object by `dialects/`. */
export type Fact =
  | { readonly fact: "namespace"; readonly value: Namespace }
  | { readonly fact: "pod"; readonly value: Pod }
  | { readonly fact: "node"; readonly value: Node }
  | { readonly fact: "policy"; readonly value: Policy }
  /** Everything else that packs or the engine read: Services, Endpoints, workloads, custom resources. */
  | { readonly fact: "object"; readonly value: KubeObject };

export type Change = { readonly put: Fact } | Removal;

export interface Removal {
  readonly remove: ObjectRef;
  /** What lies in a namespace stays when the namespace goes: whoever follows each kind by itself is told of each object, in no common order. */
  readonly alone?: boolean;
}

/** What lies in one namespace. Replaced, never written to, so that snapshots share what did not change. */
export interface NamespaceState {
  readonly namespace: Namespace;
  /** By name. */
  readonly pods: ReadonlyMap<string, Pod>;
  /** By `kindKey/name`. */
  readonly policies: ReadonlyMap<string, Policy>;
}

/** The immutable state of the cluster that one decision is made on. */
export class Snapshot {
  readonly namespaces: ReadonlyMap<string, NamespaceState>;
  /** Cluster-scoped policies, by `kindKey/name`. */
  readonly clusterPolicies: ReadonlyMap<string, Policy>;
  readonly nodes: ReadonlyMap<string, Node>;
  /** Other objects by `kindKey`, then by `namespace/name` or `name`. */
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, KubeObject>>;

  private constructor(parts: Pick<Snapshot, "namespaces" | "clusterPolicies" | "nodes" | "objects">) {
    this.namespaces = parts.namespaces;
    this.clusterPolicies = parts.clusterPolicies;
    this.nodes = parts.nodes;
    this.objects = parts.objects;
  }

  static readonly EMPTY = new Snapshot({ namespaces: new Map(), clusterPolicies: new Map(), nodes: new Map(), objects: new Map() });

  /** The snapshot after these changes, in order; this one stays as it is, and is the answer where nothing changes. Cost: the changed namespaces' maps. */
  with(changes: readonly Change[]): Snapshot {
    if (changes.length === 0) return this;
    const draft = new Draft(this);
    for (const change of changes) {
      if ("put" in change) draft.put(change.put);
      else draft.remove(change);
    }
    const parts = draft.finish();
    const isSame = parts.namespaces === this.namespaces && parts.clusterPolicies === this.clusterPolicies && parts.nodes === this.nodes && parts.objects === this.objects;
    return isSame ? this : new Snapshot(parts);
  }

  /** A namespace by name; one without an object still has its forced label. */
  namespace(name: string): Namespace {
    return this.namespaces.get(name)?.namespace ?? impliedNamespace(name);
  }

  pod(namespace: string, name: string): Pod | undefined {
    return this.namespaces.get(namespace)?.pods.get(name);
  }

  /** Whether live pods are in a namespace. The first tells in most of them: no list is made of tens of thousands. */
  runsPods(namespace: string): boolean {
    for (const pod of this.namespaces.get(namespace)?.pods.values() ?? []) if (isLive(pod)) return true;
    return false;
  }

  policy(ref: ObjectRef): Policy | undefined {
    const policies = ref.namespace === undefined ? this.clusterPolicies : this.namespaces.get(ref.namespace)?.policies;
    return policies?.get(policyKey(ref));
  }

  /** Other objects of one kind; `group` empty for the core group. */
  objectsOf(group: string, kind: string): ReadonlyMap<string, KubeObject> {
    return this.objects.get(kindKey({ group, kind })) ?? NO_OBJECTS;
  }

  *pods(): Iterable<Pod> {
    for (const state of this.namespaces.values()) yield* state.pods.values();
  }

  /** Every policy, namespaced ones first; not in order of evaluation. */
  *policies(): Iterable<Policy> {
    for (const state of this.namespaces.values()) yield* state.policies.values();
    yield* this.clusterPolicies.values();
  }
}

const NO_OBJECTS: ReadonlyMap<string, KubeObject> = new Map();
const NO_PODS: ReadonlyMap<string, Pod> = new Map();

/** Key of a policy within its namespace (or among the cluster-scoped ones). */
export function policyKey(ref: ObjectRef): string {
  return `${kindKey(ref)}/${ref.name}`;
}

function impliedNamespace(name: string): Namespace {
  return { name, labels: namespaceLabels(name), terminating: false };
}

function isSame(known: Node | undefined, node: Node): boolean {
  return known !== undefined && JSON.stringify(nodeObject(known)) === JSON.stringify(nodeObject(node));
}

/** The state with other parts; itself when they are the same, so that what is remembered of it stays. */
function changed(state: NamespaceState, parts: Partial<Pick<NamespaceState, "pods" | "policies">>): NamespaceState {
  const { pods = state.pods, policies = state.policies } = parts;
  return pods === state.pods && policies === state.policies ? state : { namespace: state.namespace, pods, policies };
}

/** The one place where maps are copied; each is copied at most once per `with`. Those that grow with the cluster, namespaces and their pods, share what did not change. */
class Draft {
  private readonly namespaces: ReadonlyMap<string, NamespaceState>;
  private readonly namespaceEdits = new MapEdits<NamespaceState>();
  private readonly podEdits = new Map<string, MapEdits<Pod>>();
  clusterPolicies: ReadonlyMap<string, Policy>;
  nodes: ReadonlyMap<string, Node>;
  objects: ReadonlyMap<string, ReadonlyMap<string, KubeObject>>;
  private readonly owned = new Set<ReadonlyMap<string, unknown>>();
  /** Namespaces of which less is told than before. */
  private readonly shrunk = new Set<string>();

  constructor(from: Snapshot) {
    this.namespaces = from.namespaces;
    this.clusterPolicies = from.clusterPolicies;
    this.nodes = from.nodes;
    this.objects = from.objects;
  }

  finish(): Pick<Snapshot, "namespaces" | "clusterPolicies" | "nodes" | "objects"> {
    const { clusterPolicies, nodes, objects } = this;
    for (const [name, edits] of this.podEdits) this.editNamespace(name, (state) => changed(state, { pods: edits.applyTo(state.pods) }));
    for (const name of this.shrunk) this.forgetUntold(name);
    return { namespaces: this.namespaceEdits.applyTo(this.namespaces), clusterPolicies, nodes, objects };
  }

  put({ fact, value }: Fact): void {
    switch (fact) {
      case "namespace":
        return this.editNamespace(value.name, ({ pods, policies }) => ({ namespace: value, pods, policies }));
      case "pod":
        return this.podsOf(value.namespace).set(value.name, value);
      case "node":
        // Heartbeats write nodes every few minutes, and what is known of proofs rests on them.
        if (!isSame(this.nodes.get(value.name), value)) this.nodes = this.set(this.nodes, value.name, value);
        return;
      case "policy":
        return this.editPolicies(value.ref, (policies) => this.set(policies, policyKey(value.ref), value));
      case "object":
        return this.putObject(value);
    }
  }

  remove({ remove: ref, alone = false }: Removal): void {
    if (alone) this.shrunk.add(ref.kind === "Namespace" ? ref.name : (ref.namespace ?? ""));
    if (ref.group === "" && ref.kind === "Namespace") return alone ? this.removeNamespaceObject(ref.name) : this.removeNamespace(ref.name);
    if (ref.group === "" && ref.kind === "Pod" && ref.namespace !== undefined) return this.removePod(ref.namespace, ref.name);
    if (ref.group === "" && ref.kind === "Node") this.nodes = this.unset(this.nodes, ref.name);
    if (ref.namespace === undefined || this.state(ref.namespace)) this.editPolicies(ref, (policies) => this.unset(policies, policyKey(ref)));
    const kind = kindKey(ref);
    const objects = this.objects.get(kind);
    if (objects) this.objects = this.set(this.objects, kind, this.unset(objects, nameKey(ref)));
  }

  /** A namespace's objects go with it. */
  private removeNamespace(name: string): void {
    if (this.state(name)) this.namespaceEdits.delete(name);
    this.podEdits.delete(name);
    for (const [kind, objects] of this.objects) {
      const gone = [...objects].filter(([, object]) => object.metadata.namespace === name);
      if (gone.length > 0) this.objects = this.set(this.objects, kind, gone.reduce((map, [key]) => this.unset(map, key), objects));
    }
  }

  private removeNamespaceObject(name: string): void {
    if (this.state(name)) this.editNamespace(name, ({ pods, policies }) => ({ namespace: impliedNamespace(name), pods, policies }));
  }

  /** Nothing tells of it any more. */
  private forgetUntold(name: string): void {
    const state = this.state(name);
    if (state && !state.namespace.object && state.pods.size + state.policies.size === 0) this.namespaceEdits.delete(name);
  }

  private podsOf(namespace: string): MapEdits<Pod> {
    let edits = this.podEdits.get(namespace);
    if (!edits) {
      this.podEdits.set(namespace, (edits = new MapEdits<Pod>()));
      this.editNamespace(namespace, (state) => state);
    }
    return edits;
  }

  private removePod(namespace: string, name: string): void {
    const state = this.state(namespace);
    const edits = this.podEdits.get(namespace);
    if (edits ? edits.get(state?.pods ?? NO_PODS, name) : state?.pods.get(name)) this.podsOf(namespace).delete(name);
  }

  private putObject(object: KubeObject): void {
    const kind = kindKey({ group: object.apiVersion.includes("/") ? object.apiVersion.split("/")[0] ?? "" : "", kind: object.kind });
    const { namespace, name = "" } = object.metadata;
    const key = nameKey(namespace === undefined ? { name } : { namespace, name });
    this.objects = this.set(this.objects, kind, this.set(this.objects.get(kind) ?? NO_OBJECTS, key, object));
  }

  private editNamespace(name: string, edit: (state: NamespaceState) => NamespaceState): void {
    const known = this.state(name);
    const edited = edit(known ?? { namespace: impliedNamespace(name), pods: new Map(), policies: new Map() });
    if (edited !== known) this.namespaceEdits.set(name, edited);
  }

  private state(name: string): NamespaceState | undefined {
    return this.namespaceEdits.get(this.namespaces, name);
  }

  private editPolicies(ref: ObjectRef, edit: (policies: ReadonlyMap<string, Policy>) => ReadonlyMap<string, Policy>): void {
    if (ref.namespace === undefined) this.clusterPolicies = edit(this.clusterPolicies);
    else this.editNamespace(ref.namespace, (state) => changed(state, { policies: edit(state.policies) }));
  }

  private set<V>(map: ReadonlyMap<string, V>, key: string, value: V): ReadonlyMap<string, V> {
    return this.own(map).set(key, value);
  }

  private unset<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
    if (!map.has(key)) return map;
    const copy = this.own(map);
    copy.delete(key);
    return copy;
  }

  private own<V>(map: ReadonlyMap<string, V>): Map<string, V> {
    if (this.owned.has(map)) return map as Map<string, V>;
    const copy = new Map(map);
    this.owned.add(copy);
    return copy;
  }
}
