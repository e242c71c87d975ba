import type { Endpoint, Namespace, Pod } from "../model/endpoint.js";
import type { Direction, Policy } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { Classes, type EndClass, type NamespaceClass } from "./classes.js";
import type { LivePodEnd } from "./ends.js";
import { policiesFor, type RelevantPolicies } from "./relevant.js";
import { Row, type Plan, type RowTools } from "./rows.js";
import { Selections } from "./selections.js";
import { TrafficTable } from "./traffic-table.js";
import { Vocabulary } from "./vocabulary.js";
import { Memory } from "../model/memory.js";

type PolicyMap = ReadonlyMap<string, Policy>;

/** One namespace with the policies that can select its pods, for every snapshot that has both as they are here. */
export interface View {
  readonly namespace: NamespaceClass;
  readonly policies: RelevantPolicies;
  /** By the id of the subject's class. */
  readonly rows: Readonly<Record<Direction, Map<number, Row>>>;
}

type PodEndpoint = Endpoint & { readonly kind: "pod" };

/** A view, and what it was made of. */
interface KnownView {
  readonly namespace: Namespace;
  readonly cluster: PolicyMap;
  readonly view: View;
}

/**
 * Rows and selections hold a bit or two per class. A cluster of 100,000 pods and 10,000 policies has 20,000 of them over 10,000
 * classes: 2 * 10^8 bits. Five times that, 125 MB, is more than what is alive can need.
 */
const MOST_BITS = 1_000_000_000;
const MOST_CLASSES = 200_000;

/** What snapshots share: classes, selections, rows. None of it says which pods and policies there are now. */
export class RowIndex {
  readonly vocabulary = new Vocabulary();
  readonly classes = new Classes(this.vocabulary);
  readonly tools: RowTools = { classes: this.classes, selections: new Selections(this.classes, this.vocabulary), traffic: new TrafficTable() };
  private readonly ends = new Memory<Pod, readonly LivePodEnd[]>();
  private readonly views = new Memory<PolicyMap, KnownView>();
  private readonly rows = new Map<string, Row>();
  private readonly policyNumbers = new Memory<Policy, number>();
  private policyCount = 0;

  /** False once churn has left so much behind that it is better to begin anew. */
  get isFit(): boolean {
    return this.classes.size < MOST_CLASSES && (this.rows.size + this.tools.selections.size) * (this.classes.size + 1_000) < MOST_BITS;
  }

  /** The end made earlier for a pod, with the same address named or none, in a namespace labelled as now. */
  endOf({ pod, address }: PodEndpoint, namespace: NamespaceClass): LivePodEnd | undefined {
    const ends = this.ends.get(pod) ?? [];
    for (const end of ends) if (end.endpoint.address === address && end.namespace === namespace) return end;
    return undefined;
  }

  keepEnd(made: LivePodEnd): void {
    const { subject, endpoint, namespace } = made;
    const others = (this.ends.get(subject) ?? []).filter((end) => end.namespace === namespace);
    // One without an address and one for each of the pod's own; other addresses could be without number.
    if (others.length <= subject.addresses.length) this.ends.set(subject, endpoint.address === undefined ? [made, ...others] : [...others, made]);
  }

  /** Looks at one namespace of a snapshot; teaches the vocabulary what its policies read. */
  view(snapshot: Snapshot, name: string): View {
    const state = snapshot.namespaces.get(name);
    const namespace = snapshot.namespace(name);
    const known = state && this.views.get(state.policies);
    if (known?.namespace === namespace && known.cluster === snapshot.clusterPolicies) return known.view;
    const policies = policiesFor(snapshot, namespace);
    for (const policy of policies.list) this.vocabulary.learn(policy);
    const view: View = { namespace: this.classes.ofNamespace(namespace), policies, rows: { ingress: new Map(), egress: new Map() } };
    if (state) this.views.set(state.policies, { namespace, cluster: snapshot.clusterPolicies, view });
    return view;
  }

  /** The row of a class of pods that lie in the namespace of the view. */
  rowOf(view: View, subject: EndClass, direction: Direction): Row {
    const rows = view.rows[direction];
    let row = rows.get(subject.id);
    if (!row) rows.set(subject.id, (row = this.row(planOf(view, subject, direction))));
    return row;
  }

  /** One object for equal plans. */
  private row(plan: Plan): Row {
    const key = this.keyOf(plan);
    let row = this.rows.get(key);
    if (!row) this.rows.set(key, (row = new Row(plan, this.tools)));
    return row;
  }

  private keyOf({ direction, walk, ports }: Plan): string {
    const policies = walk.flatMap(({ groups }) => groups.flat());
    const key = `${direction} ${policies.map((policy) => this.numberOf(policy)).join()}`;
    const named = direction === "ingress" && policies.some(({ rules }) => rules.ingress.some(({ traffic }) => traffic.named.length > 0));
    return named ? `${key} ${JSON.stringify(ports.map(({ name, protocol, port }) => [name, protocol, port].join("/")).sort())}` : key;
  }

  private numberOf(policy: Policy): number {
    let number = this.policyNumbers.get(policy);
    if (number === undefined) this.policyNumbers.set(policy, (number = this.policyCount++));
    return number;
  }
}

function planOf({ policies }: View, { labels, ports }: EndClass, direction: Direction): Plan {
  const walk = policies[direction].map(({ tier, groups }) => ({ tier, groups: groups.map((group) => group.filter(({ subject }) => subject.pods.matches(labels))) }));
  return { direction, walk, ports };
}
