import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { denialMessage, warningsOf } from "../../src/reports/denial.js";
import { judge, request, rulesOf, snapshotOf } from "../review/world.js";
import { namespace, one, packOf, pod, policy, tryPack } from "./inline-pack.js";

const ZONES = `
  namespaces: {frontends: {matchLabels: {zone: frontend}}, stores: {matchLabels: {zone: data}}}
  rules:
    - id: zones
      check: forbid-flow
      enforcementAction: deny
      hold: deny
      with: {flows: [{what: traffic from frontends to data, subject: {namespaces: frontends}, egressTo: {pods: {namespaces: stores}}}]}`;
const packs = packOf(ZONES);

const ISOLATED = "{podSelector: {}, policyTypes: [Ingress, Egress]}";
const fromShop = (more = ""): string => `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}]${more}}]}`;
const shop = [namespace("shop", "{zone: frontend}"), pod("shop", "web", "{app: web}")];
const store = [namespace("store", "{zone: data}"), pod("store", "db", "{app: db}")];
const tools = [namespace("tools"), pod("tools", "job")];
const closed = policy("store", "closed", ISOLATED);
const world = snapshotOf(...shop, ...store, ...tools, closed);

const create = (object: KubeObject, snapshot = world) => judge(snapshot, request("CREATE", object), packs);
const update = (object: KubeObject, old: KubeObject, snapshot = world) => judge(snapshot, request("UPDATE", object, { old }), packs);

describe("a change that makes forbidden traffic possible", () => {
  it("is refused, and says who could reach whom, and by which rule", () => {
    const decision = create(policy("store", "open", fromShop(", ports: [{port: 5432}]")));
    expect(rulesOf(decision)).toEqual(["t/zones"]);
    expect(denialMessage(decision).split("\n")[0]).toBe(
      "[t/zones] traffic from frontends to data becomes possible for pods of namespace `shop`: pod `shop/web` to pod `store/db` on TCP 5432: no policy isolates the source for egress; ingress allowed by rule `spec.ingress[0]` of `store/open` (1 running pod affected)",
    );
    expect(decision.violations[0]).toMatchObject({ policies: ["store/open"], runningPods: 1 });
  });
  it("its twin lets in somebody else", () => {
    expect(create(policy("store", "open", fromShop().replace("shop", "tools")))).toMatchObject({ allowed: true, violations: [] });
  });
  it("DELETE of what isolates is one", () => expect(rulesOf(judge(world, request("DELETE", closed), packs))).toEqual(["t/zones"]));
  it("one open end changes nothing while the other is shut", () => {
    const both = snapshotOf(...shop, ...store, closed, policy("shop", "closed", ISOLATED));
    expect(create(policy("store", "open", fromShop()), both).allowed).toBe(true);
    const opened = snapshotOf(...shop, ...store, closed, policy("shop", "closed", ISOLATED), policy("store", "open", fromShop()));
    expect(rulesOf(create(policy("shop", "out", "{podSelector: {}, policyTypes: [Egress], egress: [{}]}"), opened))).toEqual(["t/zones"]);
  });
  it("what was possible before is only warned about", () => {
    const leaky = snapshotOf(...shop, ...store, closed, policy("store", "open", fromShop()));
    const decision = create(policy("shop", "more", "{podSelector: {}, policyTypes: [Egress], egress: [{}]}"), leaky);
    expect(decision.allowed).toBe(true);
    expect(warningsOf(decision)[0]).toContain("traffic from frontends to data is possible for pods of namespace `shop`");
    // What does not touch the flow is not told of it.
    expect(create(policy("shop", "more", "{podSelector: {}, policyTypes: [Ingress]}"), leaky)).toMatchObject({ allowed: true, violations: [], warnings: [] });
  });
});

describe("pods that do not run", () => {
  it("a rule for pods nobody has made yet counts", () => {
    const decision = create(policy("store", "open", "{podSelector: {matchLabels: {app: cache}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {zone: frontend}}, podSelector: {matchLabels: {role: admin}}}]}]}"));
    expect(denialMessage(decision)).toContain("a pod with labels `role=admin` in `shop` to a pod with labels `app=cache` in `store`");
  });
  it("so do namespaces nobody has made yet, as the side that reaches", () => {
    const named = policy("store", "open", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {zone: frontend, team: new}}}]}]}");
    expect(denialMessage(create(named))).toContain("becomes possible for pods of namespaces that do not exist yet");
  });
  it("and as the side that is reached", () => {
    const shut = snapshotOf(...shop, ...store, closed, policy("shop", "closed", ISOLATED));
    const out = policy("shop", "out", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {zone: data}}}]}]}");
    expect(rulesOf(create(out, shut))).toEqual(["t/zones"]);
  });
  it("a port by name is one that some pod could give that name", () => {
    expect(denialMessage(create(policy("store", "open", fromShop(", ports: [{port: sql}]"))))).toContain("a pod without labels in `store`");
  });
  it("`protects: ExistingPods` leaves them out", () => {
    const running = packOf(ZONES.replace("subject:", "protects: ExistingPods, subject:"));
    const cache = policy("store", "open", "{podSelector: {matchLabels: {app: cache}}, policyTypes: [Ingress], ingress: [{}]}");
    expect(judge(world, request("CREATE", cache), running).allowed).toBe(true);
    expect(rulesOf(judge(world, request("CREATE", policy("store", "open", fromShop())), running))).toEqual(["t/zones"]);
  });
});

