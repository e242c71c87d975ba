import type { Budget } from "./question.js";

/** Counts the work of one question in steps: solver visits and rule tests, about 0.1 microseconds each. Once exhausted it stays so until renewed. */
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

  /** Grants the budget once more, from here. */
  renew(): void {
    this.limit = this.steps + this.allowance;
  }

  spend(steps: number): void {
    this.steps += steps;
  }
}
