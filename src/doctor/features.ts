import { groupOf, isRecord, recordsIn, textsIn, type KubeObject } from "../model/kubernetes.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { Facts, Permission } from "./facts.js";

type Pods = Facts["pods"];

/** The kinds of reports that a cluster knows, by their resource names. */
export interface ReportKinds {
  readonly group: string;
  readonly resources: readonly string[];
}

/** What the leader writes reports with, unless the replicas are told to write none. */
export function reportRights(kinds: ReportKinds | undefined, pods: Pods): readonly Permission[] {
  if (!kinds || isTold(pods, { flag: "--reports", variable: "SLUICE_REPORTS", value: "off" })) return [];
  return kinds.resources.flatMap((resource) => ["get", "list", "create", "update", "delete"].map((verb): Permission => ({ group: kinds.group, resource, verb, feature: "reports" })));
}

/**
 * What the policies of baselines are written with, where the packs ask for it and the mode does not forbid it. A provision with
 * conditions may be for namespaces that this cluster never has: nothing is asked for it.
 */
export function provisionRights({ provisions }: Pick<CompiledPacks, "provisions">, mode: Facts["mode"]): readonly Permission[] {
  if (mode === "audit") return [];
  const written = new Map(provisions.filter(({ entry }) => (entry.match?.conditions ?? []).length === 0).flatMap(({ baseline }) => baseline.policies).map(({ apiVersion, kind }) => [`${apiVersion} ${kind}`, { group: groupOf(apiVersion), resource: resourceOf(kind) }]));
  return [...written.values()].flatMap((one) => ["get", "create", "patch"].map((verb): Permission => ({ ...one, verb, feature: "provision" })));
}

/** NetworkPolicy: networkpolicies. */
function resourceOf(kind: string): string {
  return kind.toLowerCase().replace(/y$/, "ie").concat("s");
}

/** Do the replicas judge without refusing? */
export function isAuditing(pods: Pods): boolean {
  return isTold(pods, { flag: "--mode", variable: "SLUICE_MODE", value: "audit" });
}

/** Will a replica make the webhook configurations itself, once it leads? */
export function willLead(pods: Pods): boolean {
  return isTold(pods, { flag: "--cert-secret", variable: "SLUICE_CERT_SECRET" });
}

/** What the replicas are told of their profile, where it is one that is shipped, and of settings: NAME=VALUE. */
export function settingsTold(pods: Pods): { readonly profile?: string; readonly set: readonly { readonly name: string; readonly value: string }[] } {
  const profile = valuesIn(pods, { flag: "--profile", variable: "SLUICE_PROFILE" }).find((name) => /^[\w,-]+$/.test(name));
  const set = [...new Set(valuesIn(pods, { flag: "--set" }))].flatMap((text) => {
    const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? [];
    return name === undefined || value === undefined ? [] : [{ name, value }];
  });
  return { set, ...(profile !== undefined && { profile }) };
}

/** Were pods of Sluice's seen? */
export function runsReplicas(pods: Pods): boolean {
  return replicasIn(pods).length > 0;
}

interface Flag {
  readonly flag: string;
  /** Of the environment, that stands in for it. */
  readonly variable?: string;
}

/** Does a replica have this flag, with this value, where one is named? */
function isTold(pods: Pods, { value, ...flag }: Flag & { readonly value?: string }): boolean {
  const values = valuesIn(pods, flag);
  return value === undefined ? values.length > 0 : values.includes(value);
}

function valuesIn(pods: Pods, { flag, variable }: Flag): readonly string[] {
  return replicasIn(pods).flatMap(({ spec }) => recordsIn(isRecord(spec) ? spec["containers"] : [])).flatMap(({ args, env }) => {
    const words = textsIn(args);
    const given = words.flatMap((word, i) => (word === flag ? words.slice(i + 1, i + 2) : word.startsWith(`${flag}=`) ? [word.slice(flag.length + 1)] : []));
    return [...given, ...recordsIn(env).flatMap((one) => (variable !== undefined && one["name"] === variable && typeof one["value"] === "string" ? [one["value"]] : []))];
  });
}

function replicasIn(pods: Pods): readonly KubeObject[] {
  return "value" in pods ? pods.value.filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/name"] === "sluice") : [];
}
