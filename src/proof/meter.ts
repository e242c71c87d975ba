import type { Budget } from "./question.js";

/** Counts the work of one question in steps: solver visits and rule tests, well under a microsecond each. Once exhausted it stays so until renewed. */
export class Meter {
  steps = 0;
  private limit: number;
  private readonly allowance: number;

  constructor(budget: Budget) {
    this.limit = budget.steps;
    this.allowance = budget.steps;
  }

  get exhausted(): boolean {
    return this.steps > this.limit;
  }

  /** For work whose size is known to be small, whatever was spent before. */
  static unlimited(): Budget {
    return { steps: Number.POSITIVE_INFINITY };
  }

  /** Grants the budget once more, from here. */
  renew(): void {
    this.limit = this.steps + this.allowance;
  }

  spend(steps: number): void {
    this.steps += steps;
  }
}
