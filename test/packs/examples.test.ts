import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { formatProblem } from "../../src/model/result.js";
import { compilePacks, type CompiledPacks } from "../../src/packs/compile.js";
import { parseProfile } from "../../src/packs/profile.js";
import { denialMessage } from "../../src/reports/denial.js";
import { judge, kfCluster, objectsIn, objectsInFolder, request, rulesOf, snapshotOf, stored } from "../review/world.js";
import { namespace, pod, policy } from "../rules/inline-pack.js";

/** The example packs: each rule with a case that fires and a twin that does not. */

function example(name: string, settings: Readonly<Record<string, unknown>> = {}): CompiledPacks {
  const profile = parseProfile({});
  const packs = objectsIn(readFileSync(new URL(`../../policies/examples/${name}.yaml`, import.meta.url), "utf8"));
  const compiled = profile.ok ? compilePacks(packs, { settings, profile: profile.value }) : profile;
  if (!compiled.ok) throw new Error(compiled.problems.map(formatProblem).join("\n"));
  return compiled.value;
}

describe("restricted", () => {
  const packs = example("restricted");
  const world = snapshotOf(namespace("shop"), pod("shop", "web"), policy("shop", "default-deny", "{podSelector: {}, policyTypes: [Ingress, Egress]}"));
  const ask = (spec: string, inNamespace = "shop") => rulesOf(judge(world, request("CREATE", policy(inNamespace, "new", spec)), packs));
  const egress = (rule: string, pods = "{}"): string => `{podSelector: ${pods}, policyTypes: [Egress], egress: [${rule}]}`;
  const ingress = (rule: string): string => `{podSelector: {}, policyTypes: [Ingress], ingress: [${rule}]}`;
  it.each([
    ["allow-all", egress("{}"), ["restricted/allow-all", "restricted/broad-egress", "restricted/metadata-server"]],
    ["allow-all of ingress", ingress("{}"), ["restricted/allow-all", "restricted/any-namespace"]],
    ["its twin names peer and port", ingress("{from: [{podSelector: {}}], ports: [{port: 8080}]}"), []],
    ["0.0.0.0/0 on all ports", egress("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]}"), ["restricted/broad-egress"]],
    ["its twin names the port", egress("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}], ports: [{port: 443}]}"), []],
    ["its other twin is narrow", egress("{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}"), []],
    ["ingress from `namespaceSelector: {}`", ingress("{from: [{namespaceSelector: {}}]}"), ["restricted/any-namespace"]],
    ["its twin names one", ingress("{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: web}}}]}"), []],
    ["a block around the metadata server, on its port", egress("{to: [{ipBlock: {cidr: 169.254.0.0/16}}], ports: [{port: 988}]}"), ["restricted/metadata-server"]],
    ["the same without its port", egress("{to: [{ipBlock: {cidr: 169.254.0.0/16}}], ports: [{port: 443}, {protocol: UDP, port: 53}]}"), []],
    ["from pods with Workload Identity", egress("{to: [{ipBlock: {cidr: 169.254.169.254/32}}], ports: [{port: 80}]}", "{matchExpressions: [{key: workload-identity, operator: Exists}]}"), []],
    ["from apps of Kf", egress("{to: [{ipBlock: {cidr: 169.254.169.252/32}}], ports: [{port: 988}]}", "{matchLabels: {kf.dev/networkpolicy: app}}"), []],
  ])("%s", (_what, spec, rules) => expect(ask(spec)).toEqual(rules));
  it("says which pod could newly reach the metadata server", () => {
    const decision = judge(world, request("CREATE", policy("shop", "new", egress("{to: [{ipBlock: {cidr: 169.254.0.0/16}}]}"))), packs);
    expect(denialMessage(decision)).toContain("pod `shop/web` to `169.254.169.252` on TCP 987: egress allowed by rule `spec.egress[0]` of `shop/new`");
  });
  it("leaves system namespaces and Kf's own policies alone", () => {
    expect(ask(egress("{}"), "kube-system")).toEqual([]);
    const kfs = stored("NetworkPolicy", "space-open", "space-app-policy");
    expect(judge(kfCluster(), request("CREATE", kfs), packs).allowed).toBe(true);
  });
  it("is in force beside the shipped packs without a word about the example cluster", () => {
    const profile = parseProfile({});
    const all = [...objectsInFolder("policies").filter(({ kind }) => kind === "RulePack"), ...objectsIn(readFileSync("policies/examples/restricted.yaml", "utf8"))];
    const compiled = profile.ok ? compilePacks(all, { settings: {}, profile: profile.value }) : profile;
    if (!compiled.ok) throw new Error(compiled.problems.map(formatProblem).join("\n"));
    const cluster = kfCluster();
    for (const object of objectsInFolder("examples/kf-cluster").filter(({ kind }) => kind === "NetworkPolicy")) {
      expect(rulesOf(judge(cluster, request("CREATE", object, { user: "system:serviceaccount:kf:controller" }), compiled.value))).toEqual([]);
    }
  });
});

