import { describe, expect, it } from "vitest";
import { APP, ask, BUILD, cluster, create, find, fresh, ns, pod, TEKTON, update, withLabels, baselineOf, REPLICASETS } from "./fixtures/contract.js";

const world = cluster();
const set = (value: string) => [{ op: "add", path: "/metadata/labels/kf.dev~1networkpolicy", value }];
const owner = (apiVersion: string, kind: string, controller = true) => ({ ownerReferences: [{ apiVersion, kind, name: "o", uid: "1", controller }] });
const component = (value: string) => ({ "app.kubernetes.io/component": value });

describe("kf/pod-label", () => {
  it.each([
    ["an app", fresh("open", component("app-server")), "app"],
    ["a task", fresh("open", component("task")), "app"],
    ["a route service", fresh("open", component("route-service")), "app"],
    ["a task's TaskRun pod: the component comes first", fresh("open", { ...component("task"), "tekton.dev/taskRun": "t" }, { metadata: owner("tekton.dev/v1", "TaskRun") }), "app"],
    ["a TaskRun v1beta1", fresh("open", { a: "b" }, { metadata: owner("tekton.dev/v1beta1", "TaskRun") }), "build"],
    ["a TaskRun v1, not controlling", fresh("open", { a: "b" }, { metadata: owner("tekton.dev/v1", "TaskRun", false) }), "build"],
    ["a pod labelled with its TaskRun", fresh("open", { "tekton.dev/taskRun": "t", "app.kubernetes.io/managed-by": "tekton-pipelines" }), "build"],
    ["a build component without a TaskRun", fresh("open", component("build")), "app"],
    ["an AppDevExperience build", fresh("open", { a: "b" }, { metadata: owner("builds.appdevexperience.dev/v1alpha1", "Build") }), "build"],
    ["any kind of that group", fresh("open", { a: "b" }, { metadata: owner("builds.appdevexperience.dev/v9", "Other") }), "build"],
    ["another kind of Tekton", fresh("open", { a: "b" }, { metadata: owner("tekton.dev/v1", "PipelineRun") }), "app"],
    ["an unclassified pod", fresh("open", { a: "b" }), "app"],
    ["a ReplicaSet's", fresh("open", component("app-server"), { generateName: "shop-", metadata: owner("apps/v1", "ReplicaSet") }), "app"],
  ])("%s", (_what, object, value) => {
    const answer = create(world, object);
    expect([answer.deny, answer.patch]).toEqual([[], set(value)]);
  });

  it("a pod without labels, or with null ones, gets the whole map", () => {
    const whole = [{ op: "add", path: "/metadata/labels", value: { "kf.dev/networkpolicy": "app" } }];
    expect(create(world, fresh("open", undefined)).patch).toEqual(whole);
    expect(create(world, { ...fresh("open", undefined), metadata: { name: "n", namespace: "open", labels: null } } as never).patch).toEqual(whole);
  });
  it.each([
    ["labelled already", fresh("open", APP), {}],
    ["hostNetwork", fresh("open", {}, { spec: { hostNetwork: true } }), {}],
    ["not in a Space", fresh("shop", component("app-server")), {}],
    ["in an exempt namespace", fresh("kf", component("app-server")), {}],
    ["left alone by parameter", fresh("open", { a: "b" }), { settings: { unclassifiedPods: "leave" } }],
    ["mirror pod of a node", fresh("open", { a: "b" }, { metadata: { annotations: { "kubernetes.io/config.mirror": "x" } }, spec: { nodeName: "n1" } }), { user: "system:node:n1", groups: ["system:nodes"] }],
  ])("leaves alone: %s", (_what, object, asked) => expect(create(world, object, asked).patch).toEqual([]));
  it("leave and deny label what can be classified all the same", () => {
    for (const unclassifiedPods of ["leave", "deny"]) expect(create(world, fresh("open", component("task")), { settings: { unclassifiedPods } }).patch).toEqual(set("app"));
  });
  it("a mirror annotation written by a developer does not keep the label away", () => {
    // "mirror pods written by `system:nodes`" (admission.md); packs.md leaves out hostNetwork only
    const faked = fresh("open", { a: "b" }, { metadata: { annotations: { "kubernetes.io/config.mirror": "x" } }, spec: { nodeName: "n1" } });
    expect(create(world, faked).patch).toEqual(set("app"));
  });
  it("a Space by label only, and one by owner only, are Spaces", () => {
    const labelled = ns("l", { "app.kubernetes.io/managed-by": "kf" });
    expect(create(cluster(labelled, ...baselineOf("l")), fresh("l", { a: "b" })).patch).toEqual(set("app"));
    const owned = ns("o", {}, { ownerReferences: [{ apiVersion: "kf.dev/v1alpha1", kind: "Space", name: "o", uid: "x", controller: true }] });
    expect(create(cluster(owned, ...baselineOf("o")), fresh("o", { a: "b" })).patch).toEqual(set("app"));
  });
  it("unclassifiedPods: deny refuses as kf/pod-label, and not hostNetwork, labelled or classified ones", () => {
    const settings = { unclassifiedPods: "deny" };
    const refused = create(world, fresh("open", { a: "b" }), { settings });
    expect([refused.deny, refused.patch]).toEqual([["kf/pod-label"], []]);
    expect(create(world, fresh("open", {}, { spec: { hostNetwork: true } }), { settings }).deny).toEqual([]);
    expect(create(world, fresh("open", APP), { settings }).deny).toEqual([]);
    expect(create(world, fresh("open", { "tekton.dev/taskRun": "t" }), { settings }).deny).toEqual([]);
    expect(create(world, fresh("shop", { a: "b" }), { settings }).deny).toEqual([]);
  });
  it("is not asked of UPDATE", () => {
    const bare = pod("open", "bare", { labels: { a: "b" } });
    expect(update(cluster(bare), bare, withLabels(bare, { a: "c" })).patch).toEqual([]);
  });
  it("a refused pod carries no patch", () => {
    const lonely = ns("l", { "app.kubernetes.io/managed-by": "kf" });
    const answer = create(cluster(lonely), fresh("l", { a: "b" }));
    expect([answer.allowed, answer.patch, answer.response["patch"]]).toEqual([false, [], undefined]);
  });
});

