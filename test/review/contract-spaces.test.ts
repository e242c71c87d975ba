import { describe, expect, it } from "vitest";
import { around, ask, allowances, APP, baselineOf, both, BUILD, byName, cluster, clusterWithout, create, defaultDeny, dns, egressTo, endpoints, fresh, gateway, ingressFrom, KF, kfPolicy, np, ns, outcome, ownedBySpace, pod, remove, sel, space, spaceNs, tcp, uidOf, update, withSpec, find, openSpace, closedSpace, plain } from "./fixtures/contract.js";
import { snapshotOf } from "./world.js";
import type { KubeObject } from "../../src/model/kubernetes.js";

const world = cluster();
const P = "PermitAll";
const D = "DenyAll";
const APP_EGRESS = ["kf/dns", "kf/google-apis", "kf/mesh", "kf/workload-identity"];

describe("kf/space values", () => {
  it.each([
    ["nothing set", space("s"), []],
    ["empty texts", space("s", { ingress: "", egress: "" }, { ingress: "", egress: "" }), []],
    ["PermitAll", space("s", { ingress: P, egress: P }, { ingress: P, egress: P }), []],
    ["lower case", space("s", { ingress: "denyall" }), ["kf/space"]],
    ["app egress", space("s", { egress: "Deny" }), ["kf/space"]],
    ["build ingress", space("s", {}, { ingress: "AllowAll" }), ["kf/space"]],
    ["build egress", space("s", {}, { egress: "permitAll" }), ["kf/space"]],
    ["a number", space("s", {}, { egress: 1 }), ["kf/space"]],
    ["no spec", { apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name: "s" } }, []],
    ["empty spec", { apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name: "s" }, spec: {} }, []],
    ["null networkConfig", { apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name: "s" }, spec: { networkConfig: null } }, []],
    ["null policy", { apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name: "s" }, spec: { networkConfig: { appNetworkPolicy: null } } }, []],
    ["null value", space("s", { ingress: null }), []],
  ] as const)("CREATE: %s", (_what, object, deny) => expect(create(world, object as unknown as KubeObject).deny).toEqual(deny));
  it("UPDATE to a wrong value, and DELETE of one that has it", () => {
    expect(update(world, space("open"), space("open", { egress: "Nope" })).deny).toEqual(["kf/space"]);
    expect(remove(world, space("open", { egress: "Nope" })).allowed).toBe(true);
  });
  it("status is not judged", () => expect(ask(world, "UPDATE", space("open", { egress: "Nope" }), { old: space("open"), request: { subResource: "status" } }).allowed).toBe(true));
  it("a Space of another group is nobody's", () => expect(create(world, { ...space("s", { egress: "Nope" }), apiVersion: "example.com/v1" }).deny).toEqual([]));
});

