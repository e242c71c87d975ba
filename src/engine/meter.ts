import type { Budget } from "./question.js";

/** Counts the work of one question in steps: solver visits and rule tests, about 0.1 microseconds each. Once exhausted it stays so. */
export class Meter {
  steps = 0;
  private readonly limit: number;

  constructor(budget: Budget) {
    this.limit = budget.steps;
  }

  get exhausted(): boolean {
    return this.steps > this.limit;
  }

  spend(steps: number): void {
    this.steps += steps;
  }
}
