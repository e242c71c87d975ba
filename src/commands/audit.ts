import { dump } from "js-yaml";
import { version, WrongUse, type Config } from "../config.js";
import type { KubeObject, ObjectRef } from "../model/kubernetes.js";
import { ruleId } from "../model/violation.js";
import type { CompiledPacks } from "../packs/compile.js";
import { chosen, FINDINGS_REPORTS } from "../reports/index.js";
import { objectName, printable, type Finding } from "../reports/report.js";
import { adoptions } from "../review/adoption.js";
import { differenceOf } from "../review/audit-difference.js";
import { audit, type Audit } from "../review/audit.js";
import type { LoadedState } from "../sources/files.js";
import { openState } from "../sources/state.js";
import { connectionsToDraw } from "../views/connections.js";
import { jsonText, noteProblems, readPacks, surveyOptions, unwrap, type Command, type Outcome, type Session } from "./command.js";

/** The rules on a cluster as it stands. */
export const command: Command = {
  name: "audit",
  description:
    "Asks every rule about every namespace, policy, pod and template as they stand: the verdicts, exceptions and texts of admission.\n" +
    "JSON says whether it is `complete`, and else for which `reasons`. Exit code 1 when something would be refused.\n" +
    "--compare tells what these packs refuse, warn about or free that others do not; --adopt prints exceptions for namespaces that are older than the rules.",
  arguments: ["[path...]"],
  options: ["state", "cluster", "packs", "compare", "adopt", "owner", "reason", "expires", "profile", "set"],
  formats: Object.keys(FINDINGS_REPORTS),
  example: "sluice audit examples/lab -o json",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  const packs = await packsOf(config, session);
  const state = unwrap(await openState({ files: [...config.paths, ...config.state], cluster: config.cluster, kinds: packs.watches, partly: true }), "the state cannot be read");
  noteProblems(session, state.warnings);
  const found = auditOf(state, packs, session);
  if (config.compare !== undefined) return compared(found, auditOf(state, await packsOf({ ...config, packs: config.compare }, session), session), config);
  if (config.adopt) return adopted(found, state, config);
  const { violations, warnings, reasons, checked } = found;
  const findings = violations.map((violation): Finding => {
    const place = state.locate(named(violation.object), violation.path);
    return { violation, ...(place ? { place } : {}) };
  });
  const drawn = config.format === "html" ? { connections: connectionsToDraw(state.snapshot, surveyOptions(packs.profile)) } : {};
  const output = chosen(FINDINGS_REPORTS, config.format)({ findings, warnings, notes: [], checked, reasons, ...drawn }, { color: config.color, version: version() });
  return { output, exitCode: violations.some(({ action }) => action === "deny") ? 1 : 0 };
}

async function packsOf(config: Config, session: Session): Promise<CompiledPacks> {
  return (await readPacks({ ...config, point: "audit" }, session)).packs;
}

function auditOf({ snapshot, warnings }: LoadedState, packs: CompiledPacks, session: Session): Audit {
  const found = audit({ snapshot, packs, now: Date.now() }, { progress: (done, total) => session.progress(done, total) });
  const unread = warnings.filter(({ code }) => code === "policy/unread-kind" || code === "cluster/unreadable").map(({ message }) => message);
  return { ...found, reasons: [...new Set([...found.reasons, ...unread])] };
}

/** Objects are found in their files by name. */
function named({ group, kind, namespace, name }: ObjectRef): KubeObject {
  return { apiVersion: group === "" ? "v1" : `${group}/v1`, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } };
}

function compared(now: Audit, old: Audit, { format }: Config): Outcome {
  const difference = differenceOf(old.violations, now.violations);
  const reasons = [...new Set([...old.reasons, ...now.reasons])];
  const exitCode = difference.denied.length > 0 ? 1 : 0;
  if (format === "json") return { output: jsonText({ complete: reasons.length === 0, reasons, ...difference }), exitCode };
  if (format !== "text") throw new WrongUse("`--compare` is told as `-o text` or `-o json`");
  const lines = (["denied", "warned", "freed"] as const).flatMap((what) => [
    `${what === "freed" ? "freed" : `newly ${what}`}: ${difference[what].length}`,
    ...difference[what].map((violation) => `  [${ruleId(violation)}] ${objectName(violation)}: ${violation.message}`),
  ]);
  return { output: `${[...lines, ...reasons.map((reason) => `not complete: ${reason}`)].map(printable).join("\n")}\n`, exitCode };
}

/** PolicyExceptions on standard output, to be looked through and applied. */
function adopted({ violations }: Audit, { snapshot }: LoadedState, { owner, reason = "the namespace is older than Sluice", expires }: Config): Outcome {
  if (owner === undefined || expires === undefined) throw new WrongUse("`--adopt` needs `--owner WHO` and `--expires DATE`: somebody answers for each exception until then");
  const exceptions = unwrap(adoptions(violations, snapshot, { owner, reason, expires }), "the exceptions would not be granted");
  return { output: exceptions.map((object) => dump(object, { lineWidth: -1, noRefs: true })).join("---\n"), exitCode: 0 };
}
