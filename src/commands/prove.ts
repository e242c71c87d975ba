import { WrongUse, type Config } from "../config.js";
import { describeCounterexample, describeEndpoint, describePoint } from "../proof/describe.js";
import { equivalent, implies } from "../proof/implies.js";
import { isolated } from "../proof/prove-isolation.js";
import { excludes, holds, type ProofContext } from "../proof/prove.js";
import { blamed, type Counterexample, type Proof } from "../proof/question.js";
import { isRecord, nameKey, type KubeObject } from "../model/kubernetes.js";
import { DIRECTIONS } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { printable } from "../reports/report.js";
import type { Outcome as Standing } from "../rules/rule.js";
import { parseDocuments } from "../sources/documents.js";
import { readText } from "../sources/files.js";
import { loadPacks } from "../sources/packs.js";
import { openState } from "../sources/state.js";
import { engineProfile, jsonText, noteProblems, readProfile, readState, unwrap, type Command, type Outcome, type Session } from "./command.js";
import { flowsOf, namespaceSpace } from "./flow-selector.js";

/** Questions over every pod that runs or could be created. */
export const command: Command = {
  name: "prove",
  description:
    "Proves that traffic is always possible (or with --forbid: never), at both ends, for every pod that runs or could be created.\n" +
    "Asks for --from and --to (and --port), for the flows of a file (--flow), for default deny in a namespace (--isolated),\n" +
    "or whether one set of manifests allows what another one allows (--implies, --equivalent).\n" +
    "Exit code 1 with a counterexample, or when the proof does not end within its budget.",
  arguments: ["[path...]"],
  options: ["fromAll", "toAll", "traffic", "forbid", "flow", "isolated", "implies", "equivalent", "steps", "cluster", "packs", "profile", "set"],
  formats: ["text", "json"],
  example: "sluice prove manifests/ --forbid --from '*' --to data/app=db --port 5432",
  run,
};

interface Answer {
  readonly question: string;
  readonly answer: Proof["answer"];
  readonly steps?: number;
  /** In words: who, to whom, on which port, denied or allowed by what. */
  readonly counterexample?: string;
  readonly connection?: object;
}

const STEPS = 200_000;

async function run(config: Config, session: Session): Promise<Outcome> {
  const context: ProofContext = { profile: engineProfile(await readProfile(config)), budget: { steps: config.steps ?? STEPS } };
  const { snapshot } = await readState(config, session);
  const other = config.implies ?? config.equivalent;
  const answers = other === undefined ? await ask(config, snapshot, context) : [askOther(config, { snapshot, other: await readOther(other, session) }, context)];
  const output = config.format === "json" ? jsonText(answers) : answers.map(asText).join("");
  return { output, exitCode: answers.every(({ answer }) => answer === "proven") ? 0 : 1 };
}

async function ask(config: Config, snapshot: Snapshot, context: ProofContext): Promise<readonly Answer[]> {
  const { isolated: namespace, flow: file, forbid } = config;
  if (namespace !== undefined) return [askIsolation(namespace, snapshot, context)];
  if (file === undefined) return askFlows(config, snapshot, context);
  return askFile(config, { file, check: forbid ? "forbid-flow" : "require-flow" }, snapshot);
}

async function readOther(path: string, session: Session): Promise<Snapshot> {
  const { snapshot, warnings } = unwrap(await openState({ files: [path], cluster: false }));
  noteProblems(session, warnings);
  return snapshot;
}

function askOther({ paths, implies: path, equivalent: same }: Config, { snapshot, other }: { readonly snapshot: Snapshot; readonly other: Snapshot }, context: ProofContext): Answer {
  const own = paths.length === 0 ? "the cluster" : paths.join(", ");
  if (same === undefined) return answerOf(`all that ${own} allows is allowed by ${path ?? ""}`, implies(snapshot, other, { context }), (found) => `${describeAllowed(found)} only by ${own}`);
  const proof = equivalent(snapshot, other, { context });
  return answerOf(`${own} and ${same} allow the same`, proof, (found) => `${describeAllowed(found)} only by ${proof.allowedBy === "b" ? same : own}`);
}