describe("becoming an end of the flow", () => {
  const open = snapshotOf(...store, ...tools, closed, policy("store", "tools", fromShop().replace("shop", "tools")));
  const job = tools[0] as KubeObject;
  it("a namespace that is labelled into a zone is judged by what its pods can do", () => {
    expect(rulesOf(update(namespace("tools", "{zone: frontend}"), job, open))).toEqual(["t/zones"]);
    expect(update(namespace("tools", "{zone: backend}"), job, open).allowed).toBe(true);
    expect(update(namespace("tools", "{zone: frontend}"), job).allowed).toBe(true);
  });
  it("also as the side that is reached", () => {
    expect(rulesOf(update(namespace("tools", "{zone: data}"), job))).toEqual(["t/zones"]);
    expect(update(namespace("tools", "{zone: data}"), job, snapshotOf(...shop, ...tools, policy("tools", "closed", ISOLATED))).allowed).toBe(true);
  });
  const byPod = packOf(`
    namespaces: {all: {exempt: false}}
    rules:
      - {id: zones, check: forbid-flow, enforcementAction: deny, with: {flows: [{what: web to db, subject: {namespaces: all, matchLabels: {zone: web}}, egressTo: {pods: {namespaces: all, matchLabels: {zone: db}}}}]}}`);
  it.each([["web", "{zone: web}", "a", "b", "{zone: db}"], ["db", "{zone: db}", "b", "a", "{zone: web}"]])("a pod that is labelled %s", (_zone, labels, own, other, otherLabels) => {
    const old = pod(own, "p");
    const open = snapshotOf(namespace("a"), namespace("b"), old, pod(other, "q", otherLabels));
    expect(rulesOf(judge(open, request("UPDATE", { ...old, metadata: { ...old.metadata, labels: one(labels) as never } }, { old }), byPod))).toEqual(["t/zones"]);
    const shut = snapshotOf(namespace("a"), namespace("b"), old, pod(other, "q", otherLabels), policy("a", "closed", ISOLATED), policy("b", "closed", ISOLATED));
    expect(judge(shut, request("UPDATE", { ...old, metadata: { ...old.metadata, labels: one(labels) as never } }, { old }), byPod).allowed).toBe(true);
  });
});

describe("a pod that is created", () => {
  it("is held while it could reach", () => {
    const open = snapshotOf(...shop, ...store);
    expect(denialMessage(create(pod("shop", "new"), open))).toContain("the pod is held: traffic from frontends to data is possible");
    expect(create(pod("shop", "new")).allowed).toBe(true);
    expect(create(pod("tools", "new"), open).allowed).toBe(true);
  });
  it("is held while it could be reached", () => {
    const open = snapshotOf(...shop, ...store);
    expect(rulesOf(create(pod("store", "new"), open))).toEqual(["t/zones"]);
    expect(create(pod("store", "new")).allowed).toBe(true);
  });
  it("is not held by what other pods do", () => {
    const open = snapshotOf(...shop, ...store, policy("store", "db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}"));
    expect(create(pod("store", "new", "{app: db}"), open).allowed).toBe(true);
    expect(create(pod("store", "new", "{app: other}"), open).allowed).toBe(false);
  });
});

describe("addresses and ingress", () => {
  const internet = packOf(`
    namespaces: {stores: {matchLabels: {zone: data}}}
    rules:
      - {id: out, check: forbid-flow, enforcementAction: deny, with: {flows: [{what: data to the Internet, subject: {namespaces: stores}, egressTo: {addresses: $(profile.publicInternet)}}]}}
      - {id: in, check: forbid-flow, enforcementAction: deny, with: {flows: [{what: SSH into data, subject: {namespaces: stores}, ingressFrom: {addresses: [0.0.0.0/0], ports: [22/TCP]}}]}}`);
  const ask = (spec: string) => rulesOf(judge(world, request("CREATE", policy("store", "new", spec)), internet));
  it.each([
    ["one public address, any port", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 8.8.8.8/32}}]}]}", ["t/out"]],
    ["ICMP is traffic too: all ports of nothing else", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 8.8.8.8/32}}], ports: [{protocol: SCTP, port: 9}]}]}", ["t/out"]],
    ["private addresses", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}", []],
    ["SSH from one address", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 20, endPort: 30}]}]}", ["t/in"]],
    ["other ports from there", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 443}]}]}", []],
  ])("%s", (_what, spec, rules) => expect(ask(spec)).toEqual(rules));
});

it("tells what is wrong with a flow, with its path", () => {
  expect(tryPack(`{rules: [{id: z, check: forbid-flow, enforcementAction: deny, with: {flows: [{what: x, subject: {namespaces: nowhere}, egressTo: {addresses: [10.0.0.0/33]}}]}}]}`)).toEqual([
    "spec.rules[0].with.flows[0].subject.namespaces: `nowhere` names nothing in `spec.namespaces`",
    "spec.rules[0].with.flows[0].egressTo.addresses[0]: `10.0.0.0/33` is no address or CIDR",
  ]);
  expect(tryPack(`{rules: [{id: z, check: forbid-flow, enforcementAction: deny, with: {flow: []}}]}`)).toEqual(expect.arrayContaining(["spec.rules[0].with.flow: unknown field `flow`"]));
});
