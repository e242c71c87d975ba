import { Registry } from "prom-client";
import { afterEach, describe, expect, test, vi } from "vitest";
import { readObject } from "../../src/dialects/index.js";
import { refOf, type KubeObject } from "../../src/model/kubernetes.js";
import type { Change } from "../../src/model/snapshot.js";
import { planProvision } from "../../src/review/provision-plan.js";
import { LiveSnapshot } from "../../src/server/live-snapshot.js";
import { Provisioner } from "../../src/upkeep/provision.js";
import type { Written } from "../../src/upkeep/provision-write.js";
import { compilePacks } from "../../src/packs/compile.js";
import { parseProfile } from "../../src/packs/profile.js";
import { baselineOf, kfPolicy, ns, np, pod, space, spaceNs } from "../review/fixtures/contract.js";
import { objectsInFolder, shippedPacks } from "../review/world.js";
import { keptLog } from "../server/small-app.js";

const PACE = { pauseMs: 2, maxPauseMs: 8, refusedMs: 60_000 };
const running: Provisioner[] = [];
afterEach(() => running.splice(0).forEach((one) => one.stop()));

/** The shipped packs, with the provision of Spaces changed. */
function packsWith(changes: object) {
  const packs = objectsInFolder("policies").filter(({ kind }) => kind === "RulePack").map((pack) => {
    const spec = pack["spec"] as { provisions?: object[] };
    return pack.metadata.name === "kf" ? { ...pack, spec: { ...spec, provisions: (spec.provisions ?? []).map((one) => ({ ...one, ...changes })) } } : pack;
  });
  const profile = parseProfile({});
  const compiled = profile.ok ? compilePacks(packs, { settings: {}, profile: profile.value }) : profile;
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.value;
}

const withUid = (object: KubeObject, uid = `uid-${object.metadata.name}`): KubeObject => ({ ...object, metadata: { ...object.metadata, uid } });
const puts = (objects: readonly KubeObject[]): Change[] => objects.flatMap((object) => readObject(object).facts).map((put) => ({ put }));
const openSpace = (name: string): KubeObject[] => [space(name), withUid(spaceNs(name)), kfPolicy(name, "app", "PermitAll", "PermitAll"), kfPolicy(name, "build", "PermitAll", "PermitAll")];

/** A provisioner between a snapshot and an API server that answers as `answer` says and shows what it stores. */
function setUp({ settings = {}, packs = shippedPacks(settings), answer = () => ({ result: "written" }) }: { settings?: Record<string, unknown>; packs?: ReturnType<typeof shippedPacks>; answer?: (policy: KubeObject) => Written | Promise<Written> } = {}) {
  const live = new LiveSnapshot();
  const { log, lines } = keptLog();
  const registry = new Registry();
  const asked: string[] = [];
  const change = (changes: readonly Change[]): void => {
    const before = live.current;
    live.apply(changes);
    provisioner.observe(changes, before);
  };
  const write = async (policy: KubeObject): Promise<Written> => {
    asked.push(`${policy.metadata.namespace}/${policy.metadata.name}`);
    const written = await answer(policy);
    if (written.result === "written") change(puts([policy]));
    return written;
  };
  const provisioner = new Provisioner({ live, plan: (what, snapshot) => planProvision(what, snapshot, packs), write, registry, log, pace: PACE });
  running.push(provisioner);
  const metric = async (name: string): Promise<string[]> => (await registry.getSingleMetricAsString(name)).split("\n").filter((line) => line.startsWith(`${name}{`));
  return { provisioner, asked, lines, metric, put: (...objects: KubeObject[]) => change(puts(objects)), remove: (object: KubeObject) => change([{ remove: refOf(object) }]) };
}

/** Every look that is due has been taken: a namespace that comes last has been given its policies. */
async function untilQuiet({ asked, put }: ReturnType<typeof setUp>, name = "last"): Promise<void> {
  put(...openSpace(name));
  await vi.waitFor(() => expect(asked).toContain(`${name}/default-deny`));
}

