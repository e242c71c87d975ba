import type { Environment } from "@marcbachmann/cel-js";
import type { OwnerReference } from "../model/kubernetes.js";
import { compilePattern, type Pattern } from "../model/pattern.js";
import { ENGINE_STEPS, spend } from "./meter.js";
import { asRecord, readable } from "./readable.js";

/** The engine, as expressions ask it. Ends and ports are as `CEL_FUNCTIONS` describes them; what cannot be read throws. */
export interface ClusterQuestions {
  /** May `src` send to `dst` on the port after the change, at both ends? `before`: likewise before it. */
  allowed(src: unknown, dst: unknown, port: unknown, when: "before" | "after"): boolean;
  /** Does a policy isolate the pod in the direction (in both, when none is named) after the change? */
  isolated(pod: unknown, direction: string | undefined): boolean;
}

/** One function that expressions may call, for the reference. */
export interface CelFunction {
  readonly signature: string;
  readonly description: string;
  readonly example: string;
}

interface Implemented extends CelFunction {
  // Arguments are as the signature says; the library checks them.
  run(...args: never[]): unknown;
}

let asked: ClusterQuestions | undefined;

/** Runs a function whose expressions may ask this engine. */
export function asking<T>(questions: ClusterQuestions | undefined, run: () => T): T {
  const outer = asked;
  asked = questions;
  try {
    return run();
  } finally {
    asked = outer;
  }
}

function engine(): ClusterQuestions {
  spend(ENGINE_STEPS);
  if (!asked) throw new Error("there is no cluster to ask here");
  return asked;
}

/** Every function beside those of CEL itself. */
const FUNCTIONS: readonly Implemented[] = [
  { signature: "label(dyn, string): string", description: "the value of a label; empty where the object is null or lacks it", example: "label(object, 'zone') == 'data'", run: (object: unknown, key: string) => valueOf(labelsOf(object), key) },
  { signature: "hasLabel(dyn, string): bool", description: "does the object carry the label?", example: "hasLabel(object, 'zone')", run: (object: unknown, key: string) => Object.hasOwn(labelsOf(object), key) },
  { signature: "annotation(dyn, string): string", description: "the value of an annotation; empty where the object is null or lacks it", example: "annotation(object, 'owner') != ''", run: (object: unknown, key: string) => valueOf(metadata(object, "annotations"), key) },
  { signature: "hasAnnotation(dyn, string): bool", description: "does the object carry the annotation?", example: "hasAnnotation(object, 'owner')", run: (object: unknown, key: string) => Object.hasOwn(metadata(object, "annotations"), key) },
  { signature: "controlledBy(dyn, string, string): bool", description: "is the controlling owner of this API group and kind (`*`: any)?", example: "controlledBy(object, 'apps', 'ReplicaSet')", run: (object: unknown, group: string, kind: string) => ownerOf(object, group, kind) !== undefined },
  { signature: "ownedBy(dyn, string, string): bool", description: "is some owner of this API group and kind (`*`: any)?", example: "ownedBy(object, 'batch', '*')", run: (object: unknown, group: string, kind: string) => owners(object).some((owner) => isOf(owner, group, kind)) },
  { signature: "controllerName(dyn, string, string): string", description: "the name of the controlling owner of this API group and kind; empty for none", example: "controllerName(object, 'apps', 'ReplicaSet')", run: (object: unknown, group: string, kind: string) => ownerOf(object, group, kind)?.name ?? "" },
  { signature: "merge(dyn, dyn): dyn", description: "the entries of two maps; the second wins", example: "merge(object.metadata.labels, {'zone': 'data'})", run: (first: unknown, second: unknown) => readable({ ...asRecord(first), ...asRecord(second) }) },
  { signature: "reaches(dyn, dyn, dyn): bool", description: "may the first end send to the second on the port once the change is made? Both ends count", example: "reaches('shop/web', 'shop/db', '5432/TCP')", run: (src: unknown, dst: unknown, port: unknown) => engine().allowed(src, dst, port, "after") },
  { signature: "opened(dyn, dyn, dyn): bool", description: "does the change make possible that the first end sends to the second on the port?", example: "!opened('10.0.0.1', object, 22)", run: (src: unknown, dst: unknown, port: unknown) => engine().allowed(src, dst, port, "after") && !engine().allowed(src, dst, port, "before") },
  { signature: "closed(dyn, dyn, dyn): bool", description: "does the change make impossible that the first end sends to the second on the port?", example: "!closed('shop/web', 'shop/db', 5432)", run: (src: unknown, dst: unknown, port: unknown) => !engine().allowed(src, dst, port, "after") && engine().allowed(src, dst, port, "before") },
  { signature: "isolated(dyn): bool", description: "do policies isolate the pod in both directions once the change is made?", example: "isolated(object)", run: (pod: unknown) => engine().isolated(pod, undefined) },
  { signature: "isolated(dyn, string): bool", description: "do policies isolate the pod in this direction, `ingress` or `egress`?", example: "isolated(object, 'ingress')", run: (pod: unknown, direction: string) => engine().isolated(pod, direction) },
];

export const CEL_FUNCTIONS: readonly CelFunction[] = FUNCTIONS;

export function registerFunctions(environment: Environment): void {
  for (const { signature, run } of FUNCTIONS) environment.registerFunction(signature, run as (...args: unknown[]) => unknown);
}

/** Patterns are written once and matched often. */
const patterns = new Map<string, Pattern>();
const MANY = 500;

/** `text.matches(pattern)` in time linear in the text: what CEL asks for (RE2), and what JavaScript's own engine does not give. */
export function matches(text: unknown, source: unknown): boolean {
  if (typeof text !== "string" || typeof source !== "string") throw new Error("`matches` needs two texts");
  const pattern = patterns.get(source) ?? remembered(source);
  spend((text.length * Math.min(source.length, 64)) >> 5);
  return pattern.test(text);
}

function remembered(source: string): Pattern {
  const compiled = compilePattern(source);
  spend(source.length);
  if (!compiled.ok) throw new Error(compiled.problems[0]?.message);
  if (patterns.size >= MANY) patterns.clear();
  patterns.set(source, compiled.value);
  return compiled.value;
}

function metadata(object: unknown, field: string): Record<string, string> {
  return asRecord(asRecord(asRecord(object)["metadata"])[field]) as Record<string, string>;
}

function valueOf(map: Record<string, string>, key: string): string {
  return Object.hasOwn(map, key) ? (map[key] ?? "") : "";
}

function labelsOf(object: unknown): Record<string, string> {
  return metadata(object, "labels");
}

function owners(object: unknown): readonly Partial<OwnerReference>[] {
  const list = asRecord(asRecord(object)["metadata"])["ownerReferences"];
  return Array.isArray(list) ? list.map(asRecord) : [];
}

function isOf(owner: Partial<OwnerReference>, group: string, kind: string): boolean {
  return typeof owner.apiVersion === "string" && owner.apiVersion.startsWith(`${group}/`) && (kind === "*" || owner.kind === kind);
}

function ownerOf(object: unknown, group: string, kind: string): Partial<OwnerReference> | undefined {
  return owners(object).find((owner) => owner.controller === true && isOf(owner, group, kind));
}
