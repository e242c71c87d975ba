import { isRecord } from "../model/kubernetes.js";
import { failed, type Problem, type Result } from "../model/result.js";
import { manifestsOf, type Manifests } from "./files.js";
import { parseYaml } from "./yaml.js";

/** What a ConfigMap holds; the largest shipped pack has 25,000 bytes. */
const MAX_LENGTH = 1_048_576;
/** Values of one object, aliases written out: what a file of that size can hold without them. */
const MAX_VALUES = 200_000;
/** The shipped packs are 12 deep. */
const MAX_DEPTH = 64;

/** The manifests in the text of one file of the packs folder, unless its size or its shape would exhaust whoever reads on. */
export function packManifests(text: Result<string>, file: string): Result<Manifests> {
  if (!text.ok) return text;
  if (text.value.length > MAX_LENGTH) return failed({ code: "pack/too-large", message: `has ${text.value.length} characters, and ${MAX_LENGTH} is the most for a file of packs`, path: "", place: { file, line: 1, column: 1 } });
  const loaded = manifestsOf(text, file);
  if (!loaded.ok) return loaded;
  const { objects, locate } = loaded.value;
  const problems = [...repeatedKeys(text.value, file), ...objects.flatMap((object) => {
    const problem = shapeProblem(object);
    const place = problem && locate(object, problem.path);
    return problem ? [place ? { ...problem, place } : problem] : [];
  })];
  return problems.length > 0 ? failed(...problems) : loaded;
}

/** JSON readers keep the last of two equal keys and say nothing; as YAML the same text tells. */
function repeatedKeys(text: string, file: string): readonly Problem[] {
  return /^\s*[{[]/.test(text) ? parseYaml(text, file).problems : [];
}

/** What is too deep or too large, at the first place where it is so. Walks without recursion: depth is what it looks for. */
export function shapeProblem(object: unknown): Problem | undefined {
  const open: { readonly value: unknown; readonly path: string; readonly depth: number }[] = [{ value: object, path: "", depth: 0 }];
  for (let seen = 0; open.length > 0; seen++) {
    const { value, path, depth } = open.pop() as (typeof open)[number];
    if (seen > MAX_VALUES) return { code: "pack/too-large", message: `has more than ${MAX_VALUES} values once aliases are written out`, path };
    if (depth > MAX_DEPTH) return { code: "pack/too-deep", message: `is nested more than ${MAX_DEPTH} deep`, path };
    if (Array.isArray(value)) value.forEach((inner, i) => open.push({ value: inner, path: `${path}[${i}]`, depth: depth + 1 }));
    else if (isRecord(value)) for (const [key, inner] of Object.entries(value)) open.push({ value: inner, path: path === "" ? key : `${path}.${key}`, depth: depth + 1 });
  }
  return undefined;
}
