import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLog } from "../../src/log.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { issueCa, issueLeaf } from "../../src/upkeep/certificates.js";
import { connectCluster, connectTo, followCluster, type FollowedCluster, type FollowParts } from "../../src/cluster/cluster.js";
import { ClusterServer, type StoredObject } from "./cluster-server.js";

const PODS = "/api/v1/pods";
const NAMESPACES = "/api/v1/namespaces";
const POLICIES = "/apis/networking.k8s.io/v1/networkpolicies";
const KINDS = [
  { group: "", version: "v1", resource: "pods", kind: "Pod", namespaced: true },
  { group: "", version: "v1", resource: "namespaces", kind: "Namespace", namespaced: false },
  { group: "networking.k8s.io", version: "v1", resource: "networkpolicies", kind: "NetworkPolicy", namespaced: true },
];
const QUICK = { pageMs: 500, watchMs: 60_000, stallMs: 5_000, lateMs: 50, pauseMs: 10, maxPauseMs: 40, absentMs: 50 };

let server: ClusterServer;
let followed: FollowedCluster[] = [];
let snapshot = Snapshot.EMPTY;
let logged: Record<string, unknown>[] = [];
/** Names of all pods ever handed on. */
let handedOn = new Set<string>();

beforeEach(async () => {
  server = await ClusterServer.start([PODS, NAMESPACES, POLICIES]);
  snapshot = Snapshot.EMPTY;
  logged = [];
  handedOn = new Set();
});
afterEach(async () => {
  await Promise.all(followed.map((cluster) => cluster.stop()));
  followed = [];
  await server.stop();
});

function follow(changes: Partial<FollowParts> = {}): FollowedCluster {
  const stream = new Writable({ write: (chunk, _, done) => (logged.push(JSON.parse(String(chunk)) as Record<string, unknown>), done()) });
  const onChanges: FollowParts["onChanges"] = (changes) => {
    for (const change of changes) if ("put" in change && change.put.fact === "pod") handedOn.add(change.put.value.name);
    snapshot = snapshot.with(changes);
  };
  const cluster = followCluster({ connection: connectTo(server.url), kinds: KINDS, onChanges, log: createLog({ stream }), timing: QUICK, ...changes });
  followed.push(cluster);
  return cluster;
}
const pod = (name: string, namespace = "demo", more: object = {}): StoredObject => ({ metadata: { name, namespace, labels: { app: name } }, spec: { containers: [{ name: "main" }] }, ...more });
const policy = (name: string, namespace = "demo"): StoredObject => ({ metadata: { name, namespace }, spec: { podSelector: {}, policyTypes: ["Ingress"] } });
const podNames = () => [...snapshot.pods()].map(({ name }) => name).sort();
const statusOf = (cluster: FollowedCluster, kind = "Pod") => cluster.status().find((status) => status.kind === kind);
const watching = (count = 3) => expect.poll(() => server.watches, { interval: 5 }).toBe(count);
const pods = (...names: string[]) => expect.poll(podNames, { interval: 5 }).toEqual(names);

