import { Ajv, type ValidateFunction } from "ajv";
import { endOf } from "../model/instant.js";
import { groupOf, type KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Overrides } from "./overlay.js";
import { problemsOf } from "./parse.js";
import type { Switches } from "./profile.js";
import { ACTIONS, TEST_SCHEMA } from "./test-schema.js";
import { OWN_SCHEMA } from "./schema-parts.js";

/** `kind: RulePackTest`: what packs must say of changes to a cluster, written down. */
export interface PackTest {
  readonly name: string;
  /** Files and folders relative to the test's file; absent: the packs in force. */
  readonly packs?: readonly string[];
  /** In force too, but not under test. */
  readonly beside: readonly string[];
  readonly cases: readonly TestCase[];
}

/** One test: steps from a state, under some choices. */
export interface TestCase {
  readonly name: string;
  /** Where its steps stand: `spec`, or `spec.cases[2]`. */
  readonly path: string;
  readonly choices: Choices;
  readonly state: TestState;
  /** Milliseconds since 1970; absent: when it is run. */
  readonly now?: number;
  readonly steps: readonly TestStep[];
}

/** As in a `PackOverlay`, put over everything else. */
export interface Choices {
  readonly profile: Switches;
  readonly parameters: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly rules: Overrides;
}

export interface TestState {
  readonly files: readonly string[];
  readonly objects: readonly KubeObject[];
}

/** An object of the state. */
export interface NamedObject {
  /** `Kind`, or `Kind.group`. */
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface TestStep {
  readonly name?: string;
  readonly apply?: KubeObject | readonly KubeObject[];
  readonly delete?: NamedObject;
  readonly patch?: NamedObject & { readonly merge: Readonly<Record<string, unknown>> };
  readonly relabel?: NamedObject & { readonly labels: Readonly<Record<string, string | null>> };
  readonly as?: string | { readonly user: string; readonly groups?: readonly string[] };
  readonly dryRun?: boolean;
  readonly expect?: Expectation;
  readonly connectivity?: readonly ConnectivityClaim[];
}

export interface Expectation {
  readonly decision?: "admitted" | "refused";
  readonly violations?: readonly string[];
  readonly warnings?: readonly string[];
  readonly dryrun?: readonly string[];
  readonly exact?: boolean;
  readonly message?: string | readonly string[] | { readonly matches: string };
  readonly lacks?: string | readonly string[];
  readonly patch?: { readonly labels: Readonly<Record<string, string | null>> };
  readonly provisions?: readonly string[];
}

/** Either `from` and `to`, or one of them and all that may stand at the other end. */
export interface ConnectivityClaim {
  readonly from?: string | readonly string[];
  readonly to?: string | readonly string[];
  readonly port?: string | number;
  readonly reaches?: boolean;
  readonly onlyFrom?: readonly string[];
  readonly onlyTo?: readonly string[];
}

interface Draft {
  readonly packs?: readonly string[];
  readonly beside?: readonly string[];
  readonly profile?: Choices["profile"];
  readonly parameters?: Choices["parameters"];
  readonly rules?: Choices["rules"];
  readonly state?: Partial<TestState>;
  readonly now?: string;
  readonly steps?: readonly TestStep[];
  readonly cases?: readonly (Draft & { readonly name: string; readonly steps: readonly TestStep[] })[];
}

let validate: ValidateFunction | undefined;

/** The tests among these objects. */
export function isPackTest(object: KubeObject): boolean {
  return groupOf(object.apiVersion) === "sluice.dev" && object.kind === "RulePackTest";
}

/** Reads a test; a case's choices go over those of the whole, and its state is added. */
export function parsePackTest(object: KubeObject): Result<PackTest> {
  validate ??= new Ajv(OWN_SCHEMA).compile(TEST_SCHEMA);
  if (!validate(object)) return failed(...problemsOf(validate));
  const name = String(object.metadata.name);
  const spec = object.spec as Draft;
  const cases = (spec.cases ?? []).map((draft, i) => caseOf(draft.name, `spec.cases[${i}]`, [spec, draft]));
  const all = spec.steps ? [caseOf(name, "spec", [spec])] : cases;
  const problems = [...all.flatMap(caseProblems), ...twice(all)];
  return problems.length > 0 ? failed(...problems) : ok({ name, ...(spec.packs ? { packs: spec.packs } : {}), beside: spec.beside ?? [], cases: all });
}

function caseOf(name: string, path: string, drafts: readonly Draft[]): TestCase {
  const written = drafts.flatMap(({ now = [] }) => now).at(-1);
  const now = written === undefined ? undefined : instantOf(written);
  return {
    name,
    path,
    ...(now === undefined ? {} : { now }),
    choices: {
      profile: Object.assign({}, ...drafts.map(({ profile }) => profile)) as Choices["profile"],
      parameters: drafts.reduce<Choices["parameters"]>((all, { parameters = {} }) => byPack(all, parameters), {}),
      rules: Object.assign({}, ...drafts.map(({ rules }) => rules)) as Choices["rules"],
    },
    state: { files: drafts.flatMap(({ state }) => state?.files ?? []), objects: drafts.flatMap(({ state }) => state?.objects ?? []) },
    steps: drafts.flatMap(({ steps }) => steps ?? []),
  };
}

/** Of a date, its last millisecond; NaN for what is neither date nor date-time. */
function instantOf(text: string): number {
  const end = endOf(text);
  return end === undefined ? NaN : text.length === DATE_LENGTH ? end - 1 : end;
}

const DATE_LENGTH = "2026-01-31".length;

function byPack(under: Choices["parameters"], over: Choices["parameters"]): Choices["parameters"] {
  return { ...under, ...Object.fromEntries(Object.entries(over).map(([pack, values]) => [pack, { ...under[pack], ...values }])) };
}

function caseProblems({ steps, path, now }: TestCase): readonly Problem[] {
  const time: readonly Problem[] = Number.isNaN(now) ? [{ code: "test/now", message: "`now` is neither an RFC 3339 date nor a date-time", path: `${path}.now` }] : [];
  return [...time, ...steps.flatMap((step, i): readonly Problem[] => {
    const actions = ACTIONS.filter((action) => step[action] !== undefined);
    const at = `${path}.steps[${i}]`;
    if (actions.length > 1) return [{ code: "test/actions", message: `a step does one thing, not ${actions.map((one) => `\`${one}\``).join(" and ")}`, path: at }];
    if (actions.length === 1) return [];
    if (step.expect) return [{ code: "test/actions", message: `nothing to expect: the step changes nothing; give one of ${ACTIONS.map((one) => `\`${one}\``).join(", ")}`, path: `${at}.expect` }];
    return step.connectivity ? [] : [{ code: "test/actions", message: "the step neither changes nor asks anything", path: at }];
  })];
}

/** Failures are told by name. */
function twice(cases: readonly TestCase[]): readonly Problem[] {
  return cases.flatMap(({ name, path }, i) => (cases.findIndex((other) => other.name === name) < i ? [{ code: "test/twice", message: `two cases are named \`${name}\``, path: `${path}.name` }] : []));
}
