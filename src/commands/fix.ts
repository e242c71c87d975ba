import { WrongUse, type Config } from "../config.js";
import { fixFlow } from "../fix/fix.js";
import { holds, type ProofContext } from "../proof/prove.js";
import { kindKey, nameKey, refOf, type KubeObject } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import type { VerifiedFix } from "../model/violation.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import { fixYaml } from "../reports/fix-yaml.js";
import { breaksNothing } from "../review/verify-fix.js";
import type { Protection } from "../rules/rule.js";
import { factsOf, loadManifests } from "../sources/files.js";
import { loadPacks } from "../sources/packs.js";
import { engineProfile, jsonText, readProfile, readState, unwrap, type Command, type Outcome, type Session } from "./command.js";
import { flowsOf } from "./flow-selector.js";

/** The smallest change that makes a flow hold. */
export const command: Command = {
  name: "fix",
  description:
    "Prints policies after which a flow (--from, --to, --port), or every broken rule of the packs in force, is proven to hold.\n" +
    "For a change that was refused, name it by --with or --without: the policies are what it needs beside it.\n" +
    "Nothing is applied: pipe the result into `kubectl apply -f -`. Exit code 1 when something stays broken.",
  arguments: ["[path...]"],
  options: ["fromAll", "toAll", "traffic", "rule", "namespace", "applied", "deleted", "steps", "cluster", "packs", "profile", "set"],
  formats: ["text", "json"],
  example: "sluice fix manifests/ --from shop/web --to shop/db --port 5432",
  run,
};

/** What was broken, and what makes it hold; nothing when nothing was found. */
interface Repair {
  readonly what: string;
  readonly fix?: VerifiedFix;
}

const STEPS = 200_000;

async function run(config: Config, session: Session): Promise<Outcome> {
  const snapshot = await afterChange(config, (await readState(config, session)).snapshot);
  const repairs = asksFlow(config) ? await fixFlows(config, snapshot) : await fixRules(config, snapshot, session);
  for (const { what, fix } of repairs) session.note(`${fix ? "fixed" : "no fix found"}: ${what}`);
  if (repairs.length === 0) session.note("nothing is broken");
  const fix = together(repairs);
  const output = config.format === "json" ? jsonText({ repairs, ...fix }) : fixYaml(fix);
  return { output, exitCode: repairs.every((repair) => repair.fix) ? 0 : 1 };
}

/** The state as if the change that `--with` and `--without` name were made. */
async function afterChange({ applied, deleted }: Config, snapshot: Snapshot): Promise<Snapshot> {
  const manifests = applied.length > 0 ? unwrap(await loadManifests(applied), "the manifests of `--with` cannot be read") : undefined;
  const put = (manifests?.objects ?? []).flatMap(factsOf).map((fact) => ({ put: fact }));
  const remove = deleted.map((text) => {
    const found = [...snapshot.policies()].find(({ ref }) => [`${ref.kind}/${nameKey(ref)}`, `${kindKey(ref)}/${nameKey(ref)}`].includes(text));
    if (!found) throw new WrongUse(`\`--without ${text}\` names no policy of the state; write \`NetworkPolicy/namespace/name\``);
    return { remove: found.ref };
  });
  return snapshot.with([...put, ...remove]);
}

function asksFlow({ fromAll, toAll, rule, namespace }: Config): boolean {
  const asks = (fromAll ?? toAll) !== undefined;
  if (asks && (rule ?? namespace) !== undefined) throw new WrongUse("give a flow (`--from`, `--to`), or `--rule` and `--namespace`, not both");
  return asks;
}

async function fixFlows(config: Config, snapshot: Snapshot): Promise<readonly Repair[]> {
  const context: ProofContext = { profile: engineProfile(await readProfile(config)), budget: { steps: config.steps ?? STEPS } };
  return flowsOf(config, snapshot).flatMap(({ what, flow }): readonly Repair[] => {
    if (holds(snapshot, flow, context).answer === "proven") return [];
    const fix = fixFlow(snapshot, flow, { name: nameOf(config), context });
    return [{ what, ...(fix ? { fix } : {}) }];
  });
}

