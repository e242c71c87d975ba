import { groupOf, isRecord, kindKey, refOf, type KubeObject, type ObjectMeta, type ObjectRef } from "../model/kubernetes.js";
import type { Policy } from "../model/policy.js";
import type { Problem } from "../model/result.js";
import type { Change } from "../model/snapshot.js";
import { core, readTemplate } from "./core.js";
import { list, quote, type Dialect, type KindReader, type Reading } from "./dialect.js";
import { networking } from "./networking.js";
import { policyNetworking } from "./policy-networking.js";
import { isNamespaced } from "./scope.js";

/** Every dialect; nothing else names them. */
export const dialects: readonly Dialect[] = [core, networking, policyNetworking];

export { readTemplate };

const readers: ReadonlyMap<string, KindReader> = new Map(
  dialects.flatMap(({ group, kinds }) => kinds.map((reader) => [kindKey({ group, kind: reader.kind }), reader] as const)),
);

/** The kinds that are read as policies, for webhook rules and watches. */
export const policyKinds: readonly { readonly group: string; readonly version: string; readonly kind: string; readonly resource: string; readonly namespaced: boolean }[] = dialects.flatMap(
  ({ group, kinds }) => kinds.filter(({ policy }) => policy).map(({ kind, resource, versions, namespaced }) => ({ group, version: versions[0] ?? "", kind, resource, namespaced })),
);

/** Every kind that is read, with all its versions: what webhook rules name. */
export const readKinds: readonly (Pick<KindReader, "kind" | "resource" | "versions" | "namespaced" | "policy"> & { readonly group: string })[] = dialects.flatMap(({ group, kinds }) =>
  kinds.map(({ kind, resource, versions, namespaced, policy }) => ({ group, kind, resource, versions, namespaced, policy })),
);

/** A problem, and the object that has it when that much could be read. */
export interface ObjectProblem extends Problem {
  readonly object?: ObjectRef;
}

const NOTHING: Reading = { facts: [], problems: [] };

/** Turns any object into facts. Total: garbage gives problems, never an exception. A List gives the facts of its items. */
export function readObject(object: KubeObject): Reading {
  const problem = identityProblem(object);
  if (problem) return { ...NOTHING, problems: [problem] };
  if (isList(object)) return readItems(object.items as unknown[]);
  const reader = readers.get(kindKey(refOf(object)));
  const located = inItsPlace(object, reader);
  if (!reader) return { facts: [{ fact: "object", value: located }], problems: [...misspeltKind(object), ...unreadPolicy(object)] };
  if (!reader.versions.includes(versionOf(object.apiVersion))) {
    return { facts: [{ fact: "object", value: located }], problems: [unknownVersion(object, reader)] };
  }
  return reader.read(located);
}

/** The changes that put these objects into a snapshot, with the problems of each. */
export function readObjects(objects: Iterable<KubeObject>): { readonly changes: Change[]; readonly problems: ObjectProblem[] } {
  const changes: Change[] = [];
  const problems: ObjectProblem[] = [];
  for (const object of objects) {
    const reading = readObject(object);
    for (const fact of reading.facts) changes.push({ put: fact });
    for (const problem of reading.problems) problems.push(identityProblem(object) ? problem : { ...problem, object: refOf(object) });
  }
  return { changes, problems };
}

/** The policy an object is, if it is one, and what of it could not be read. */
export function toPolicy(object: KubeObject): { readonly policy?: Policy; readonly problems: readonly Problem[] } {
  const { facts, problems } = readObject(object);
  const policy = facts.find((fact) => fact.fact === "policy")?.value;
  return policy ? { policy, problems } : { problems };
}

/** True for kinds that are read as policies, in any version. */
export function isPolicyKind(ref: { readonly group: string; readonly kind: string }): boolean {
  return readers.get(kindKey(ref))?.policy === true;
}

function readItems(items: readonly unknown[]): Reading {
  const readings = items.map((item, i) => {
    const { facts, problems } = readObject(item as KubeObject);
    return { facts, problems: problems.map((problem) => ({ ...problem, path: [`items[${i}]`, problem.path].filter((part) => part !== "").join(".") })) };
  });
  return { facts: readings.flatMap(({ facts }) => facts), problems: readings.flatMap(({ problems }) => problems) };
}

/** What keeps an object from having a name in a snapshot. */
function identityProblem(object: unknown): Problem | undefined {
  if (!isRecord(object)) return { code: "object/type", message: `not a Kubernetes object: ${quote(object)}`, path: "" };
  for (const field of ["apiVersion", "kind"]) {
    if (typeof object[field] !== "string" || object[field] === "") return { code: "object/no-kind", message: `a Kubernetes object needs \`${field}\``, path: field };
  }
  return isList(object as KubeObject) ? undefined : nameProblem(object.metadata);
}

function isList({ kind, items }: KubeObject): boolean {
  return kind.endsWith("List") && Array.isArray(items);
}

function nameProblem(metadata: unknown): Problem | undefined {
  if (!isRecord(metadata)) return { code: "object/no-name", message: "a Kubernetes object needs `metadata` with `name`", path: "metadata" };
  const odd = ["name", "generateName", "namespace"].find((field) => !["string", "undefined"].includes(typeof (metadata[field] ?? undefined)));
  if (odd !== undefined) {
    return { code: "object/type", message: `\`${odd}\` must be text, not ${quote(metadata[odd])}; write it in quotes`, path: `metadata.${odd}` };
  }
  if (metadata.name || metadata.generateName) return undefined;
  return { code: "object/no-name", message: "a Kubernetes object needs a name", path: "metadata.name" };
}

/** "Objects without a namespace are in `default`"; cluster-scoped kinds have none, whatever they state. */
function inItsPlace(object: KubeObject, reader: KindReader | undefined): KubeObject {
  const { namespace } = object.metadata;
  const namespaced = reader ? reader.namespaced : isNamespaced(refOf(object));
  if (namespaced && !namespace) return { ...object, metadata: { ...object.metadata, namespace: "default" } };
  if (namespace === undefined || (namespace && (namespaced || !reader))) return object;
  const { namespace: _dropped, ...metadata } = object.metadata;
  return { ...object, metadata: metadata satisfies ObjectMeta };
}

function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf("/") + 1);
}

function unknownVersion({ apiVersion, kind }: KubeObject, { versions }: KindReader): Problem {
  const group = groupOf(apiVersion);
  const known = versions.map((version) => (group === "" ? version : `${group}/${version}`));
  return { code: "object/unknown-version", message: `${kind} is not read in version \`${apiVersion}\`, only in ${list(known)}`, path: "apiVersion" };
}

/** `networkpolicy`, `NetworkPolicies`: the API server knows no such kind, and nothing would be read of it. */
function misspeltKind({ apiVersion, kind }: KubeObject): Problem[] {
  const group = groupOf(apiVersion);
  const word = kind.toLowerCase();
  const meant = readKinds.find((known) => known.group === group && (known.kind.toLowerCase() === word || known.resource === word));
  return meant ? [{ code: "object/unknown-kind", message: `there is no kind ${quote(kind)}; did you mean \`${meant.kind}\``, path: "kind" }] : [];
}

/** A policy that no dialect reads is never passed over in silence: the union is not complete without it. */
function unreadPolicy({ apiVersion, kind }: KubeObject): Problem[] {
  if (!/NetworkPolicy$/.test(kind)) return [];
  return [{ code: "policy/unread-kind", message: `policies of kind \`${kind}\` (\`${apiVersion}\`) are not read: what they allow or deny is not known`, path: "kind" }];
}
