import type { Config } from "../config.js";
import type { CompiledPacks, CompiledRule } from "../packs/compile.js";
import { loadPacks } from "../sources/packs.js";
import { jsonText, unwrap, type Command, type Outcome } from "./command.js";

/** What is in force. */
export const command: Command = {
  name: "rules",
  description: "Lists the rules, parameters and profile that are in force with these packs and settings.",
  arguments: [],
  options: ["packs", "profile", "set"],
  formats: ["text", "json"],
  example: "sluice rules --set holdPods=flows",
  run,
};

async function run(config: Config): Promise<Outcome> {
  const { packs, digest } = unwrap(await loadPacks(config), "the rule packs cannot be used");
  return { output: config.format === "json" ? jsonText(asJson(packs, digest)) : asText(packs, digest, config.color), exitCode: 0 };
}

function asJson(packs: CompiledPacks, digest: string): object {
  return {
    digest,
    profile: packs.profile,
    parameters: Object.fromEntries(packs.parameters),
    baselines: [...packs.baselines.keys()],
    rules: packs.rules.map(({ id, failureMode, unproven, entry }) => ({
      id,
      check: entry.check,
      enforcementAction: entry.enforcementAction,
      ...(entry.hold === undefined ? {} : { hold: entry.hold }),
      failureMode,
      unproven,
      ...(entry.description === undefined ? {} : { description: entry.description }),
    })),
  };
}

function asText(packs: CompiledPacks, digest: string, color: boolean): string {
  const bold = (text: string): string => (color ? `\u001b[1m${text}\u001b[0m` : text);
  const width = Math.max(0, ...packs.rules.map(({ id }) => id.length));
  const lines = packs.names.flatMap((name) => [
    bold(`pack ${name}`),
    ...packs.rules.filter(({ pack }) => pack === name).map((rule) => ruleLine(rule, width)),
    ...settingLines("parameters", packs.parameters.get(name) ?? {}),
    "",
  ]);
  return `${[...lines, bold("profile"), ...settingLines("switches", packs.profile), "", `digest ${digest}`].join("\n")}\n`;
}

function ruleLine({ id, entry }: CompiledRule, width: number): string {
  const hold = entry.hold === undefined || entry.hold === "off" ? "" : `, holds pods (${entry.hold})`;
  const description = entry.description === undefined ? "" : `: ${entry.description}`;
  return `  ${id.padEnd(width)}  ${entry.enforcementAction}${hold}${description}`;
}

function settingLines(title: string, values: Readonly<Record<string, unknown>>): readonly string[] {
  const entries = Object.entries(values);
  return entries.length === 0 ? [] : [`  ${title}`, ...entries.map(([name, value]) => `    ${name}: ${valueText(value)}`)];
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "(none)" : value.join(", ");
  return value === "" ? "(none)" : String(value);
}