function askIsolation(namespace: string, snapshot: Snapshot, context: ProofContext): Answer {
  const proof = isolated(snapshot, { space: namespaceSpace(namespace, snapshot), directions: DIRECTIONS, context });
  return answerOf(`every pod of ${namespace} is isolated in both directions`, proof, describeCounterexample);
}

function askFlows(config: Config, snapshot: Snapshot, context: ProofContext): readonly Answer[] {
  return flowsOf(config, snapshot).map(({ what, flow }) => {
    if (!config.forbid) return answerOf(`always: ${what}`, holds(snapshot, flow, context), describeCounterexample);
    return answerOf(`never: ${what}`, excludes(snapshot, flow, context), describeAllowed);
  });
}

function describeAllowed({ connection, subject }: Counterexample): string {
  if (!connection) return `\`${subject.namespace}/${subject.name}\` is a counterexample`;
  const { src, dst, traffic } = connection;
  return `${describeEndpoint(src)} to ${describeEndpoint(dst)} on ${describePoint(traffic)}: allowed`;
}

function answerOf(question: string, proof: Proof, describe: (found: Counterexample) => string): Answer {
  const { answer, steps } = proof;
  if (proof.answer !== "counterexample") return { question, answer, steps };
  return { question, answer, steps, counterexample: describe(proof.counterexample), ...connectionOf(proof.counterexample) };
}

function connectionOf({ connection, subject }: Counterexample): { readonly connection?: object } {
  if (!connection) return {};
  const { src, dst, traffic, verdict } = connection;
  const policies = blamed(verdict).map(({ ref }) => nameKey(ref));
  const shut = { egressAllowed: verdict.egress.allowed, ingressAllowed: verdict.ingress.allowed };
  return { connection: { src: describeEndpoint(src), dst: describeEndpoint(dst), traffic: describePoint(traffic), ...shut, policies, subjectLabels: subject.labels, origin: subject.origin } };
}

/** The file's flows are one rule of a pack of their own, beside the packs in force, whose names they may use. */
async function askFile(config: Config, { file, check }: { readonly file: string; readonly check: string }, snapshot: Snapshot): Promise<readonly Answer[]> {
  const { packs } = unwrap(await loadPacks(config, [await readFlows(file, check)]));
  const protect = packs.rules.find(({ pack }) => pack === OWN)?.behaviour.protect;
  if (!protect) throw new WrongUse(`no flow of \`${file}\` applies with this profile`);
  return protect.allScopes(snapshot).flatMap((scope) => {
    const who = "future" in scope ? "(a future namespace)" : scope.name;
    return protect.standing(snapshot, scope).map((standing, i) => standingAnswer(`flow ${i + 1} of ${who}`, standing));
  });
}

const OWN = "asked";

async function readFlows(file: string, check: string): Promise<KubeObject> {
  const { documents, problems } = parseDocuments(unwrap(await readText(file)), file);
  if (problems.length > 0) throw new WrongUse("", problems);
  const flows = documents.flatMap(({ value }) => (isRecord(value) && Array.isArray(value["flows"]) ? (value["flows"] as unknown[]) : [value]));
  const rule = { id: "flow", check, enforcementAction: "deny", with: { flows } };
  return { apiVersion: "sluice.dev/v1alpha1", kind: "RulePack", metadata: { name: OWN }, spec: { rules: [rule] } };
}

function standingAnswer(question: string, standing: Standing): Answer {
  if (standing.outcome === "holds") return { question, answer: "proven" };
  if (standing.outcome === "unproven") return { question: `${question}: ${standing.message}`, answer: "not-proven" };
  const { message, counterexample } = standing.finding;
  return { question: `${question}: ${message}`, answer: "counterexample", ...(counterexample === undefined ? {} : { counterexample }) };
}

function asText({ question, answer, counterexample }: Answer): string {
  const words = answer === "not-proven" ? "not proven within the budget" : answer;
  return `${words}: ${printable(question)}\n${counterexample === undefined ? "" : `  ${printable(counterexample)}\n`}`;
}