describe("DenyAll", () => {
  it.each([
    ["app egress", { egress: D }, {}, true],
    ["app ingress", { ingress: D }, {}, true],
    ["build egress", {}, { egress: D }, true],
    ["build ingress: builds need none", {}, { ingress: D }, false],
    ["all PermitAll", { ingress: P, egress: P }, { ingress: P, egress: P }, false],
  ])("of the open Space, without policies: %s", (_what, app, build, warned) => {
    const answer = update(world, space("open"), space("open", app, build));
    expect(outcome(answer)).toEqual({ deny: [], warn: warned ? ["kf/space"] : [] });
    expect(update(world, space("open"), space("open", app, build), { settings: { denyAllWithoutPolicies: "deny" } }).deny).toEqual(warned ? ["kf/space"] : []);
  });
  it("where policies allow what is needed, nothing is said", () => {
    const ready = cluster(...allowances("open"));
    const deny = { ingress: D, egress: D };
    expect(outcome(update(ready, space("open"), space("open", deny, deny)))).toEqual({ deny: [], warn: [] });
    expect(outcome(update(ready, space("open"), space("open", deny, deny), { settings: { denyAllWithoutPolicies: "deny" } }))).toEqual({ deny: [], warn: [] });
  });
  it("says which flows", () => {
    const settings = { denyAllWithoutPolicies: "deny" };
    const answer = update(world, space("open"), space("open", { egress: D }), { settings });
    for (const text of ["Workload Identity", "Google APIs", "control plane"]) expect(answer.message).toContain(text);
    expect(answer.message).not.toContain("ingress gateway breaks");
  });
  it("a new Space with DenyAll", () => {
    expect(outcome(create(world, space("young", { egress: D })))).toEqual({ deny: [], warn: ["kf/space"] });
    expect(create(world, space("young", { egress: D }), { settings: { denyAllWithoutPolicies: "deny" } }).deny).toEqual(["kf/space"]);
    expect(outcome(create(world, space("young")))).toEqual({ deny: [], warn: [] });
  });
  it("from DenyAll to PermitAll", () => {
    const deny = { ingress: D, egress: D };
    expect(outcome(update(world, space("closed", deny, deny), space("closed")))).toEqual({ deny: [], warn: [] });
  });
  it("a wrong value is not a broken flow", () => {
    expect(update(world, space("open"), space("open", { egress: "Nope" })).warn).toEqual([]);
  });
  it("labels of the Space that reach its namespace", () => {
    const by = np("kube-system", "only", ingressFrom([{ namespaceSelector: sel({ dns: "yes" }) }, byName("kf"), byName("closed"), byName("shop"), byName("bare"), byName("legacy")], both));
    const labelled = spaceNs("open", { dns: "yes" });
    const w = snapshotOf(...around, ...dns, endpoints(), gateway(), ...openSpace.filter((o) => o.kind !== "Namespace" && o.kind !== "Space"), labelled, space("open", {}, {}, { labels: { dns: "yes" } }), by, ...plain);
    const old = space("open", {}, {}, { labels: { dns: "yes" } });
    expect(outcome(update(w, old, space("open")))).toEqual({ deny: [], warn: ["kf/space"] });
    expect(update(w, old, space("open"), { settings: { denyAllWithoutPolicies: "deny" } }).deny).toEqual(["kf/space"]);
    expect(outcome(update(w, old, space("open", {}, {}, { labels: { dns: "yes", x: "y" } })))).toEqual({ deny: [], warn: [] });
  });
  it("an unchanged broken Space is at most warned about", () => {
    const broken = snapshotOf(...around, ...dns, endpoints(), gateway(), space("b", { egress: D }), spaceNs("b"), kfPolicy("b", "app", P, D), kfPolicy("b", "build", P, P), ...baselineOf("b"));
    const old = space("b", { egress: D });
    expect(update(broken, old, { ...old, metadata: { ...old.metadata, annotations: { a: "b" } } }, { settings: { denyAllWithoutPolicies: "deny" } }).deny).toEqual([]);
  });
});

