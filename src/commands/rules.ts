import { WrongUse, type Config } from "../config.js";
import { editorSchemas } from "../packs/editor-schema.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import type { FlowPeers } from "../rules/rule.js";
import type { Snapshot } from "../model/snapshot.js";
import { exceptionLines, exceptionsAsJson } from "./exceptions-selector.js";
import { newPack } from "./new-pack-selector.js";
import { effectiveText } from "./effective-selector.js";
import type { LoadedPacks } from "../sources/packs.js";
import { openState } from "../sources/state.js";
import { jsonText, readPacks, unwrap, type Command, type Outcome, type Session } from "./command.js";

/** What is in force. */
export const command: Command = {
  name: "rules",
  description:
    "Lists the rules, parameters and profile that are in force with these packs and settings, what gave a value that is no default, and which exceptions count until when.\n" +
    "--effective shows every value and where it came from. Weakest first: the packs that a pack extends from left to right, the pack itself, overlays in the packs folder by file name, --profile from left to right, --set.\n" +
    "`new NAME` writes a pack to begin with, a test that passes, and the schemas that editors complete and check them by.\n" +
    "With --state or --cluster also who the peers of each required flow are there: a flow whose peer is unknown is not checked.",
  arguments: ["[new]", "[name]"],
  options: ["packs", "profile", "set", "effective", "schema", "state", "cluster", "dir"],
  formats: ["text", "json"],
  example: "sluice rules --set holdPods=flows --state manifests/",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  if (config.schema !== undefined) return { output: jsonText(schemaOf(config.schema)), exitCode: 0 };
  const [verb, name] = config.paths;
  if (verb !== undefined) return newPack(verb, name, config.dir);
  const loaded = await readPacks(config, session);
  if (config.effective) return { output: config.format === "json" ? jsonText(loaded.effective()) : effectiveText(loaded.effective()), exitCode: 0 };
  const { state, cluster } = config;
  const snapshot = state.length > 0 || cluster ? unwrap(await openState({ files: state, cluster }), "the state cannot be read").snapshot : undefined;
  const there = snapshot ? detectedIn(snapshot, loaded) : loaded;
  const flows = snapshot ? flowsOn(snapshot, there.packs) : undefined;
  return { output: config.format === "json" ? jsonText(asJson(there, flows)) : asText(there, flows, config.color), exitCode: 0 };
}

/** The packs as the state makes them: what it tells of the profile is detected. */
function detectedIn(snapshot: Snapshot, loaded: LoadedPacks): LoadedPacks {
  const packs = packsIn(loaded.packs, snapshot);
  const detected = Object.keys(packs.profile).filter((name) => packs.profile[name] !== loaded.packs.profile[name]);
  return { ...loaded, packs, origins: new Map([...loaded.origins, ...detected.map((name): [string, string] => [name, "detected"])]) };
}

function schemaOf(kind: string): object {
  const schemas = editorSchemas();
  const found = schemas.find((schema) => schema.kind.toLowerCase() === kind.toLowerCase());
  if (!found) throw new WrongUse(`\`${kind}\` is no kind of Sluice's; one of ${schemas.map((schema) => schema.kind).join(", ")}`);
  return found.schema;
}

interface RuleFlow extends FlowPeers {
  readonly rule: string;
}

function flowsOn(snapshot: Snapshot, { rules }: CompiledPacks): readonly RuleFlow[] {
  return rules.flatMap(({ id, behaviour }) => (behaviour.protect?.peers?.(snapshot) ?? []).map((flow) => ({ rule: id, ...flow })));
}

function asJson({ packs, digest, overlays, origins }: LoadedPacks, flows: readonly RuleFlow[] | undefined): object {
  return {
    digest,
    overlays,
    origins: Object.fromEntries(origins),
    profile: packs.profile,
    parameters: Object.fromEntries(packs.parameters),
    baselines: [...packs.baselines.keys()],
    rules: packs.rules.map(({ id, failureMode, unproven, entry }) => ({
      id,
      check: entry.check,
      enforcementAction: entry.enforcementAction,
      ...(entry.hold === undefined ? {} : { hold: entry.hold }),
      ...(entry.enforcement && { enforcement: entry.enforcement }),
      ...(entry.severity && { severity: entry.severity }),
      failureMode,
      unproven,
      ...(entry.description === undefined ? {} : { description: entry.description }),
    })),
    exceptions: exceptionsAsJson(packs.exceptions, Date.now()),
    ...(flows && { flows: flows.map((flow) => ({ ...flow, checked: flow.peers.length > 0 })) }),
  };
}

function asText({ packs, digest, origins }: LoadedPacks, flows: readonly RuleFlow[] | undefined, color: boolean): string {
  const bold = (text: string): string => (color ? `\u001b[1m${text}\u001b[0m` : text);
  const width = Math.max(0, ...packs.rules.map(({ id }) => id.length));
  const lines = packs.names.flatMap((name) => [
    bold(`pack ${name}`),
    ...packs.rules.filter(({ pack }) => pack === name).map((rule) => ruleLine(rule, width)),
    ...settingLines("parameters", packs.parameters.get(name) ?? {}, (parameter) => origins.get(`${name}.${parameter}`)),
    "",
  ]);
  const profile = [bold("profile"), ...settingLines("switches", packs.profile, (name) => origins.get(name)), ""];
  const peers = flows ? [bold("required flows there"), ...flows.flatMap(flowLines), ""] : [];
  const excepted = exceptionLines(packs.exceptions, Date.now());
  const exceptions = excepted.length > 0 ? [bold("exceptions"), ...excepted, ""] : [];
  return `${[...lines, ...profile, ...exceptions, ...peers, `digest ${digest}`].join("\n")}\n`;
}

function flowLines({ rule, what, peers }: RuleFlow): readonly string[] {
  if (peers.length === 0) return [`  [${rule}] ${what}: not checked, no peer is known`];
  return [`  [${rule}] ${what}: ${peers.join(" or ")}`];
}

function ruleLine({ id, entry }: CompiledRule, width: number): string {
  const hold = entry.hold === undefined || entry.hold === "off" ? "" : `, holds pods (${entry.hold})`;
  const description = entry.description === undefined ? "" : `: ${entry.description}`;
  const elsewhere = Object.entries(entry.enforcement ?? {}).filter(([point]) => point !== "webhook").map(([point, action]) => `, ${action} in ${point}`);
  return `  ${id.padEnd(width)}  ${entry.enforcementAction}${hold}${elsewhere.join("")}${description}`;
}

function settingLines(title: string, values: Readonly<Record<string, unknown>>, originOf: (name: string) => string | undefined): readonly string[] {
  const entries = Object.entries(values);
  const lines = entries.map(([name, value]) => {
    const origin = originOf(name);
    return `    ${name}: ${valueText(value)}${origin === undefined ? "" : ` (${origin})`}`;
  });
  return entries.length === 0 ? [] : [`  ${title}`, ...lines];
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "(none)" : value.join(", ");
  return value === "" ? "(none)" : String(value);
}
