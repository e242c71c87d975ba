import { describe, expect, it } from "vitest";
import { ask, cluster, create, KF, ns, ownedBySpace, remove, spaceNs, update, withLabels, uidOf } from "./fixtures/contract.js";

const world = cluster();
const annotated = (name: string, value: string) => ns(name, {}, { annotations: { "sluice.dev/baseline": value } });

describe("baseline/declared", () => {
  it.each([
    ["undeclared", ns("new"), {}, ["baseline/declared"], []],
    ["declared", annotated("new", "default-deny-dns"), {}, [], []],
    ["declared with an unknown name", annotated("new", "nope"), {}, ["baseline/declared"], []],
    ["declared with an empty name", annotated("new", ""), {}, ["baseline/declared"], []],
    ["undeclared, Hold", ns("new"), { settings: { onNamespaceCreate: "Hold" } }, [], ["baseline/declared"]],
    ["declared, Hold", annotated("new", "default-deny-dns"), { settings: { onNamespaceCreate: "Hold" } }, [], []],
    // "CREATE without ... (`onNamespaceCreate: Deny`), or with a name that no pack defines": the second part has no condition
    ["an unknown name, Hold", annotated("new", "nope"), { settings: { onNamespaceCreate: "Hold" } }, ["baseline/declared"], []],
    ["an unknown name, Provision", annotated("new", "nope"), { settings: { onNamespaceCreate: "Provision" } }, ["baseline/declared"], []],
    ["by Kf", ns("new"), { user: KF }, [], []],
    ["by somebody named like Kf", ns("new"), { user: "system:serviceaccount:kf:webhook" }, ["baseline/declared"], []],
    ["by another identity that is set", ns("new"), { user: "ops", settings: { kfIdentities: ["ops"] } }, [], []],
    ["by Kf when the identity is set otherwise", ns("new"), { user: KF, settings: { kfIdentities: ["ops"] } }, ["baseline/declared"], []],
    ["labelled managed-by kf by a developer", ns("new", { "app.kubernetes.io/managed-by": "kf" }), {}, ["baseline/declared"], []],
  ] as const)("%s", (_what, object, asked, deny, warn) => {
    const answer = create(world, object, asked as never);
    expect([answer.deny, answer.warn]).toEqual([deny, warn]);
  });

  it("Provision admits an undeclared one", () => expect(create(world, ns("new"), { settings: { onNamespaceCreate: "Provision" } }).allowed).toBe(true));

  it.each(["kube-system", "kube-public", "kube-node-lease", "gke-managed-cim", "gmp-public", "istio-system", "asm-gateways", "tekton-pipelines", "tekton-pipelines-resolvers", "cnrm-system",
    "configconnector-operator-system", "kf", "kf-csb", "appdevexperience", "adx-builds-system", "sluice-system"])("exempt: %s", (name) => expect(create(world, ns(name)).deny).toEqual([]));
  it.each(["kube-systems", "my-gke-x", "gke", "kfx", "kf-csb2", "istio-systems", "default2", "tekton"])("not exempt: %s", (name) => expect(create(world, ns(name)).deny).toEqual(["baseline/declared"]));
  it("exemptNamespaces adds names and patterns, and keeps the others", () => {
    const settings = { exemptNamespaces: ["team-*", "lab"] };
    expect(create(world, ns("team-a"), { settings }).deny).toEqual([]);
    expect(create(world, ns("lab"), { settings }).deny).toEqual([]);
    expect(create(world, ns("gke-x"), { settings }).deny).toEqual([]);
    expect(create(world, ns("labs"), { settings }).deny).toEqual(["baseline/declared"]);
  });

  describe("by ownerReference", () => {
    const owned = (name: string, owner: Record<string, unknown>) => ns(name, {}, { ownerReferences: [{ ...ownedBySpace("open")[0], ...owner }] });
    it.each([
      ["the Space's own", owned("open", {}), []],
      ["another uid", owned("open", { uid: "other" }), ["baseline/declared"]],
      ["not controlling", owned("open", { controller: false }), ["baseline/declared"]],
      ["another name than the Space's", owned("open2", {}), ["baseline/declared"]],
      ["a Space that does not exist", owned("gone", { name: "gone", uid: uidOf("gone") }), ["baseline/declared"]],
      ["another group", owned("open", { apiVersion: "example.com/v1" }), ["baseline/declared"]],
    ])("%s", (_what, object, deny) => expect(create(world, object).deny).toEqual(deny));
  });
});

describe("kf/space-namespace", () => {
  const old = spaceNs("open");
  const without = withLabels(old, { "istio.io/rev": "asm-managed" });
  const orphan = { ...old, metadata: { ...old.metadata, ownerReferences: [] } };
  it.each([
    ["removes the label", old, without, {}, ["kf/space-namespace"]],
    ["changes the label", old, withLabels(old, { "app.kubernetes.io/managed-by": "me" }), {}, ["kf/space-namespace"]],
    ["removes the owner", old, orphan, {}, ["kf/space-namespace"]],
    ["removes the label, by Kf", old, without, { user: KF }, []],
    ["adds a label", old, withLabels(old, { ...old.metadata.labels, team: "a" }), {}, []],
    ["nothing", old, old, {}, []],
  ] as const)("%s", (_what, before, after, asked, deny) => expect(update(world, before, after, asked).deny).toEqual(deny));
  it("label and owner are free when the Space does not exist", () => {
    const lonely = ns("lonely", { "app.kubernetes.io/managed-by": "kf" });
    expect(update(cluster(lonely), lonely, ns("lonely")).deny).toEqual([]);
    const gone = spaceNs("gone");
    expect(update(cluster(gone), gone, ns("gone")).deny).toEqual([]);
  });
  it("a Space by label only is one too while the Space of that name exists", () => {
    const labelOnly = ns("open", { "app.kubernetes.io/managed-by": "kf" });
    expect(update(world, labelOnly, ns("open")).deny).toEqual(["kf/space-namespace"]);
  });
});

describe("other namespace changes", () => {
  it("DELETE is always admitted", () => {
    for (const name of ["shop", "open", "closed", "kube-system", "asm-gateways"]) expect(remove(world, ns(name)).allowed).toBe(true);
  });
  it("removing the annotation later is free", () => {
    const old = annotated("shop", "default-deny-dns");
    expect(update(world, old, ns("shop")).deny).toEqual([]);
    expect(update(world, ns("shop"), annotated("shop", "nope")).deny).toEqual([]);
  });
  it("status and finalize are not judged", () => {
    expect(ask(world, "UPDATE", ns("open"), { old: spaceNs("open"), request: { subResource: "finalize" } }).allowed).toBe(true);
  });
  it("UPDATE of a terminating one goes through", () => {
    const old = spaceNs("open");
    const going = { ...old, metadata: { ...old.metadata, deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["a/b"] } };
    expect(update(world, going, { ...going, metadata: { ...going.metadata, finalizers: [] } }).allowed).toBe(true);
  });
});