describe("Kf's own writes", () => {
  const closing = (which: "app" | "build" = "app") => kfPolicy("open", which, D, D);
  const old = kfPolicy("open", "app", P, P);
  const broken = ["kf/east-west", "kf/google-apis", "kf/ingress-gateway", "kf/mesh", "kf/workload-identity"];
  const unowned = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, ownerReferences: [] } });
  const renamed = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, name: "another-policy" } });
  it.each([
    ["identity, owner, name", KF, closing(), old, true],
    ["no identity", "developer", closing(), old, false],
    ["no owner", KF, unowned(closing()), unowned(old), false],
    ["no name", KF, renamed(closing()), renamed(old), false],
  ])("%s", (_what, user, object, before, admitted) => {
    const replaced = snapshotOf(...around, ...dns, endpoints(), gateway(), ...openSpace.filter((o) => o.metadata.name !== "space-app-policy"), before);
    const answer = update(replaced, before, object, { user });
    expect(answer.allowed).toBe(admitted);
    if (admitted) expect(answer.warn).toEqual(broken);
    else expect(answer.deny).toEqual(broken);
  });
  it("the build policy, and a DELETE", () => {
    expect(update(world, kfPolicy("open", "build", P, P), closing("build"), { user: KF })).toMatchObject({ allowed: true });
    expect(remove(world, old, { user: KF })).toMatchObject({ allowed: true, warn: broken });
    expect(remove(world, old).deny).toEqual(broken);
  });
  it("CREATE of all eight", () => {
    const young = snapshotOf(...around, ...dns, endpoints(), gateway(), space("y"), spaceNs("y"));
    for (const which of ["app", "build"] as const) for (const ingress of [P, D]) for (const egress of [P, D]) {
      const answer = create(young, kfPolicy("y", which, ingress, egress), { user: KF });
      expect(answer.allowed).toBe(true);
      expect(answer.warn).not.toContain("baseline/allow-all");
    }
  });
  it("kfIdentities says who Kf is", () => {
    expect(update(world, old, closing(), { user: "ops", settings: { kfIdentities: ["ops"] } }).allowed).toBe(true);
    expect(update(world, old, closing(), { user: KF, settings: { kfIdentities: ["ops"] } }).allowed).toBe(false);
  });
  it("an owner that is not a Space, or does not control", () => {
    const by = (owner: Record<string, unknown>) => ({ ...closing(), metadata: { ...closing().metadata, ownerReferences: [{ ...ownedBySpace("open")[0], ...owner }] } }) as unknown as KubeObject;
    expect(update(world, old, by({ apiVersion: "example.com/v1" }), { user: KF }).allowed).toBe(false);
    expect(update(world, old, by({ controller: false }), { user: KF }).allowed).toBe(false);
  });
  it("a user's change says that Kf will undo it", () => {
    expect(update(world, old, closing()).message).toContain("Kf owns this policy and will undo the change");
    expect(update(world, old, { ...old, metadata: { ...old.metadata, annotations: { a: "b" } } }).allowed).toBe(true);
  });
  it("its other policies are judged like any", () => {
    expect(remove(world, find("NetworkPolicy", "closed", "allow-metadata"), { user: KF }).deny).toEqual(["kf/workload-identity"]);
  });
  it("its namespace labels", () => {
    expect(update(world, spaceNs("open"), spaceNs("open", { a: "b" }), { user: KF }).allowed).toBe(true);
    expect(update(world, spaceNs("open"), ns("open", {}, { ownerReferences: ownedBySpace("open") }), { user: KF }).allowed).toBe(true);
    const by = np("kube-system", "only", ingressFrom([{ namespaceSelector: sel({ dns: "yes" }) }], both));
    const labelled = spaceNs("open", { dns: "yes" });
    const w = snapshotOf(...around, ...dns, endpoints(), gateway(), ...openSpace.filter((o) => o.kind !== "Namespace"), labelled, by);
    expect(update(w, labelled, spaceNs("open"), { user: KF })).toMatchObject({ allowed: true, warn: ["baseline/dns", "kf/dns"] });
    expect(update(w, labelled, spaceNs("open")).deny).toEqual(["baseline/dns", "kf/dns"]);
  });
  it("the namespace of a Space that is new", () => {
    expect(create(cluster(space("young")), spaceNs("young"), { user: KF })).toMatchObject({ allowed: true, warn: [] });
    expect(create(cluster(space("young")), spaceNs("young"))).toMatchObject({ allowed: true });
    expect(create(cluster(), spaceNs("young")).deny).toEqual(["baseline/declared"]);
    expect(uidOf("young")).toBe("uid-of-young");
  });
});