describe("list and watch", () => {
  test("brings what is there, page by page, and then every change", async () => {
    for (let index = 0; index < 1_200; index++) server.put(PODS, pod(`p${index}`));
    server.put(NAMESPACES, { metadata: { name: "demo", labels: { team: "a" } } });
    server.put(POLICIES, policy("deny"));
    const cluster = follow();
    await cluster.synced();
    expect(podNames().length).toBe(1_200);
    expect(server.count(/pods\?limit=500/)).toBe(3);
    expect(snapshot.namespace("demo").labels).toMatchObject({ team: "a" });
    expect([...snapshot.policies()].map(({ ref }) => ref.name)).toEqual(["deny"]);
    await watching();
    server.put(PODS, pod("new"));
    server.put(PODS, pod("p7", "demo", { metadata: { name: "p7", namespace: "demo", labels: { app: "changed" } } }));
    server.remove(PODS, "p8", "demo");
    server.remove(POLICIES, "deny", "demo");
    await expect.poll(() => [...snapshot.policies()].length).toBe(0);
    await expect.poll(() => [snapshot.pod("demo", "new")?.name, snapshot.pod("demo", "p7")?.labels, snapshot.pod("demo", "p8")]).toEqual(["new", { app: "changed" }, undefined]);
  });

  test("takes on another kind once it has been listed; one that cannot be listed is told and leaves nothing behind", async () => {
    const [podKind, ...others] = KINDS;
    server.put(PODS, pod("a"));
    const cluster = follow({ kinds: others });
    await cluster.synced();
    expect(await cluster.add([], 100)).toEqual([]);
    // The first page comes, the second one never does.
    for (let index = 0; index < 600; index++) server.put(PODS, pod(`p${index}`));
    server.fail({ match: /pods\?.*continue/, status: 403, body: JSON.stringify({ message: "forbidden" }) }, 100);
    expect(await cluster.add(podKind ? [podKind] : [], 150)).toMatchObject([{ message: expect.stringContaining("Pod cannot be read from the cluster: the API server answered 403") }]);
    expect([podNames(), statusOf(cluster)]).toEqual([[], undefined]);
    server.heal();
    expect(await cluster.add(podKind ? [podKind] : [], 5_000)).toEqual([]);
    expect([podNames().length, statusOf(cluster)?.synced]).toEqual([601, true]);
    await watching();
    server.put(PODS, pod("new"));
    await expect.poll(() => podNames().includes("new")).toBe(true);
  });

  test("asks for bookmarks, follows them, and tells versions, age and counts", async () => {
    server.put(PODS, pod("a"));
    const cluster = follow();
    await watching();
    const before = cluster.versions();
    expect(cluster.versions()).toBe(before);
    server.bookmark(PODS);
    await expect.poll(() => cluster.versions()["Pod"]).not.toBe(before["Pod"]);
    expect(server.count(/pods\?watch=1&allowWatchBookmarks=true&resourceVersion=\d+&timeoutSeconds=\d+/)).toBe(1);
    expect(statusOf(cluster)).toMatchObject({ synced: true, absent: false, objects: 1, ageSeconds: expect.any(Number) });
    expect(statusOf(cluster)).not.toHaveProperty("problem");
    expect(cluster.conditions()).toContainEqual({ name: "sync Pod", ok: true, detail: "" });
    expect(statusOf(cluster, "NetworkPolicy.networking.k8s.io")).toMatchObject({ objects: 0, synced: true });
  });

  test("hands on only what is read: no managed fields, no containers' environment", async () => {
    const metadata = { name: "a", namespace: "demo", managedFields: [{}], annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}", kept: "yes" } };
    const spec = { nodeName: "n", volumes: [{}], containers: [{ name: "main", image: "x", env: [{ name: "TOKEN", value: "t" }], ports: [{ containerPort: 80 }] }] };
    server.put(PODS, { metadata, spec, status: { phase: "Running", podIP: "10.0.0.1", conditions: [{}] } });
    await follow().synced();
    expect(snapshot.pod("demo", "a")?.object).toEqual({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "a", namespace: "demo", annotations: { kept: "yes" }, resourceVersion: expect.any(String) },
      spec: { nodeName: "n", containers: [{ name: "main", ports: [{ containerPort: 80 }] }] },
      status: { phase: "Running", podIP: "10.0.0.1" },
    });
    expect(snapshot.pod("demo", "a")).toMatchObject({ ports: [{ port: 80 }] });
  });

  test("takes an event that comes in pieces, cut inside a character", async () => {
    await follow().synced();
    await watching();
    const line = Buffer.from(`${JSON.stringify({ type: "ADDED", object: pod("a", "demo", { metadata: { name: "a", namespace: "demo", resourceVersion: "7", labels: { who: "é😀" } } }) })}\n`);
    const at = line.indexOf(Buffer.from("😀")) + 2;
    for (const part of [line.subarray(0, 20), line.subarray(20, at), line.subarray(at)]) {
      server.sendRaw(PODS, part);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await expect.poll(() => snapshot.pod("demo", "a")?.labels).toEqual({ who: "é😀" });
  });

  test("does not stop at an object that cannot be read whole, and logs it without its content", async () => {
    server.put(POLICIES, { metadata: { name: "odd", namespace: "demo" }, spec: { podSelector: "secret-words", policyTypes: 7 } });
    server.put(POLICIES, policy("good"));
    await follow().synced();
    expect([...snapshot.policies()].map(({ ref }) => ref.name).sort()).toEqual(["good", "odd"]);
    expect(logged).toMatchObject([{ level: "warn", ref: { kind: "NetworkPolicy", name: "odd" }, problems: [{ code: expect.any(String), path: expect.any(String) }] }].map((line) => expect.objectContaining({ level: line.level })));
    expect(JSON.stringify(logged)).not.toContain("secret-words");
  });
});

