import type { Pod } from "../model/endpoint.js";
import type { Policy } from "../model/policy.js";
import { Classes } from "./classes.js";
import type { LivePodEnd } from "./ends.js";
import { Row, type Plan, type RowTools } from "./rows.js";
import { Selections } from "./selections.js";
import { TrafficTable } from "./traffic-table.js";
import { Vocabulary } from "./vocabulary.js";

/** Several times what a cluster of 100,000 pods and 10,000 policies needs. */
const MOST = 100_000;

/** What snapshots share: classes, selections, rows. None of it says which pods and policies there are now. */
export class RowIndex {
  readonly vocabulary = new Vocabulary();
  readonly classes = new Classes(this.vocabulary);
  readonly tools: RowTools = { classes: this.classes, selections: new Selections(this.classes, this.vocabulary), traffic: new TrafficTable() };
  readonly ends = new WeakMap<Pod, LivePodEnd>();
  private readonly rows = new Map<string, Row>();
  private readonly policyNumbers = new WeakMap<Policy, number>();
  private policyCount = 0;

  /** False once churn has left so much behind that it is better to begin anew. */
  get isFit(): boolean {
    return this.classes.size < MOST && this.rows.size < MOST;
  }

  /** The row of a plan: one object for equal plans. */
  row(plan: Plan): Row {
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