describe("an observed namespace", () => {
  test("of a Space is given the policies of its baseline in their order, labelled, and never again", async () => {
    const world = setUp();
    world.provisioner.start();
    world.put(...openSpace("a"));
    await vi.waitFor(() => expect(world.asked).toEqual(["a/allow-dns", "a/default-deny"]));
    world.put(...openSpace("a"));
    await untilQuiet(world);
    expect(world.asked.filter((name) => name.startsWith("a/"))).toHaveLength(2);
    expect(world.lines()).toContainEqual(expect.objectContaining({ msg: "baseline provided", namespace: "a", policies: ["allow-dns", "default-deny"] }));
    expect(await world.metric("sluice_provision_writes_total")).toEqual(['sluice_provision_writes_total{result="written"} 4']);
  });

  test("is given nothing when no provision fits, whoever labels it", async () => {
    const world = setUp();
    world.provisioner.start();
    world.put(withUid(ns("plain")), withUid(ns("claimed", { "app.kubernetes.io/managed-by": "kf" })), withUid(ns("kube-system")), withUid(spaceNs("orphan")));
    await untilQuiet(world);
    expect(world.asked).toEqual(["last/allow-dns", "last/default-deny"]);
  });

  test("is given its policies when the watch of its Space comes later", async () => {
    const world = setUp();
    world.provisioner.start();
    world.put(withUid(spaceNs("a")));
    await untilQuiet(world);
    world.put(space("b"), space("a"));
    await vi.waitFor(() => expect(world.asked).toContain("a/default-deny"));
  });

  test("made anew under the same name is another one", async () => {
    const world = setUp();
    world.provisioner.start();
    world.put(...openSpace("a"));
    await vi.waitFor(() => expect(world.asked).toHaveLength(2));
    world.remove(ns("a"));
    world.put(withUid(spaceNs("a"), "second"));
    await vi.waitFor(() => expect(world.asked).toEqual(["a/allow-dns", "a/default-deny", "a/allow-dns", "a/default-deny"]));
  });

  test("with `onNamespaceCreate: Provision` is given them as well, the older ones are not", async () => {
    const world = setUp({ settings: { onNamespaceCreate: "Provision" } });
    world.put(withUid(ns("older")));
    world.provisioner.start();
    world.put(withUid(ns("newer")));
    await vi.waitFor(() => expect(world.asked).toEqual(["newer/allow-dns", "newer/default-deny"]));
  });

  test("that terminates is left alone", async () => {
    const world = setUp();
    world.provisioner.start();
    world.put(space("a"), { ...withUid(spaceNs("a")), status: { phase: "Terminating" } });
    await untilQuiet(world);
    expect(world.asked).not.toContain("a/allow-dns");
  });
});

describe("a Space that is older than Sluice", () => {
  test("is given its policies once every kind is synced, and not before", async () => {
    const world = setUp();
    world.put(...openSpace("a"));
    expect(world.asked).toEqual([]);
    expect(world.provisioner.isPending("a")).toBe(false);
    world.provisioner.start();
    expect(world.provisioner.isPending("a")).toBe(true);
    await vi.waitFor(() => expect(world.asked).toEqual(["a/allow-dns", "a/default-deny"]));
  });

  test("keeps its pods: it is given nothing while one that is not isolated runs, and the log names it", async () => {
    const world = setUp();
    world.put(...openSpace("a"), pod("a", "app", { labels: { "kf.dev/networkpolicy": "app" } }), pod("a", "stray"));
    world.provisioner.start();
    await vi.waitFor(() => expect(world.lines()).toContainEqual(expect.objectContaining({ namespace: "a", reason: "it would cut off running pods: a/stray" })));
    expect(await world.metric("sluice_provision_namespaces_left")).toContain('sluice_provision_namespaces_left{reason="cuts-off"} 1');
    world.remove(pod("a", "app"));
    await untilQuiet(world);
    expect(world.asked).not.toContain("a/allow-dns");
    world.put(pod("a", "stray", { phase: "Succeeded" }));
    await vi.waitFor(() => expect(world.asked).toContain("a/default-deny"));
    expect(await world.metric("sluice_provision_namespaces_left")).toContain('sluice_provision_namespaces_left{reason="cuts-off"} 0');
  });

  test("whose baseline holds by other policies is left as it is", async () => {
    const world = setUp();
    world.put(...openSpace("a"), ...baselineOf("a").map((policy, i) => ({ ...policy, metadata: { ...policy.metadata, name: `own-${i}` } })));
    world.provisioner.start();
    await untilQuiet(world);
    expect(world.asked).toEqual(["last/allow-dns", "last/default-deny"]);
  });
});

describe("what is deleted", () => {
  const deleted = async (packs: ReturnType<typeof shippedPacks>): Promise<readonly string[]> => {
    const world = setUp({ packs });
    world.provisioner.start();
    world.put(...openSpace("a"));
    await vi.waitFor(() => expect(world.asked).toHaveLength(2));
    world.remove(np("a", "allow-dns", {}));
    await untilQuiet(world);
    return world.asked.slice(2).filter((name) => name.startsWith("a/"));
  };
  test("stays deleted", async () => expect(await deleted(shippedPacks())).toEqual([]));
  test("comes back, alone, when the pack says so", async () => expect(await deleted(packsWith({ restore: true }))).toEqual(["a/allow-dns"]));
  test("stays deleted when it was somebody else's", async () => {
    const world = setUp({ packs: packsWith({ restore: true }) });
    world.put(...openSpace("a"), ...baselineOf("a"));
    world.provisioner.start();
    await untilQuiet(world);
    world.remove(np("a", "allow-dns", {}));
    await untilQuiet(world, "later");
    expect(world.asked.filter((name) => name.startsWith("a/"))).toEqual([]);
  });
});