describe("setting up", () => {
  const declared = ns("young", {}, { annotations: { "sluice.dev/baseline": "default-deny-dns" } });
  const young = (...more: KubeObject[]) => cluster(declared, ...more);
  const deny = defaultDeny("young");
  const [allow] = baselineOf("young") as [KubeObject, KubeObject];
  it("default-deny may come first", () => {
    expect(outcome(create(young(), deny))).toEqual({ deny: [], warn: ["baseline/dns"] });
    expect(outcome(create(young(deny), allow))).toEqual({ deny: [], warn: [] });
  });
  it("and allow-dns may", () => {
    // It isolates egress for DNS itself; ingress is not isolated yet.
    expect(create(young(), allow).deny).toEqual([]);
    expect(outcome(create(young(allow), deny))).toEqual({ deny: [], warn: [] });
  });
  it("any policy that isolates early", () => {
    expect(create(young(), np("young", "db", egressTo([{ podSelector: {} }], tcp(5432))))).toMatchObject({ deny: [], warn: expect.arrayContaining(["baseline/dns"]) as unknown });
    const udp = np("young", "allow-dns", egressTo([byName("kube-system")], [{ protocol: "UDP", port: 53 }]));
    expect(update(young(deny, allow), allow, udp).deny).toEqual(["baseline/dns"]);
    expect(update(young(allow), allow, udp).deny).toEqual([]);
  });
  it("DELETE never profits", () => {
    expect(remove(young(deny), deny).deny).toEqual(["baseline/default-deny"]);
    expect(remove(young(deny, allow), allow).deny).toEqual(["baseline/dns"]);
  });
  it.each([
    ["a running pod", pod("young", "p"), ["baseline/dns"]],
    ["a pending pod", pod("young", "p", { phase: "Pending", ip: null }), ["baseline/dns"]],
    ["a finished pod", pod("young", "p", { phase: "Succeeded" }), []],
    ["a failed pod", pod("young", "p", { phase: "Failed" }), []],
    ["a hostNetwork pod", pod("young", "p", { spec: { hostNetwork: true } }), []],
  ])("with %s", (_what, running, rules) => expect(create(young(running), deny).deny).toEqual(rules));
  it("a namespace that has its baseline is not being set up", () => {
    const cut = np("young", "allow-dns", { podSelector: {}, policyTypes: ["Egress"] });
    expect(update(young(deny, allow), allow, cut).deny).toEqual(["baseline/dns"]);
  });
  it("flows of other packs stay strict", () => {
    const bareSpace = [space("sp"), spaceNs("sp")];
    expect(create(cluster(...bareSpace), defaultDeny("sp"))).toMatchObject({ deny: ["kf/buildpacks", "kf/dns", "kf/east-west", "kf/google-apis", "kf/ingress-gateway", "kf/kube-apiserver", "kf/mesh", "kf/registry", "kf/workload-identity"], warn: ["baseline/dns", "kf/east-west"] });
    const made = [...bareSpace, kfPolicy("sp", "app", P, P), kfPolicy("sp", "build", P, P)];
    expect(create(cluster(...made), defaultDeny("sp"))).toMatchObject({ deny: [], warn: ["baseline/dns"] });
  });
  it("only of the namespace itself: cutting the DNS of one that is set up elsewhere is refused", () => {
    const w = snapshotOf(...around, ...dns, declared);
    expect(create(w, np("kube-system", "cut", { podSelector: {}, policyTypes: ["Ingress"] })).deny).toContain("baseline/dns");
  });
  it("Provision and Hold are no different", () => {
    for (const onNamespaceCreate of ["Hold", "Provision"]) expect(create(young(), deny, { settings: { onNamespaceCreate } }).deny).toEqual([]);
  });
  it("nothing changes for namespaces with pods and no baseline", () => expect(create(world, defaultDeny("legacy")).deny).toEqual(["baseline/dns"]));
  it("an UPDATE that takes isolation away is none that isolates early", () => {
    // "a policy CREATE or UPDATE that isolates before its allowances arrive is admitted": this one opens
    expect(update(young(deny), deny, np("young", "default-deny", { podSelector: {}, policyTypes: ["Ingress"] })).deny).toEqual(["baseline/default-deny"]);
  });
  it("a policy set that is a baseline at once", () => {
    const one = np("young", "all", { podSelector: {}, policyTypes: ["Ingress", "Egress"], egress: [{ to: [byName("kube-system")], ports: both }] });
    expect(outcome(create(young(), one))).toEqual({ deny: [], warn: [] });
    expect(create(young(one), fresh("young", {})).deny).toEqual([]);
    expect(remove(young(one), one).deny).toEqual(["baseline/default-deny"]);
  });
});
void clusterWithout; void closedSpace; void withSpec; void APP; void BUILD; void APP_EGRESS;
