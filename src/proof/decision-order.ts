/** Variables that are still open, the most active first, of equal ones the lowest: a binary heap, so that none is looked for among all. */
export class DecisionOrder {
  private readonly activity: Float64Array;
  private readonly heap: Int32Array;
  /** Where a variable stands in the heap; -1: nowhere. */
  private readonly place: Int32Array;
  private size: number;

  /** All variables, by their activity, which its owner raises. */
  constructor(activity: Float64Array) {
    this.activity = activity;
    // Equal ones in ascending order are a heap.
    this.heap = Int32Array.from(activity, (_, variable) => variable);
    this.place = this.heap.slice();
    this.size = activity.length;
  }

  /** Takes the first one out; -1 when there is none. */
  next(): number {
    if (this.size === 0) return -1;
    const first = this.heap[0] as number;
    const last = this.heap[--this.size] as number;
    this.place[first] = -1;
    if (first !== last) this.sink(last);
    return first;
  }

  /** Puts one back. */
  add(variable: number): void {
    if ((this.place[variable] as number) < 0) this.rise(variable, this.size++);
  }

  /** To be told when the activity of one has risen. */
  risen(variable: number): void {
    const at = this.place[variable] as number;
    if (at >= 0) this.rise(variable, at);
  }

  private isBefore(a: number, b: number): boolean {
    const difference = (this.activity[a] as number) - (this.activity[b] as number);
    return difference > 0 || (difference === 0 && a < b);
  }

  private rise(variable: number, from: number): void {
    let at = from;
    for (; at > 0; at = (at - 1) >> 1) {
      const above = this.heap[(at - 1) >> 1] as number;
      if (!this.isBefore(variable, above)) break;
      this.put(above, at);
    }
    this.put(variable, at);
  }

  private sink(variable: number): void {
    let at = 0;
    for (let below = 1; below < this.size; below = 2 * at + 1) {
      const [left, right] = [this.heap[below] as number, this.heap[below + 1] as number];
      const isRight = below + 1 < this.size && this.isBefore(right, left);
      const child = isRight ? right : left;
      if (!this.isBefore(child, variable)) break;
      this.put(child, at);
      at = below + Number(isRight);
    }
    this.put(variable, at);
  }

  private put(variable: number, at: number): void {
    this.heap[at] = variable;
    this.place[variable] = at;
  }
}
