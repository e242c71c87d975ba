import { dirname, isAbsolute, join } from "node:path";
import { groupOf, type KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Place, type Problem, type Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import type { CompiledPacks } from "../packs/compile.js";
import { isException } from "../packs/exception.js";
import { isPackTest, parsePackTest, type PackTest, type TestCase } from "../packs/pack-test.js";
import { loadManifests, loadState, readFacts, type Manifests } from "./files.js";
import { objectPart, readParts, type PackPart } from "./pack-parts.js";
import { composePacks, type PackSource } from "./packs.js";

/** One case, ready to be run. */
export interface LoadedCase {
  readonly test: string;
  readonly case: TestCase;
  readonly packs: CompiledPacks;
  readonly source: PackSource;
  /** The packs under test; those beside them are not. */
  readonly tested: ReadonlySet<KubeObject>;
  readonly snapshot: Snapshot;
  /** Where a path of the test's object stands. */
  locate(path: string): Place | undefined;
}

export interface LoadedTests {
  readonly cases: readonly LoadedCase[];
  /** What in a state looks wrong. */
  readonly warnings: readonly Problem[];
  /** Where a path of a pack stands. */
  locatePack(pack: KubeObject, path?: string): Place | undefined;
}

/** Reads the tests in files and folders (recursively), with their packs and states. `packs`: the packs of tests that name none. */
export async function loadPackTests(paths: readonly string[], packs: string): Promise<Result<LoadedTests>> {
  const manifests = await loadManifests(paths);
  if (!manifests.ok) return manifests;
  const { objects, locate } = manifests.value;
  const tests = objects.filter(isPackTest);
  const problems = [...unknownKinds(manifests.value), ...sameNames(tests, locate)];
  if (tests.length === 0) problems.push({ code: "test/none", message: `no RulePackTest of \`sluice.dev/v1alpha1\` in ${paths.join(", ")}`, path: "" });
  const reader = new TestReader(packs);
  for (const object of tests) problems.push(...(await reader.read(object, locate)));
  return problems.length > 0 ? failed(...problems) : ok(reader);
}

const KINDS = ["RulePack", "RulePackTest", "PackOverlay", "PolicyException"];

/** A misspelt kind would be a test that never runs. */
function unknownKinds({ objects, locate }: Manifests): Problem[] {
  return objects
    .filter(({ apiVersion, kind }) => groupOf(apiVersion) === "sluice.dev" && !KINDS.includes(kind))
    .map((object) => placed({ code: "test/kind", message: `unknown kind \`${object.kind}\` of \`sluice.dev\`; known are ${KINDS.join(", ")}`, path: "kind" }, locate(object, "kind")));
}

/** Failures are told by name. */
function sameNames(tests: readonly KubeObject[], locate: Manifests["locate"]): Problem[] {
  const names = tests.map(({ metadata }) => metadata.name);
  return tests.filter((_, i) => names.indexOf(names[i]) < i).map((object) => placed({ code: "test/twice", message: `two tests are named \`${object.metadata.name ?? ""}\``, path: "metadata.name" }, locate(object, "metadata.name")));
}

function placed(problem: Problem, place: Place | undefined): Problem {
  return place && !problem.place ? { ...problem, place } : problem;
}

/** Tests share packs and states: each is read once. */
class TestReader implements LoadedTests {
  readonly cases: LoadedCase[] = [];
  readonly warnings: Problem[] = [];
  private readonly defaults: string;
  private readonly parts = new Map<string, Promise<Result<readonly PackPart[]>>>();
  private readonly states = new Map<string, ReturnType<typeof loadState>>();
  private readonly located: Manifests["locate"][] = [];
  private readonly composed = new Map<string, ReturnType<typeof composePacks>>();

  constructor(defaults: string) {
    this.defaults = defaults;
  }

  /** Adds the cases of a test; answers what keeps it from being run. */
  async read(object: KubeObject, locateIn: Manifests["locate"]): Promise<readonly Problem[]> {
    const locate = (path: string): Place | undefined => locateIn(object, path);
    const test = parsePackTest(object);
    if (!test.ok) return test.problems.map((problem) => placed(problem, locate(problem.path)));
    const folder = dirname(locate("")?.file ?? ".");
    // One after the other: most cases use the packs that the first one has composed.
    const problems: Problem[] = [];
    for (const one of test.value.cases) problems.push(...(await this.readCase(test.value, one, { folder, locate })));
    return problems;
  }

  private async readCase(test: PackTest, one: TestCase, { folder, locate }: { readonly folder: string; readonly locate: LoadedCase["locate"] }): Promise<readonly Problem[]> {
    const tested = test.packs ? test.packs.map((path) => below(folder, path)) : [this.defaults];
    const [composed, state] = [await this.compose([...tested, ...test.beside.map((path) => below(folder, path))], one), await this.state(one.state.files.map((path) => below(folder, path)))];
    const inline = readFacts(one.state.objects, () => locate(`${one.path}.state`) ?? locate("spec.state"));
    if (!composed.ok || !state.ok) return [...ofCase(composed, one, locate), ...(state.ok ? [] : state.problems.map((problem) => placed(problem, locate(`${one.path}.state`))))];
    this.warnings.push(...state.value.warnings, ...inline.problems);
    const { packs: compiled, source } = composed.value;
    this.cases.push({ test: test.name, case: one, packs: compiled, source, tested: await this.objectsOf(tested), snapshot: state.value.snapshot.with(inline.facts.map((put) => ({ put }))), locate });
    return [];
  }

  private async compose(paths: readonly string[], { name, choices, state }: TestCase): Promise<ReturnType<typeof composePacks>> {
    const exceptions = state.objects.filter(isException);
    const key = JSON.stringify([paths, choices, exceptions]);
    const known = this.composed.get(key);
    if (known) return known;
    const read = await Promise.all(paths.map((path) => this.partsOf(path)));
    const problems = read.flatMap((parts) => (parts.ok ? [] : parts.problems));
    if (problems.length > 0) return failed(...problems);
    const parts = read.flatMap((one) => (one.ok ? one.value : []));
    this.located.push(...parts.flatMap(({ content }) => (content.ok ? [content.value.locate] : [])));
    const chosen: KubeObject = { apiVersion: "sluice.dev/v1alpha1", kind: "PackOverlay", metadata: { name: "test" }, spec: { ...choices } };
    const made = composePacks([...parts, objectPart(name, [...exceptions, chosen])], { packs: this.defaults, set: [] });
    if (made.ok) this.warnings.push(...made.value.warnings);
    this.composed.set(key, made);
    return made;
  }

  private async objectsOf(paths: readonly string[]): Promise<ReadonlySet<KubeObject>> {
    const read = await Promise.all(paths.map((path) => this.partsOf(path)));
    return new Set(read.flatMap((parts) => (parts.ok ? parts.value : [])).flatMap(({ content }) => (content.ok ? content.value.objects : [])));
  }

  private partsOf(path: string): Promise<Result<readonly PackPart[]>> {
    const known = this.parts.get(path) ?? readParts({ packs: path, set: [] });
    this.parts.set(path, known);
    return known;
  }

  private state(files: readonly string[]): ReturnType<typeof loadState> {
    const key = JSON.stringify(files);
    const known = this.states.get(key) ?? loadState(files);
    this.states.set(key, known);
    return known;
  }

  locatePack(pack: KubeObject, path?: string): Place | undefined {
    return this.located.map((locate) => locate(pack, path)).find((place) => place !== undefined);
  }
}

function below(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

/** Problems of the choices have their path in an overlay; those of a pack have a place already. */
function ofCase(composed: ReturnType<typeof composePacks>, { path }: TestCase, locate: LoadedCase["locate"]): readonly Problem[] {
  if (composed.ok) return [];
  return composed.problems.map((problem) => (problem.place ? problem : placed(problem, locate(problem.path.replace(/^spec/, path)) ?? locate(path))));
}
