import type { CompiledPacks } from "../../src/packs/compile.js";
import { shippedPacks, snapshotOf } from "../review/world.js";
import { brokenRules, DENY, PERMIT, spaceOf, system, type Values } from "../packs/standing.js";

/** The table of docs/kf.md: what Kf's own two policies leave of the documented flows, as the engine proves it. */

const START = "<!-- generated: UPDATE_DOCS=1 npx vitest run test/docs -->";
const END = "<!-- end of generated -->";

/** The flows in the order of Kf's documentation, with the rule that stands for each. */
const FLOWS: readonly (readonly [heading: string, rule: string])[] = [
  ["gateway to apps", "kf/ingress-gateway"],
  ["buildpacks from the Internet", "kf/buildpacks"],
  ["apps to apps", "kf/east-west"],
  ["DNS", "kf/dns"],
  ["registries", "kf/registry"],
  ["the VPC", "kf/vpc"],
  ["Google services", "kf/google-apis"],
  ["Workload Identity", "kf/workload-identity"],
];

const CLASSES = ["app", "build"] as const;
const COMBINATIONS: readonly Values[] = (["PermitAll", "DenyAll"] as const).flatMap((ingress) => (["PermitAll", "DenyAll"] as const).map((egress) => ({ ingress, egress })));

/** Rows of Markdown, one for each of the eight combinations. */
export function kfTable(): string {
  const packs = shippedPacks({ vpcCidrs: ["10.132.0.0/20"] });
  const rows = CLASSES.flatMap((which) => {
    const needed = new Set(broken(which, DENY, packs));
    return COMBINATIONS.map((values) => {
      const cut = new Set(broken(which, values, packs));
      const cells = FLOWS.map(([, rule]) => (needed.has(rule) ? (cut.has(rule) ? "**cut**" : "works") : "–"));
      return `| ${which} | ${values.ingress} | ${values.egress} | ${cells.join(" | ")} |`;
    });
  });
  return [`| class | ingress | egress | ${FLOWS.map(([heading]) => heading).join(" | ")} |`, `|---|---|---|${"---|".repeat(FLOWS.length)}`, ...rows].join("\n");
}

/** A flow that DenyAll of a class does not break is none of that class: the other class has PermitAll. */
function broken(which: (typeof CLASSES)[number], values: Values, packs: CompiledPacks): string[] {
  const space = which === "app" ? spaceOf("my-space", values, PERMIT) : spaceOf("my-space", PERMIT, values);
  return brokenRules(snapshotOf(...system(), ...space), packs, "my-space");
}

/** The document with the table in its place. */
export function withTable(document: string, table: string): string {
  const [before, rest] = document.split(`${START}\n`);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/kf.md has no \`${START}\` and \`${END}\``);
  return `${before}${START}\n${table}\n${END}${after}`;
}
