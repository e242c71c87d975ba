import { readdirSync, readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { readObjects } from "../../src/dialects/index.js";
import type { AdmissionRequest, Operation } from "../../src/model/admission.js";
import type { Decision } from "../../src/model/decision.js";
import { groupOf, type KubeObject } from "../../src/model/kubernetes.js";
import { formatProblem } from "../../src/model/result.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { ruleId } from "../../src/model/violation.js";
import { compilePacks, type CompiledPacks } from "../../src/packs/compile.js";
import { parseProfile } from "../../src/packs/profile.js";
import { review } from "../../src/review/review.js";

/** The shipped packs and the example cluster, for tests of decisions. */

const root = new URL("../../", import.meta.url);

export function objectsIn(text: string): KubeObject[] {
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject).filter((object) => object !== null);
}

export function objectsInFolder(folder: string): KubeObject[] {
  const files = readdirSync(new URL(folder, root)).filter((file) => file.endsWith(".yaml")).sort();
  return files.flatMap((file) => objectsIn(readFileSync(new URL(`${folder}/${file}`, root), "utf8")));
}

export function shippedPacks(settings: Readonly<Record<string, unknown>> = {}, profile: Readonly<Record<string, unknown>> = {}): CompiledPacks {
  const parsed = parseProfile(profile);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join("; "));
  const packs = objectsInFolder("policies").filter(({ kind }) => kind === "RulePack");
  const compiled = compilePacks(packs, { settings, profile: parsed.value });
  if (!compiled.ok) throw new Error(compiled.problems.map(formatProblem).join("\n"));
  return compiled.value;
}

export function snapshotOf(...objects: KubeObject[]): Snapshot {
  const { changes, problems } = readObjects(objects);
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join("\n"));
  return Snapshot.EMPTY.with(changes);
}

export const kfCluster = (): Snapshot => snapshotOf(...objectsInFolder("examples/kf-cluster"));

const RESOURCES: Readonly<Record<string, string>> = { Pod: "pods", Namespace: "namespaces", NetworkPolicy: "networkpolicies", Space: "spaces" };

interface As {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly old?: KubeObject;
}

export function request(operation: Operation, object: KubeObject, { user = "developer", groups = [], old }: As = {}): AdmissionRequest {
  const [group, version = ""] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
  const namespace = object.kind === "Namespace" ? object.metadata.name : object.metadata.namespace;
  return {
    uid: "u",
    kind: { group: group ?? groupOf(object.apiVersion), version, kind: object.kind },
    resource: { group: group ?? "", version, resource: RESOURCES[object.kind] ?? "" },
    name: object.metadata.name ?? "",
    ...(namespace === undefined ? {} : { namespace }),
    operation,
    userInfo: { username: user, groups },
    ...(operation === "DELETE" ? { oldObject: object } : { object }),
    ...(old ? { oldObject: old } : {}),
    dryRun: false,
  };
}

const packs = shippedPacks();

export function judge(snapshot: Snapshot, asked: AdmissionRequest, inForce: CompiledPacks = packs): Decision {
  return review(asked, { snapshot, packs: inForce, now: Date.now() });
}

/** Rule ids of one action, sorted, each once. */
export function rulesOf(decision: Decision, action = "deny"): string[] {
  return [...new Set(decision.violations.filter((violation) => violation.action === action).map(ruleId))].sort();
}

/** The stored form of an object of the example cluster. */
export function stored(kind: string, namespace: string | undefined, name: string): KubeObject {
  const found = objectsInFolder("examples/kf-cluster").find((object) => object.kind === kind && object.metadata.namespace === namespace && object.metadata.name === name);
  if (!found) throw new Error(`no ${kind} ${namespace ?? ""}/${name} in the example`);
  return found;
}