describe("when things go wrong", () => {
  test("a watch that is cut, by its end or in the middle, goes on where it was", async () => {
    const cluster = follow();
    await cluster.synced();
    for (const [how, name] of [["end", "a"], ["destroy", "b"]] as const) {
      await watching();
      server.cutWatches(how);
      server.put(PODS, pod(name));
      await expect.poll(podNames).toContain(name);
    }
    expect(server.count(/pods\?limit/)).toBe(1);
  });

  test("410 in a watch: listed anew, and what went meanwhile goes", async () => {
    for (const name of ["a", "b"]) server.put(PODS, pod(name));
    await follow().synced();
    await watching();
    server.removeSilently(PODS, "a", "demo");
    server.expire();
    server.cutWatches("end");
    await pods("b");
    expect(server.count(/pods\?limit/)).toBe(2);
    await watching();
    server.put(PODS, pod("c"));
    await pods("b", "c");
  });

  test("410 as the status of a watch, and in the middle of a list", async () => {
    for (let index = 0; index < 501; index++) server.put(PODS, pod(`p${index}`));
    server.fail({ match: /pods.*continue/, status: 410 });
    server.fail({ match: /pods\?watch/, status: 410 });
    const cluster = follow();
    await watching();
    expect([podNames().length, server.count(/pods\?limit=500$/)]).toEqual([501, 3]);
    expect(statusOf(cluster)).not.toHaveProperty("problem");
  });

  test.each([["not json\n"], ["[]\n"], ['{"type":"ADDED"}\n'], ['{"type":"ADDED","object":{"metadata":{"resourceVersion":"9"}}}\n'], ['{"type":"NEW","object":{"metadata":{"name":"x","resourceVersion":"9"}}}\n'], ['{"type":"ERROR","object":null}\n']])("garbage %j: what came before it counts, the kind is caught up, nobody dies", async (garbage) => {
    await follow().synced();
    await watching();
    const good = `${JSON.stringify({ type: "ADDED", object: { ...pod("first"), metadata: { name: "first", namespace: "demo", resourceVersion: "101" } } })}\n`;
    server.put(PODS, pod("stored"));
    server.sendRaw(PODS, good + garbage);
    await expect.poll(() => server.count(/pods\?/)).toBeGreaterThan(2);
    await expect.poll(podNames).toContain("stored");
    server.put(PODS, pod("later"));
    await expect.poll(podNames).toContain("later");
    expect(handedOn).toContain("first");
  });

  test("429 with Retry-After, 500, a list that is none, a connection that breaks: not synced until it works, with pauses", async () => {
    server.put(PODS, pod("a"));
    server.fail({ match: /pods/, status: 429, headers: { "retry-after": "0.2" } });
    server.fail({ match: /pods/, status: 500, body: "<html>no</html>" });
    server.fail({ match: /pods/, body: '{"kind":"PodList"}' });
    server.fail({ match: /pods/, body: '{"kind":"Status","metadata":{},"status":"Failure"}' });
    server.fail({ match: /pods/, body: '{"metadata":{"resourceVersion":"1"},"items":[3]}' });
    server.fail({ match: /pods/, body: "{" });
    const started = performance.now();
    const cluster = follow();
    await expect.poll(() => statusOf(cluster), { interval: 5 }).toMatchObject({ synced: false, problem: "the API server answered 429: told to fail" });
    expect(cluster.conditions()).toContainEqual({ name: "sync Pod", ok: false, detail: statusOf(cluster)?.problem });
    await cluster.synced();
    expect(performance.now() - started).toBeGreaterThan(200);
    expect(podNames()).toEqual(["a"]);
    expect(statusOf(cluster)).not.toHaveProperty("problem");
    expect(logged.map(({ status, failures }) => [status, failures])).toEqual([[429, 1], [500, 2], [0, 3], [0, 4], [0, 5], [0, 6]]);
  });

  test("a list that hangs is given up after its time", async () => {
    server.put(PODS, pod("a"));
    server.fail({ match: /pods/, hang: true });
    const cluster = follow({ timing: { ...QUICK, pageMs: 60 } });
    await expect.poll(() => statusOf(cluster)?.problem, { interval: 5 }).toBe("no page of pods within 60 ms");
    await cluster.synced();
    expect(podNames()).toEqual(["a"]);
  });

  test("a watch that falls silent is opened again; bookmarks keep it alive", async () => {
    const cluster = follow({ kinds: KINDS.slice(0, 1), timing: { ...QUICK, stallMs: 120 } });
    await watching(1);
    for (let times = 0; times < 6; times++) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      server.bookmark(PODS);
    }
    expect(server.count(/watch/)).toBe(1);
    await expect.poll(() => server.count(/watch/), { interval: 5 }).toBe(2);
    server.put(PODS, pod("a"));
    await pods("a");
    expect(statusOf(cluster)?.synced).toBe(true);
    expect(logged).toMatchObject([{ reason: "nothing was heard of pods for 120 ms" }]);
  });

  test("a server that ends every watch at once is not asked in a circle", async () => {
    const body = "";
    for (let times = 0; times < 100; times++) server.fail({ match: /watch/, body });
    follow({ kinds: KINDS.slice(0, 1), timing: { ...QUICK, pauseMs: 50, maxPauseMs: 10_000 } });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(server.count(/watch/)).toBeGreaterThan(1);
    expect(server.count(/watch/)).toBeLessThan(6);
  });

  test("a kind that the API server does not know is no reason to wait, and is found when it comes", async () => {
    const SPACES = "/apis/kf.dev/v1alpha1/spaces";
    const cluster = follow({ kinds: [...KINDS, { group: "kf.dev", version: "v1alpha1", resource: "spaces", kind: "Space", namespaced: false }] });
    await cluster.synced();
    expect(statusOf(cluster, "Space.kf.dev")).toMatchObject({ synced: true, absent: true, objects: 0 });
    expect(await cluster.consistentRead(["demo"], { signal: AbortSignal.timeout(1_000), kinds: new Set(["Space.kf.dev"]) })).toEqual([]);
    server.install(SPACES);
    server.put(SPACES, { metadata: { name: "demo" }, spec: {} });
    await expect.poll(() => statusOf(cluster, "Space.kf.dev")).toMatchObject({ absent: false, objects: 1 });
    expect(snapshot.objectsOf("kf.dev", "Space").has("demo")).toBe(true);
    await watching(4);
    server.uninstall(SPACES);
    server.cutWatches("destroy");
    await expect.poll(() => snapshot.objectsOf("kf.dev", "Space").size).toBe(0);
    expect(statusOf(cluster, "Space.kf.dev")).toMatchObject({ synced: true, absent: true });
  });

  test("a kind that is absent is known as far as the others were when it was asked for", async () => {
    const SPACES = "/apis/kf.dev/v1alpha1/spaces";
    server.install(SPACES);
    server.put(SPACES, { metadata: { name: "demo" }, spec: {} });
    const cluster = follow({ kinds: [...KINDS, { group: "kf.dev", version: "v1alpha1", resource: "spaces", kind: "Space", namespaced: false }] });
    await cluster.synced();
    await watching(4);
    const seen = cluster.versions()["Space.kf.dev"] ?? "";
    server.uninstall(SPACES);
    server.cutWatches("destroy");
    await expect.poll(() => statusOf(cluster, "Space.kf.dev")).toMatchObject({ absent: true });
    server.put(PODS, pod("later"));
    await expect.poll(() => Number(cluster.versions()["Space.kf.dev"])).toBeGreaterThan(Number(seen));
  });

  test.each([
    ["answers 404 to everything", [/./, 404]],
    ["answers 404 to lists and watches, and discovery with nonsense", [/networkpolicies|^\/apis/, 404]],
  ] as const)("an API server whose way %s has not lost its kinds", async (_, [match, status]) => {
    server.put(POLICIES, policy("a"));
    const cluster = follow();
    await cluster.synced();
    await watching();
    for (let times = 0; times < 500; times++) server.fail({ match, status });
    server.cutWatches("destroy");
    await expect.poll(() => statusOf(cluster, "NetworkPolicy.networking.k8s.io")).toMatchObject({ absent: false, problem: expect.stringContaining("404") });
    expect([...snapshot.policies()].map(({ ref }) => ref.name)).toEqual(["a"]);
    await expect(cluster.consistentRead(["demo"], { signal: AbortSignal.timeout(1_000) })).rejects.toThrow("404");
    server.heal();
    await expect.poll(() => statusOf(cluster, "NetworkPolicy.networking.k8s.io")).not.toHaveProperty("problem");
  });

  test("a namespace that is made anew keeps its objects, though its own watch tells of it last", async () => {
    server.put(NAMESPACES, { metadata: { name: "demo", labels: { old: "yes" } } });
    const cluster = follow();
    await cluster.synced();
    await watching();
    server.put(POLICIES, policy("a"));
    server.put(PODS, pod("a"));
    await expect.poll(() => [...snapshot.policies()].length).toBe(1);
    server.remove(NAMESPACES, "demo");
    server.put(NAMESPACES, { metadata: { name: "demo", labels: { new: "yes" } } });
    await expect.poll(() => snapshot.namespace("demo").labels).toMatchObject({ new: "yes" });
    expect([...snapshot.policies()].map(({ ref }) => ref.name)).toEqual(["a"]);
    expect(podNames()).toEqual(["a"]);
    server.remove(POLICIES, "a", "demo");
    server.remove(PODS, "a", "demo");
    server.remove(NAMESPACES, "demo");
    await expect.poll(() => [...snapshot.namespaces.keys()]).toEqual([]);
  });

  test("an API server that goes and comes back is caught up with", async () => {
    server.put(PODS, pod("a"));
    const cluster = follow();
    await cluster.synced();
    const { port } = server;
    await server.stop();
    await expect.poll(() => statusOf(cluster)?.problem).toMatch(/ECONNREFUSED/);
    expect(statusOf(cluster)).toMatchObject({ synced: true, objects: 1 });
    server.put(PODS, pod("b"));
    await server.restart(port);
    await pods("a", "b");
    expect(statusOf(cluster)).not.toHaveProperty("problem");
  });

  test("after stop nothing is handed on and nothing is left running", async () => {
    const cluster = follow();
    await cluster.synced();
    await watching();
    await cluster.stop();
    server.put(PODS, pod("late"));
    await watching(0);
    expect(podNames()).toEqual([]);
  });
});