describe("segmentation", () => {
  const closed = (name: string): KubeObject => policy(name, "default-deny", "{podSelector: {}, policyTypes: [Ingress, Egress]}");
  const zone = (name: string): KubeObject[] => [namespace(name, `{zone: ${name}}`), pod(name, `${name}-1`), closed(name)];
  const from = (name: string): string => `{namespaceSelector: {matchLabels: {zone: ${name}}}}`;
  // Each zone lets the next one in, and out to it: the frontends' egress is open, so that what data admits decides.
  const open = policy("frontend", "out", "{podSelector: {}, policyTypes: [Egress], egress: [{}]}");
  const world = snapshotOf(...zone("frontend"), open, ...zone("backend"), ...zone("data"), policy("data", "from-backend", `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [${from("backend")}], ports: [{port: 5432}]}]}`));
  const packs = example("segmentation");
  const ask = (inNamespace: string, spec: string) => judge(world, request("CREATE", policy(inNamespace, "new", spec)), packs);
  it("refuses a policy that lets frontend reach data, with the pods it does it for", () => {
    const decision = ask("data", `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [${from("frontend")}], ports: [{port: 5432}]}]}`);
    expect(rulesOf(decision)).toEqual(["segmentation/frontend-to-data"]);
    const [first] = denialMessage(decision).split("\n");
    expect(first).toMatch(/^\[segmentation\/frontend-to-data\] traffic from frontend to data becomes possible for pods of namespace `frontend`/);
    expect(first).toContain(": pod `frontend/frontend-1` to pod `data/data-1` on TCP 5432: egress allowed by rule `spec.egress[0]` of `frontend/out`; ingress allowed by rule `spec.ingress[0]` of `data/new`");
  });
  it.each([
    ["the whole cluster", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}"],
    ["every zone but its own", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: zone, operator: NotIn, values: [data]}]}}]}]}"],
    ["pods that nobody has created yet", `{podSelector: {matchLabels: {app: cache}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {zone: frontend}}, podSelector: {matchLabels: {role: admin}}}]}]}`],
  ])("proven for all pods: %s", (_what, spec) => expect(rulesOf(ask("data", spec))).toEqual(["segmentation/frontend-to-data"]));
  it.each([
    ["backend may", `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [${from("backend")}]}]}`],
    ["data may", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}"],
  ])("the twin: %s", (_what, spec) => expect(ask("data", spec)).toMatchObject({ allowed: true, violations: [] }));
  it("data does not reach the Internet, nor the Internet data", () => {
    expect(rulesOf(ask("data", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}]}"))).toEqual(["segmentation/data-to-outside"]);
    expect(rulesOf(ask("data", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}]}"))).toContain("segmentation/data-to-outside");
    expect(rulesOf(ask("data", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"))).toEqual([]);
    expect(rulesOf(ask("backend", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"))).toEqual([]);
  });
  it("a namespace takes a zone's label only when its policies keep the promise", () => {
    const plain = namespace("late");
    const relabel = (objects: KubeObject[]) => rulesOf(judge(world.with(changesOf(plain, ...objects)), request("UPDATE", namespace("late", "{zone: data}"), { old: plain }), packs));
    expect(relabel([])).toEqual(["segmentation/data-to-outside", "segmentation/frontend-to-data"]);
    expect(relabel([closed("late")])).toEqual([]);
  });
  it("another label, and pods held", () => {
    const tiers = example("segmentation", { zoneLabel: "tier", holdPods: "deny" });
    const cluster = snapshotOf(namespace("a", "{tier: frontend}"), namespace("b", "{tier: data}"));
    expect(rulesOf(judge(cluster, request("CREATE", pod("b", "db")), tiers))).toEqual(["segmentation/data-to-outside", "segmentation/frontend-to-data"]);
    expect(judge(cluster, request("CREATE", pod("b", "db")), packs)).toMatchObject({ allowed: true });
    expect(rulesOf(judge(snapshotOf(namespace("a", "{tier: frontend}"), namespace("b", "{tier: data}"), closed("b")), request("CREATE", pod("b", "db")), tiers))).toEqual([]);
  });
});

function changesOf(...objects: KubeObject[]) {
  const snapshot = snapshotOf(...objects);
  return [...snapshot.namespaces.values()].flatMap(({ namespace: value, policies }) => [
    { put: { fact: "namespace" as const, value } },
    ...[...policies.values()].map((one) => ({ put: { fact: "policy" as const, value: one } })),
  ]);
}
