import type { Config } from "../config.js";
import { allObjects, ClusterError, clusterObjects, ownNamespace, type ClusterConnection, type WatchedKind } from "../cluster/cluster.js";
import type { Detected, Facts, Named, PacksRead, Permission, Probed, Read } from "../doctor/facts.js";
import { isAuditing, provisionRights, reportRights, settingsTold, type ReportKinds } from "../doctor/features.js";
import { ALL, permissionsFor } from "../doctor/permissions.js";
import { calledAt, isOwn, OWN_CONFIGURATIONS, webhooksOf } from "../doctor/stored.js";
import { count } from "../doctor/words.js";
import { groupOf, isRecord, type KubeObject } from "../model/kubernetes.js";
import { formatProblem } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { packsIn } from "../packs/compile.js";
import { OWN_KINDS } from "../packs/crd.js";
import { parsePack } from "../packs/parse.js";
import { loadPacks, type LoadedPacks } from "../sources/packs.js";
import { followedKinds, openState } from "../sources/state.js";
import { REPORT_APIS } from "../upkeep/report-objects.js";
import { unwrap } from "./command.js";
import { askReplicas } from "./doctor-replicas.js";
import { namedPair } from "./target-selector.js";

const LOOK_MS = 15_000;

/** Reads everything that the checks judge. Throws where the API server does not answer at all: then there is nothing to look at. */
export async function lookAt(connection: ClusterConnection, given: Config): Promise<Facts> {
  const look = new Look(connection);
  const version = await look.version();
  const { own, others } = await look.configurations();
  const service = serviceOf(given, own);
  const certSecret = given.certSecret === undefined ? { namespace: service.namespace, name: "sluice-certificates" } : namedPair("--cert-secret", given.certSecret);
  const { namespace } = service;
  const [namespaces, serviceObject, slices, pods, secret, lease, definitions] = await Promise.all([
    attempt(() => look.all(kind("", "Namespace"))),
    attempt(() => look.one({ apiVersion: "v1", resource: "services", ...service })),
    attempt(async () => (await look.all({ ...kind("discovery.k8s.io", "EndpointSlice"), namespaced: true }, namespace)).filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === service.name)),
    attempt(() => look.all({ ...kind("", "Pod"), namespaced: true }, namespace)),
    attempt(() => look.one({ apiVersion: "v1", resource: "secrets", ...certSecret })),
    attempt(() => look.one({ apiVersion: "coordination.k8s.io/v1", resource: "leases", ...certSecret })),
    attempt(async () => (await Promise.all(OWN_KINDS.map(({ resource, group }) => look.one({ apiVersion: "apiextensions.k8s.io/v1", resource: "customresourcedefinitions", name: `${resource}.${group}` })))).filter((one) => one !== undefined)),
  ]);
  const { config, ofFolder } = await loadAlike(given, pods);
  const snapshot = await readSnapshot(ofFolder);
  const packs = await readPacks(config, ofFolder, snapshot);
  const account = { namespace, name: accountOf(pods) };
  const leads = "value" in lease && lease.value !== undefined;
  const inForce = "value" in packs ? packs.value.packs : ofFolder.packs;
  const mode = isAuditing(pods) ? "audit" : config.mode;
  const features = [...reportRights(await reportKinds(look), pods), ...provisionRights(inForce, mode)];
  const asked = [...permissionsFor({ kinds: followedKinds(inForce.watches), service, certSecret, leads }), ...features, ALL];
  const inside = (await ownNamespace()) !== undefined;
  return {
    ...version, server: connection.server, service, certSecret, namespaces, serviceObject, slices, pods, own, others, secret, lease, definitions, account, packs, snapshot, mode,
    replicas: await attempt(() => askReplicas(connection, { own, slices, service, inside })),
    permissions: await attempt(() => look.permissions(asked, account)),
    probe: await attempt(() => look.probe(own, definitions)),
  };
}

function kind(group: string, name: string): WatchedKind {
  return { group, version: "v1", resource: `${name.toLowerCase()}s`, kind: name, namespaced: false };
}