describe("a consistent read", () => {
  const signal = () => AbortSignal.timeout(2_000);

  test("A1: shows what the watch has not shown yet, in the namespaces asked for, and takes away what is gone", async () => {
    for (const name of ["a", "b"]) server.put(POLICIES, policy(name));
    server.put(POLICIES, policy("a", "other"));
    server.put(NAMESPACES, { metadata: { name: "demo", labels: { old: "yes" } } });
    const cluster = follow();
    await cluster.synced();
    await watching();
    server.cutWatches("destroy");
    for (let times = 0; times < 200; times++) server.fail({ match: /watch/, hang: true });
    server.put(POLICIES, policy("c"));
    server.put(POLICIES, policy("c", "other"));
    server.remove(POLICIES, "a", "demo");
    server.remove(POLICIES, "a", "other");
    server.put(NAMESPACES, { metadata: { name: "demo", labels: { new: "yes" } } });
    const fresh = snapshot.with(await cluster.consistentRead(["demo"], { signal: signal() }));
    const names = (of: Snapshot) => [...of.policies()].map(({ ref }) => `${ref.namespace ?? ""}/${ref.name}`).sort();
    expect(names(fresh)).toEqual(["demo/b", "demo/c", "other/a"]);
    expect(fresh.namespace("demo").labels).toMatchObject({ new: "yes" });
    expect(names(snapshot)).toEqual(["demo/a", "demo/b", "other/a"]);
    expect(server.count(/namespaces\?limit=500&fieldSelector=metadata.name%3Ddemo/)).toBe(1);
    expect(server.count(/namespaces\/demo\/networkpolicies\?limit=500$/)).toBe(1);
    const both = snapshot.with(await cluster.consistentRead(["demo", "other"], { signal: signal(), kinds: new Set(["NetworkPolicy.networking.k8s.io"]) }));
    expect(names(both)).toEqual(["demo/b", "demo/c", "other/c"]);
    expect(both.namespace("demo").labels).toMatchObject({ old: "yes" });
  });

  test("that shows more than the watch does finds out that the watch is dead", async () => {
    const cluster = follow();
    await cluster.synced();
    await watching();
    server.fail({ match: /networkpolicies\?watch/, hang: true });
    server.cutWatches("destroy");
    await expect.poll(() => server.count(/networkpolicies\?watch/)).toBe(2);
    server.put(POLICIES, policy("c"));
    await cluster.consistentRead(["demo"], { signal: signal() });
    await expect.poll(() => [...snapshot.policies()].length).toBe(1);
    expect(logged.map(({ reason }) => reason)).toContain("the watch of networkpolicies does not show what is stored");
  });

  test("takes away a namespace that is gone", async () => {
    server.put(NAMESPACES, { metadata: { name: "demo" } });
    const cluster = follow();
    await cluster.synced();
    server.removeSilently(NAMESPACES, "demo");
    expect(await cluster.consistentRead(["demo"], { signal: signal(), kinds: new Set(["Namespace"]) })).toEqual([{ remove: { group: "", kind: "Namespace", name: "demo" }, alone: true }]);
  });

  test("of a cluster-scoped kind reads it whole, once", async () => {
    const NODES = "/api/v1/nodes";
    server.install(NODES);
    server.put(NODES, { metadata: { name: "n1" }, status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] } });
    const cluster = follow({ kinds: [{ group: "", version: "v1", resource: "nodes", kind: "Node", namespaced: false }] });
    await cluster.synced();
    expect((await cluster.consistentRead(["a", "b"], { signal: signal() })).length).toBe(1);
    expect(server.count(/nodes\?limit/)).toBe(2);
  });

  test("confirms nothing when a list fails, or the deadline passes", async () => {
    const cluster = follow();
    await cluster.synced();
    server.fail({ match: /namespaces\/demo\/pods/, status: 500 });
    await expect(cluster.consistentRead(["demo"], { signal: signal() })).rejects.toThrow("answered 500");
    server.fail({ match: /namespaces\/demo\/pods/, hang: true });
    await expect(cluster.consistentRead(["demo"], { signal: AbortSignal.timeout(30) })).rejects.toThrow(/abort|timeout/i);
  });
});

