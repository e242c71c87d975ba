import { oneLine } from "../model/printable.js";
import type { Plan } from "./emergency.js";

/** What became of a plan that was carried out. */
export interface Done {
  readonly plan: Plan;
  /** Read back and tried out. */
  readonly verified: boolean;
  /** What the trial showed. */
  readonly shown: string;
}

/** Every way out with its commands: to be read by somebody in a hurry. */
export function plansText(plans: readonly Plan[], color: boolean): string {
  const head = "nothing was changed: give `--grade NAME --apply`, or run the commands; take the first way that is wide enough";
  return `${[head, "", ...plans.flatMap((plan, i) => [...planLines(plan, `${plan.grade === "back" ? "" : `${i + 1} `}`, color), ""])].join("\n").trimEnd()}\n`;
}

function planLines({ grade, says, steps, notes }: Plan, number: string, color: boolean): readonly string[] {
  const bold = (text: string): string => (color ? `\u001b[1m${text}\u001b[0m` : text);
  const commands = steps.length === 0 ? ["  there is nothing to do"] : steps.map(({ kubectl }) => `  $ ${oneLine(kubectl)}`);
  return [`${bold(`${number}${grade}`)}: ${says}`, ...commands, ...notes.map((note) => `  ${oneLine(note)}`)];
}

/** What was done, whether it works, and how to come back. */
export function doneText({ plan, verified, shown }: Done, color: boolean): string {
  const paint = (code: string, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const outcome = verified ? paint("32", "verified") : paint("31", "not verified");
  return `${[...planLines(plan, "", color), `${outcome}: ${oneLine(shown)}`].join("\n")}\n`;
}
