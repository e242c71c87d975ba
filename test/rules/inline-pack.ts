import type { KubeObject } from "../../src/model/kubernetes.js";
import { formatProblem } from "../../src/model/result.js";
import { compilePacks, type CompiledPacks } from "../../src/packs/compile.js";
import { parseProfile } from "../../src/packs/profile.js";
import { objectsIn } from "../review/world.js";

/** A pack of one test: the text is its `spec`. */
export function packOf(spec: string, profile: Readonly<Record<string, unknown>> = {}): CompiledPacks {
  const compiled = tryPack(spec, profile);
  if (typeof compiled === "object" && "names" in compiled) return compiled;
  throw new Error(compiled.join("\n"));
}

/** Its problems as people read them, or the pack. */
export function tryPack(spec: string, profile: Readonly<Record<string, unknown>> = {}): CompiledPacks | readonly string[] {
  const parsed = parseProfile(profile);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join("; "));
  const text = `{apiVersion: sluice.dev/v1alpha1, kind: RulePack, metadata: {name: t}}`;
  const [head] = objectsIn(text) as [KubeObject];
  const [body] = objectsIn(spec) as [unknown];
  const compiled = compilePacks([{ ...head, spec: body } as KubeObject], { settings: {}, profile: parsed.value });
  return compiled.ok ? compiled.value : compiled.problems.map(formatProblem);
}

export const one = (text: string): KubeObject => objectsIn(text)[0] as KubeObject;
export const policy = (namespace: string, name: string, spec: string): KubeObject => one(`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: ${name}, namespace: ${namespace}}, spec: ${spec}}`);
export const namespace = (name: string, labels = "{}"): KubeObject => one(`{apiVersion: v1, kind: Namespace, metadata: {name: ${name}, labels: ${labels}}}`);
let last = 0;
export const pod = (inNamespace: string, name: string, labels = "{}", more = ""): KubeObject =>
  one(`{apiVersion: v1, kind: Pod, metadata: {name: ${name}, namespace: ${inNamespace}, labels: ${labels}}, spec: {containers: [{name: c}]${more}}, status: {phase: Running, podIP: 10.9.0.${++last % 250}}}`);
