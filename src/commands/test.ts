import { join } from "node:path";
import { RE2JS } from "re2js";
import { version, WrongUse, type Config } from "../config.js";
import type { Decision } from "../model/decision.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { CaseResult, Coverage, MutantName, Mutation as MutationResult } from "../model/test-result.js";
import { isPack } from "../packs/compile.js";
import { denialMessage, warningsOf } from "../reports/denial.js";
import { chosen, TESTS_REPORTS } from "../reports/index.js";
import { coverage, percentOf } from "../testing/coverage.js";
import { mutantsOf, type Mutant } from "../testing/mutants.js";
import { Mutation, type Subject } from "../testing/mutation.js";
import { Observations, observed } from "../testing/observe.js";
import { runCase, type Trial } from "../testing/run-case.js";
import { loadPackTests, type LoadedCase, type LoadedTests } from "../sources/pack-tests.js";
import { noteProblems, unwrap, type Command, type Outcome, type Session } from "./command.js";

/** The tests of rule packs. */
export const command: Command = {
  name: "test",
  description:
    "Runs every RulePackTest in files and folders (default: `tests/` of the packs folder): steps on a state, and what the packs must say of each.\n" +
    "--coverage tells what no test shows; --mutate changes the packs bit by bit and tells which changes no test notices.\n" +
    "Exit code 1 when an expectation is not met, a mutant survives, or coverage is below --require-coverage.",
  arguments: ["[path...]"],
  options: ["packs", "run", "coverage", "requireCoverage", "mutate", "within", "junit"],
  formats: Object.keys(TESTS_REPORTS),
  example: "sluice test policies/tests --coverage",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  const paths = config.paths.length > 0 ? config.paths : [join(config.packs, "tests")];
  const tests = unwrap(await loadPackTests(paths, config.packs), "the tests cannot be run");
  noteProblems(session, tests.warnings);
  const cases = wanted(tests.cases, config.run);
  const observations = new Observations();
  const wantsCoverage = config.coverage || config.requireCoverage !== undefined;
  const results = cases.map((one, i) => {
    session.progress(i, cases.length);
    return placed(runCase(wantsCoverage ? { ...trialOf(one), packs: observed(one.packs, observations) } : trialOf(one)), one);
  });
  const passed = results.every(({ failed }) => !failed);
  const shown = wantsCoverage ? withPlaces(coverage(packsOf(cases), observations, [...new Set(cases.flatMap(({ source }) => source.objects))]), cases, tests) : undefined;
  if (config.mutate && !passed) session.note("warning: no mutants are tried while tests fail");
  const mutation = config.mutate && passed ? mutate(cases, tests, { session, seconds: config.within }) : undefined;
  const report = chosen(TESTS_REPORTS, config.junit ? "junit" : config.format);
  const output = report({ results, ...(shown ? { coverage: shown } : {}), ...(mutation ? { mutation } : {}) }, { color: config.color, version: version() });
  const enough = !shown || config.requireCoverage === undefined || percentOf(shown) >= config.requireCoverage;
  const noticed = !mutation || (mutation.survivors.length === 0 && mutation.notRun === 0);
  return { output, exitCode: passed && enough && noticed ? 0 : 1 };
}

/** The cases that `--run` names; a regular expression that names none is a mistake. */
function wanted(cases: readonly LoadedCase[], pattern: string | undefined): readonly LoadedCase[] {
  if (pattern === undefined) return cases;
  const found = cases.filter(({ test, case: { name } }) => matcherOf(pattern).matcher(`${test}: ${name}`).find());
  if (found.length === 0) throw new WrongUse(`\`--run ${pattern}\` matches no case`);
  return found;
}

function matcherOf(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new WrongUse(`\`--run ${pattern}\` is no regular expression: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function trialOf({ test, case: one, packs, snapshot }: LoadedCase): Trial {
  return { test, case: one, packs, snapshot, now: one.now ?? Date.now(), words };
}

/** A decision as `kubectl` shows it. */
function words(decision: Decision): string {
  return [...(decision.allowed ? [] : [denialMessage(decision)]), ...warningsOf(decision).map((warning) => `warning: ${warning}`)].join("\n");
}

function placed(result: CaseResult, { case: { path }, locate }: LoadedCase): CaseResult {
  const { failed } = result;
  const place = locate(failed ? `${path}.steps[${failed.step - 1}]` : path);
  const failures = failed?.failures.map((failure) => {
    const stands = locate(failure.path);
    return stands ? { ...failure, place: stands } : failure;
  });
  return { ...result, ...(place ? { place } : {}), ...(failed && failures ? { failed: { ...failed, failures } } : {}) };
}

/** The packs under test, each once; one that extends others is another object than what was written. */
function packsOf(cases: readonly LoadedCase[]): readonly KubeObject[] {
  return [...new Set(cases.flatMap(({ source, tested }) => {
    const names = new Set([...tested].filter(isPack).map(({ metadata }) => metadata.name));
    return source.objects.filter((object) => isPack(object) && names.has(object.metadata.name));
  }))];
}

function withPlaces(found: Coverage, cases: readonly LoadedCase[], tests: LoadedTests): Coverage {
  const byName = new Map(packsOf(cases).map((pack) => [pack.metadata.name ?? "", pack]));
  const items = found.items.map((item) => {
    const pack = byName.get(item.pack);
    const place = pack && tests.locatePack(pack, item.path);
    return place ? { ...item, place } : item;
  });
  return { ...found, items };
}

interface Bounds {
  readonly session: Session;
  readonly seconds: number;
}

function mutate(cases: readonly LoadedCase[], tests: LoadedTests, { session, seconds }: Bounds): MutationResult {
  const mutation = new Mutation(cases.map((one): Subject => ({ trial: trialOf(one), source: one.source })));
  const mutants = packsOf(cases).flatMap((pack) => mutantsOf(pack).map((mutant) => ({ mutant, pack })));
  const end = Date.now() + seconds * 1000;
  const fates = { killed: 0, invalid: 0, notRun: 0 };
  const survivors: MutantName[] = [];
  for (const [i, { mutant, pack }] of mutants.entries()) {
    session.progress(i, mutants.length);
    const fate = Date.now() > end ? "notRun" : mutation.try(mutant, pack);
    if (fate === "survived") survivors.push(named(mutant, tests.locatePack(pack, mutant.path)));
    else fates[fate]++;
  }
  return { ...fates, survivors };
}

function named({ object: _changed, ...name }: Mutant, place: MutantName["place"]): MutantName {
  return place ? { ...name, place } : name;
}