/** `db` for a flow to `shop/app=db` or `shop/db`: the policy is then called `allow-db-egress`. */
function nameOf({ toAll = "" }: Config): string {
  return /^[\da-f.:]*[.:][\da-f.:/]*$/i.test(toAll) ? "addresses" : toAll.replace(/^.*[/=]/, "");
}

/** Every broken rule, namespace by namespace; a fix of one may mend the next, so each is asked on what is fixed so far. */
async function fixRules(config: Config, snapshot: Snapshot, session: Session): Promise<readonly Repair[]> {
  const packs = packsIn(unwrap(await loadPacks(config), "the rule packs cannot be used").packs, snapshot);
  const rules = packs.rules.filter(({ id }) => config.rule === undefined || id === config.rule);
  if (rules.length === 0) throw new WrongUse(`no rule \`${config.rule ?? ""}\` is in force; \`sluice rules\` lists them`);
  const repairs: Repair[] = [];
  let now = snapshot;
  for (const [i, rule] of rules.entries()) {
    session.progress(i, rules.length);
    for (const repair of repairsOf(rule, now, { packs, namespace: config.namespace })) {
      repairs.push(repair);
      now = now.with(changesOf(repair.fix));
    }
  }
  return repairs;
}

interface Limits {
  readonly packs: CompiledPacks;
  readonly namespace: string | undefined;
}

function repairsOf({ id, behaviour: { protect } }: CompiledRule, snapshot: Snapshot, { packs, namespace }: Limits): readonly Repair[] {
  if (!protect) return [];
  return protect.allScopes(snapshot).flatMap((scope): readonly Repair[] => {
    if ("future" in scope || (namespace !== undefined && scope.name !== namespace)) return [];
    const broken = protect.standing(snapshot, scope).flatMap((outcome) => (outcome.outcome === "broken" ? [outcome.finding] : []));
    const [first] = broken;
    if (!first) return [];
    const own = broken.map(({ message, fix }) => ({ what: `[${id}] ${message}`, fix: harmless(fix?.(), snapshot, packs) }));
    if (own.every(isRepaired)) return own;
    const fix = baselineFor(protect, snapshot, { packs, name: scope.name });
    return [{ what: `[${id}] ${first.message}`, ...(fix ? { fix } : {}) }];
  });
}

function harmless(fix: VerifiedFix | undefined, snapshot: Snapshot, packs: CompiledPacks): VerifiedFix | undefined {
  return fix && breaksNothing(fix, snapshot, packs) ? fix : undefined;
}

function isRepaired(repair: { readonly what: string; readonly fix: VerifiedFix | undefined }): repair is { readonly what: string; readonly fix: VerifiedFix } {
  return repair.fix !== undefined;
}

/** The policies of the first baseline that makes the rule hold; those that are there already are left out. */
function baselineFor(protect: Protection, snapshot: Snapshot, { packs, name }: { readonly packs: CompiledPacks; readonly name: string }): VerifiedFix | undefined {
  for (const { policies } of packs.baselines.values()) {
    const placed = policies.map((policy): KubeObject => ({ ...policy, metadata: { ...policy.metadata, namespace: name } }));
    const fix: VerifiedFix = { apply: placed.filter((policy) => !snapshot.policy(refOf(policy))), remove: [] };
    const after = snapshot.with(changesOf(fix));
    if (fix.apply.length > 0 && protect.standing(after, after.namespace(name)).every(({ outcome }) => outcome === "holds")) return fix;
  }
  return undefined;
}

function changesOf(fix: VerifiedFix | undefined): Parameters<Snapshot["with"]>[0] {
  if (!fix) return [];
  return [...fix.remove.map((remove) => ({ remove })), ...fix.apply.flatMap(factsOf).map((put) => ({ put }))];
}

/** All fixes as one, each object once. */
function together(repairs: readonly Repair[]): VerifiedFix {
  const fixes = repairs.flatMap(({ fix }) => fix ?? []);
  const keyed = fixes.flatMap(({ apply }) => apply).map((object) => [`${kindKey(refOf(object))} ${nameKey(refOf(object))}`, object] as const);
  return { apply: [...new Map(keyed).values()], remove: fixes.flatMap(({ remove }) => remove) };
}