/** Those that reports would be written as; undefined where the cluster knows none, or does not tell. */
async function reportKinds(look: Look): Promise<ReportKinds | undefined> {
  for (const { namespaced, cluster } of REPORT_APIS) {
    const group = groupOf(namespaced.apiVersion);
    const definition = await attempt(() => look.one({ apiVersion: "apiextensions.k8s.io/v1", resource: "customresourcedefinitions", name: `${namespaced.resource}.${group}` }));
    if ("value" in definition && definition.value) return { group, resources: [namespaced.resource, cluster.resource] };
  }
  return undefined;
}

/** The Service that the webhook configurations name, unless somebody says which. */
function serviceOf(config: Config, own: Read<readonly KubeObject[]>): Named {
  const called = "value" in own ? own.value.flatMap(webhooksOf).flatMap((webhook) => calledAt(webhook).service ?? []) : [];
  const [first] = called;
  return first && config.service === DEFAULT_SERVICE ? { namespace: first.namespace, name: first.name } : namedPair("--service", config.service);
}

const DEFAULT_SERVICE = "sluice-system/sluice";

function accountOf(pods: Read<readonly KubeObject[]>): string {
  const spec = "value" in pods ? pods.value.find(({ metadata }) => metadata.labels?.["app.kubernetes.io/name"] === "sluice")?.spec : undefined;
  return isRecord(spec) && typeof spec["serviceAccountName"] === "string" ? spec["serviceAccountName"] : "sluice";
}

/** The packs with the profile and the settings of the replicas, where none are given, and where these packs know them. */
async function loadAlike(given: Config, pods: Facts["pods"]): Promise<{ readonly config: Config; readonly ofFolder: LoadedPacks }> {
  const { profile, set } = settingsTold(pods);
  const config: Config = { ...given, ...(given.profile === undefined && profile !== undefined && { profile }), set: given.set.length > 0 ? given.set : set };
  const alike = await loadPacks(config);
  if (alike.ok) return { config, ofFolder: alike.value };
  return { config: given, ofFolder: unwrap(await loadPacks(given), "the rule packs cannot be used") };
}

async function readSnapshot({ packs }: LoadedPacks): Promise<Read<Snapshot>> {
  const state = await openState({ files: [], cluster: true, kinds: [...packs.watches, ...OWN_KINDS], workloads: false });
  if (state.ok) return { value: state.value.snapshot };
  // One that was refused keeps the others from being waited for.
  const all = state.problems.map(formatProblem);
  const first = all.find((text) => text.includes("answered")) ?? all[0] ?? "";
  return { problem: all.length > 1 ? `${first}; and ${count(all.length - 1, "other kind")}` : first };
}

/** Those of the folder together with those of the cluster, as a replica would have them. */
async function readPacks(config: Config, ofFolder: LoadedPacks, snapshot: Read<Snapshot>): Promise<Read<PacksRead>> {
  const own = "value" in snapshot ? OWN_KINDS.flatMap(({ group, kind: name }) => [...snapshot.value.objectsOf(group, name).values()]) : [];
  const together = own.length === 0 ? { ok: true as const, value: ofFolder } : await loadPacks(config, own);
  const loaded = together.ok ? together.value : ofFolder;
  const { packs, digest, source } = loaded;
  return {
    value: {
      packs,
      digest,
      refused: together.ok ? [] : together.problems.map(formatProblem),
      chosen: source.options.chosen ?? new Set(),
      inState: "value" in snapshot ? packsIn(packs, snapshot.value).profile : packs.profile,
      detections: "value" in snapshot ? { value: detectionsOf(loaded, snapshot.value) } : snapshot,
    },
  };
}

function detectionsOf({ source: { objects, options } }: LoadedPacks, snapshot: Snapshot): readonly Detected[] {
  const packs = objects.flatMap((object) => {
    const parsed = parsePack(object, options.settings, options.profile);
    return parsed.ok ? [parsed.value.pack] : [];
  });
  return packs.flatMap(({ spec }) => spec.detects).map(({ switch: name, value, exists }) => {
    const key = exists.namespace === undefined ? exists.name : `${exists.namespace}/${exists.name}`;
    return { switch: name, value, exists: `${exists.kind} \`${key}\``, isThere: snapshot.objectsOf(exists.group, exists.kind).has(key) };
  });
}

async function attempt<T>(read: () => Promise<T>): Promise<Read<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Questions to one API server. */
class Look {
  readonly #connection: ClusterConnection;

  constructor(connection: ClusterConnection) {
    this.#connection = connection;
  }