describe("a kubeconfig", () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-kubeconfig-"));
  afterEach(() => rmSync(join(directory, "config"), { force: true }));
  const write = (config: object) => writeFileSync(join(directory, "config"), JSON.stringify(config));
  const configOf = (server: string, ca: string, token: string) => ({
    apiVersion: "v1", kind: "Config", "current-context": "c",
    clusters: [{ name: "c", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
    users: [{ name: "u", user: { token } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  });

  test("gives address, CA and token; connections are kept", async () => {
    const ca = await issueCa(new Date());
    const leaf = await issueLeaf({ ca, names: [], now: new Date() });
    const secure = await ClusterServer.start([PODS], { cert: leaf.certificate, key: leaf.key });
    write(configOf(`https://127.0.0.1:${secure.port}`, ca.certificate, "t0ken"));
    try {
      const connected = await connectCluster({ kubeconfig: join(directory, "config") });
      if (!connected.ok) throw new Error(connected.problems[0]?.message);
      const { signal } = new AbortController();
      for (let times = 0; times < 3; times++) expect(await connected.value.get(`${PODS}?limit=1`, signal)).toMatchObject({ items: null });
      expect(secure.headers.map(({ authorization, connection }) => [authorization, connection])).toEqual(Array(3).fill(["Bearer t0ken", "keep-alive"]));
      connected.value.close();
    } finally {
      await secure.stop();
    }
  });

  test("that is missing, empty or names no cluster is a problem with its place", async () => {
    expect(await connectCluster({ kubeconfig: join(directory, "none") })).toMatchObject({ ok: false, problems: [{ code: "cluster/config", message: expect.stringContaining("ENOENT"), place: { file: join(directory, "none") } }] });
    write({ apiVersion: "v1", kind: "Config", clusters: [], users: [], contexts: [], "current-context": "gone" });
    expect(await connectCluster({ kubeconfig: join(directory, "config") })).toMatchObject({ ok: false, problems: [{ message: "no cluster to read: the kubeconfig has no cluster for context `gone`" }] });
    writeFileSync(join(directory, "config"), "");
    expect(await connectCluster({ kubeconfig: join(directory, "config") })).toMatchObject({ ok: false, problems: [{ message: expect.stringMatching(/^no cluster to read: the kubeconfig is empty/), place: { file: join(directory, "config") } }] });
    write(configOf("https://127.0.0.1:1", "x", "t"));
    expect(await connectCluster({ kubeconfig: join(directory, "config"), context: "other" })).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining("`other`") }] });
  });
});
