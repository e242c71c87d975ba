import { groupOf, type KubeObject } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import { isPack } from "../packs/compile.js";
import { idlePatterns, isException, parseException } from "../packs/exception.js";
import type { ExtendedPack } from "../packs/extend.js";
import { isOverlay, ruleIds } from "../packs/overlay.js";
import type { Manifests } from "./files.js";

export interface WholePacks {
  readonly packs: readonly ExtendedPack[];
  /** Packs with a rule that is asked. */
  readonly asked: ReadonlySet<string>;
}

/**
 * What is ignored of objects that packs are read from, or most likely is not meant, with its place: exceptions that are not granted,
 * patterns in them that fit no rule, kinds that nobody reads, packs in force beside one that is made of them.
 */
export function packWarnings({ objects, locate }: Pick<Manifests, "objects" | "locate">, whole: WholePacks): readonly Problem[] {
  const ids = [...ruleIds(whole.packs.map(({ object }) => object)), "sluice/readable"];
  return objects.flatMap((object) => {
    const problems = isException(object) ? exceptionWarnings(object, ids) : isPack(object) ? twiceAsked(object, whole) : isKnown(object) ? [] : [stranger(object)];
    return problems.map((problem) => ({ ...problem, ...placeOf(locate(object, problem.path)) }));
  });
}

function placeOf(place: Problem["place"]): Pick<Problem, "place"> {
  return place ? { place } : {};
}

function exceptionWarnings(object: KubeObject, ids: readonly string[]): readonly Problem[] {
  const exception = parseException(object);
  const [what, problems] = exception.problems.length > 0 ? ["is not granted", exception.problems] : ["does less than it says", idlePatterns(exception, ids)];
  return problems.map((problem) => ({ ...problem, message: `exception \`${exception.name}\` ${what}: ${problem.message}` }));
}

function twiceAsked({ metadata: { name } }: KubeObject, { packs, asked }: WholePacks): readonly Problem[] {
  const own = packs.find(({ object }) => object.metadata.name === name);
  const bases = own && asked.has(String(name)) ? own.lineage.slice(0, -1).filter((base) => asked.has(base)) : [];
  return bases.map((base) => ({
    code: "pack/twice-asked",
    message: `pack \`${base}\` is in force beside \`${String(name)}\`, which extends it: their rules are asked twice; give \`${base}\` \`inForce: false\`, or turn \`${base}/*\` off in an overlay`,
    path: "spec.extends",
  }));
}

function isKnown(object: KubeObject): boolean {
  return isPack(object) || isOverlay(object) || (groupOf(object.apiVersion) === "sluice.dev" && object.kind === "RulePackTest");
}

/** A slip in a kind must not make what it says disappear. */
function stranger({ apiVersion, kind }: KubeObject): Problem {
  return { code: "pack/stranger", message: `\`${kind}\` of \`${apiVersion}\` is neither a RulePack, a PackOverlay, a PolicyException nor a RulePackTest, and is not read`, path: "kind" };
}