  async version(): Promise<Pick<Facts, "version" | "clocks" | "now">> {
    const response = await this.#connection.open("/version", AbortSignal.timeout(LOOK_MS));
    const here = Date.now();
    let text = "";
    for await (const chunk of response) text += String(chunk);
    const { gitVersion } = JSON.parse(text) as { gitVersion?: unknown };
    const there = Date.parse(response.headers.date ?? "");
    const clocks = Number.isNaN(there) ? { problem: "the API server does not tell its time" } : { value: { here, there } };
    return { version: { value: String(gitVersion) }, clocks, now: Number.isNaN(there) ? here : there };
  }

  /** Sluice itself may not list them, and may get its own. */
  async configurations(): Promise<Pick<Facts, "own" | "others">> {
    const all = await attempt(async () => (await Promise.all(["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"].map((name) => this.all(kind("admissionregistration.k8s.io", name))))).flat());
    if ("value" in all) return { own: { value: all.value.filter(isOwn) }, others: { value: all.value.filter((one) => !isOwn(one)) } };
    return { own: await attempt(async () => (await Promise.all(OWN_CONFIGURATIONS.map((at) => this.one(at)))).filter((one) => one !== undefined)), others: all };
  }

  all(what: WatchedKind, namespace?: string): Promise<readonly KubeObject[]> {
    return allObjects(this.#connection, what, { signal: AbortSignal.timeout(LOOK_MS), ...(namespace !== undefined && { namespace }) });
  }

  one(at: Parameters<ReturnType<typeof clusterObjects>["read"]>[0]): Promise<KubeObject | undefined> {
    return clusterObjects(this.#connection).read(at, AbortSignal.timeout(LOOK_MS));
  }

  /** One review after the other in a few lanes: an API server answers some hundred a second. */
  async permissions(asked: readonly Permission[], { namespace, name }: Named): Promise<readonly { readonly permission: Permission; readonly allowed: boolean }[]> {
    const [todo, found] = [[...asked], new Map<Permission, boolean>()];
    const lane = async (): Promise<void> => {
      for (let next = todo.shift(); next; next = todo.shift()) found.set(next, await this.#may(next, `system:serviceaccount:${namespace}:${name}`, namespace));
    };
    await Promise.all([lane(), lane(), lane(), lane()]);
    return asked.map((permission) => ({ permission, allowed: found.get(permission) === true }));
  }

  async #may({ group, resource, subresource, verb, namespace, name }: Permission, user: string, home: string): Promise<boolean> {
    const resourceAttributes = { group, resource, verb, ...(subresource !== undefined && { subresource }), ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }) };
    const groups = ["system:serviceaccounts", `system:serviceaccounts:${home}`, "system:authenticated"];
    const { body } = await this.#send("/apis/authorization.k8s.io/v1/subjectaccessreviews", { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec: { user, groups, resourceAttributes } });
    return isRecord(body) && isRecord(body["status"]) && body["status"]["allowed"] === true;
  }

  /** An exception without an end: no pack and no setting makes Sluice admit it. Without its kind, a namespace that declares nothing. */
  async probe(own: Read<readonly KubeObject[]>, definitions: Read<readonly KubeObject[]>): Promise<Probed> {
    if ("value" in own && !own.value.some((one) => webhooksOf(one).length > 0)) throw new Error("no webhook configuration of Sluice's is there, so nobody would be asked");
    const hasKinds = "value" in definitions && definitions.value.length === OWN_KINDS.length;
    const [path, object] = hasKinds
      ? (["/apis/sluice.dev/v1alpha1/policyexceptions", { apiVersion: "sluice.dev/v1alpha1", kind: "PolicyException", metadata: { name: PROBE }, spec: { owner: PROBE, reason: "never stored", expires: "never", rules: ["*/*"] } }] as const)
      : (["/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: PROBE } }] as const);
    try {
      return { status: (await this.#send(`${path}?dryRun=All`, object)).status, message: "" };
    } catch (error) {
      if (error instanceof ClusterError) return { status: error.status, message: error.message.replace(/^the API server answered \d+: /, "") };
      throw error;
    }
  }

  #send(path: string, body: object): ReturnType<ClusterConnection["send"]> {
    return this.#connection.send(path, { method: "POST", contentType: "application/json", body }, AbortSignal.timeout(LOOK_MS));
  }
}

const PROBE = "sluice-doctor-probe";