describe("kf/pod-label-value", () => {
  it.each([["App"], ["build2"], [""], ["none"]])("CREATE with %j", (value) => expect(create(world, fresh("open", { "kf.dev/networkpolicy": value })).deny).toEqual(["kf/pod-label-value"]));
  it("CREATE with app, and any value outside of Spaces", () => {
    expect(create(world, fresh("open", APP)).deny).toEqual([]);
    expect(create(world, fresh("shop", { "kf.dev/networkpolicy": "zzz" })).deny).toEqual([]);
  });
  it("UPDATE to another value", () => {
    const bare = pod("open", "bare", { labels: {} });
    const w = cluster(bare);
    expect(update(w, bare, withLabels(bare, { "kf.dev/networkpolicy": "zzz" })).deny).toEqual(["kf/pod-label-value"]);
    expect(update(w, bare, withLabels(bare, { "kf.dev/networkpolicy": "app" })).deny).toEqual([]);
    const odd = pod("open", "odd", { labels: { "kf.dev/networkpolicy": "zzz" } });
    expect(update(cluster(odd), odd, withLabels(odd, { "kf.dev/networkpolicy": "zzz", a: "b" })).deny).toEqual([]);
  });
  it("hostNetwork pods too: every pod", () => expect(create(world, fresh("open", { "kf.dev/networkpolicy": "x" }, { spec: { hostNetwork: true } })).deny).toEqual(["kf/pod-label-value"]));
});

describe("kf/pod-label-claim", () => {
  const run = owner("tekton.dev/v1", "TaskRun");
  it.each([
    ["nothing behind it", fresh("closed", BUILD), {}, ["kf/pod-label-claim"]],
    ["a TaskRun label", fresh("closed", { ...BUILD, "tekton.dev/taskRun": "x" }), {}, []],
    ["a TaskRun owner", fresh("closed", BUILD, { metadata: run }), {}, []],
    ["an AppDevExperience owner", fresh("closed", BUILD, { metadata: owner("builds.appdevexperience.dev/v1alpha1", "Build") }), {}, []],
    ["another owner", fresh("closed", BUILD, { metadata: owner("apps/v1", "ReplicaSet") }), {}, ["kf/pod-label-claim"]],
    ["a component build only", fresh("closed", { ...BUILD, "app.kubernetes.io/component": "build" }), {}, ["kf/pod-label-claim"]],
    ["a TaskRun of another group", fresh("closed", BUILD, { metadata: owner("tekton.dev.evil/v1", "TaskRun") }), {}, ["kf/pod-label-claim"]],
    ["a TaskRun owner, wrong writer", fresh("closed", BUILD, { metadata: run }), { settings: { buildWriters: [TEKTON] } }, ["kf/pod-label-claim"]],
    ["a TaskRun owner, right writer", fresh("closed", BUILD, { metadata: run }), { settings: { buildWriters: [TEKTON] }, user: TEKTON }, []],
    ["right writer, nothing behind it", fresh("closed", BUILD), { settings: { buildWriters: [TEKTON] }, user: TEKTON }, ["kf/pod-label-claim"]],
    ["an app of anybody", fresh("closed", APP), { settings: { buildWriters: [TEKTON] }, user: REPLICASETS }, []],
    ["outside of Spaces", fresh("shop", BUILD), {}, []],
  ] as const)("%s", (_what, object, asked, deny) => expect(create(world, object, asked as never).deny).toEqual(deny));
});

describe("kf/pod-label-change", () => {
  const app = find("Pod", "closed", "billing-1");
  it.each([
    ["removes it", withLabels(app, { "app.kubernetes.io/component": "app-server" }), ["kf/pod-label-change"]],
    ["to build", withLabels(app, { ...app.metadata.labels, ...BUILD }), ["kf/pod-label-change"]],
    ["adds another label", withLabels(app, { ...app.metadata.labels, x: "y" }), []],
    ["an annotation", { ...app, metadata: { ...app.metadata, annotations: { a: "b" } } }, []],
  ])("%s", (_what, after, deny) => expect(update(world, app, after).deny.filter((rule) => rule.startsWith("kf/pod-label"))).toEqual(deny));
  it("to an unknown value: both rules", () => {
    const odd = withLabels(app, { ...app.metadata.labels, "kf.dev/networkpolicy": "x" });
    expect(update(world, app, odd).deny).toEqual(expect.arrayContaining(["kf/pod-label-change", "kf/pod-label-value"]));
  });
  it("outside of Spaces it is free", () => {
    const old = pod("shop", "p", { labels: APP });
    expect(update(cluster(old), old, withLabels(old, {})).deny).toEqual([]);
  });
  it("Kf's and Tekton's pod updates are untouched", () => {
    const build = find("Pod", "closed", "build-1");
    const nop = { ...build, spec: { containers: [{ name: "c", image: "nop" }] } };
    expect(update(world, build, nop, { user: "system:serviceaccount:kf:controller" })).toMatchObject({ allowed: true, warn: [], patch: [] });
    expect(ask(world, "UPDATE", build, { old: build, request: { subResource: "ephemeralcontainers" } }).allowed).toBe(true);
  });
});