describe("a write that does not succeed", () => {
  test("is tried again from the first policy, so that the deny never stands alone", async () => {
    const answers: Written[] = [{ result: "failed", detail: "no endpoints" }, { result: "written" }, { result: "failed" }];
    const world = setUp({ answer: () => answers.shift() ?? { result: "written" } });
    world.provisioner.start();
    world.put(...openSpace("a"));
    await vi.waitFor(() => expect(world.asked).toEqual(["a/allow-dns", "a/allow-dns", "a/default-deny", "a/allow-dns", "a/default-deny"]));
    expect(world.lines()).toContainEqual(expect.objectContaining({ namespace: "a", failures: 1, reason: "no endpoints" }));
    expect(await world.metric("sluice_provision_namespaces_left")).toContain('sluice_provision_namespaces_left{reason="failed"} 0');
  });

  test("for want of the right is told once, and tried again when the namespace changes", async () => {
    let allowed = false;
    const world = setUp({ answer: () => ({ result: allowed ? "written" : "refused", detail: "may not" }) });
    world.put(...openSpace("a"));
    world.provisioner.start();
    await vi.waitFor(() => expect(world.lines().filter(({ reason }) => reason === "may not")).toHaveLength(1));
    expect(world.provisioner.isPending("a")).toBe(false);
    expect(await world.metric("sluice_provision_namespaces_left")).toContain('sluice_provision_namespaces_left{reason="refused"} 1');
    world.put(withUid(spaceNs("a", { team: "x" })));
    await vi.waitFor(() => expect(world.asked).toEqual(["a/allow-dns", "a/allow-dns"]));
    allowed = true;
    world.put(withUid(spaceNs("a", { team: "y" })));
    await vi.waitFor(() => expect(world.asked).toContain("a/default-deny"));
    expect(world.lines().filter(({ reason }) => reason === "may not")).toHaveLength(1);
  });

  test.each(["foreign", "conflict"] as const)("because the object is somebody else's (%s) is told, and the rest is written", async (result) => {
    const world = setUp({ answer: ({ metadata }) => (metadata.name === "allow-dns" ? { result, detail: "theirs" } : { result: "written" }) });
    world.provisioner.start();
    world.put(...openSpace("a"));
    await vi.waitFor(() => expect(world.asked).toEqual(["a/allow-dns", "a/default-deny"]));
    expect(world.lines()).toContainEqual(expect.objectContaining({ policy: "a/allow-dns", reason: "theirs" }));
    await untilQuiet(world);
    expect(world.asked.filter((name) => name.startsWith("a/"))).toHaveLength(2);
  });

  test("is given up when the namespace goes meanwhile", async () => {
    const world = setUp({ answer: ({ metadata }) => (metadata.namespace === "a" ? { result: "failed" } : { result: "written" }) });
    world.provisioner.start();
    world.put(...openSpace("a"));
    await vi.waitFor(() => expect(world.asked.length).toBeGreaterThan(1));
    world.remove(ns("a"));
    await untilQuiet(world);
    expect(world.provisioner.isPending("last")).toBe(false);
    expect(await world.metric("sluice_provision_namespaces_left")).toContain('sluice_provision_namespaces_left{reason="failed"} 0');
  });
});

describe("who waits", () => {
  test("is told when the policies are written, and when they will not be", async () => {
    const world = setUp({ answer: ({ metadata }) => ({ result: metadata.namespace === "b" ? "refused" : "written" }) });
    world.provisioner.start();
    const [given, refused, none] = ["a", "b", "plain"].map((name) => world.provisioner.settled(name, 60_000));
    expect(["a", "b", "plain"].map((name) => world.provisioner.isPending(name))).toEqual([true, true, true]);
    world.put(...openSpace("a"), ...openSpace("b"), withUid(ns("plain")));
    await Promise.all([given, refused, none]);
    expect(world.asked).toContain("a/default-deny");
    expect(world.asked).not.toContain("b/default-deny");
    await vi.waitFor(() => expect(["a", "b", "plain"].map((name) => world.provisioner.isPending(name))).toEqual([false, false, false]));
  });

  test("and comes too late to wait is told that it was so a moment ago", async () => {
    const world = setUp();
    world.provisioner.start();
    world.put(...openSpace("a"));
    expect(world.provisioner.wasPending("a", 0)).toBe(true);
    await vi.waitFor(() => expect(world.provisioner.isPending("a")).toBe(false));
    expect(world.provisioner.wasPending("a", 60_000)).toBe(true);
    expect(world.provisioner.wasPending("a", -1)).toBe(false);
  });

  test("waits no longer than it wants to", async () => {
    const world = setUp();
    world.provisioner.start();
    await world.provisioner.settled("never", 1);
  });
});
