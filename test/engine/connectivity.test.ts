import { describe, expect, test } from "vitest";
import { connectivity } from "../../src/engine/connectivity.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { adminPolicy, cluster, namespace, networkPolicy, node, pod } from "./cluster.js";

interface Options {
  readonly dual?: boolean;
  readonly cidrSelectsPods?: boolean;
}

/** Lines as `src > dst: conn`, without `[Pod]`. */
function lines(objects: readonly KubeObject[], { dual = false, cidrSelectsPods = false }: Options = {}): readonly string[] {
  const found = connectivity(cluster(...objects), { profile: { cidrSelectsPods }, addressFamilies: dual ? "dual" : "ipv4" });
  return [...found].map(({ src, dst, conn }) => `${src} > ${dst}: ${conn}`.replaceAll("[Pod]", ""));
}

const EXTERNAL = "0.0.0.0-255.255.255.255[External]";

describe("connectivity", () => {
  test("lists every pair but a workload with itself, by source and destination, ranges first", () => {
    expect(lines([pod("b"), pod("a")])).toEqual([
      `${EXTERNAL} > default/a: All Connections`,
      `${EXTERNAL} > default/b: All Connections`,
      `default/a > ${EXTERNAL}: All Connections`,
      "default/a > default/b: All Connections",
      `default/b > ${EXTERNAL}: All Connections`,
      "default/b > default/a: All Connections",
    ]);
  });

  test("cuts the outside at the blocks of ingress rules for sources, of egress rules for destinations", () => {
    const policy = networkPolicy("p", {
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ from: [{ ipBlock: { cidr: "128.0.0.0/1", except: ["192.0.0.0/2"] } }], ports: [{ port: 80 }] }],
      egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/1" } }] }],
    });
    expect(lines([pod("a"), policy])).toEqual([
      "128.0.0.0-191.255.255.255[External] > default/a: TCP 80",
      "default/a > 0.0.0.0-127.255.255.255[External]: All Connections",
    ]);
  });

  test("shows IPv6 ranges only when asked for both families", () => {
    const policy = networkPolicy("p", { policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "8000::/1" } }] }] });
    expect(lines([pod("a"), policy])).toEqual([`${EXTERNAL} > default/a: All Connections`]);
    expect(lines([pod("a"), policy], { dual: true })).toEqual([
      `${EXTERNAL} > default/a: All Connections`,
      "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff[External] > default/a: All Connections",
      "default/a > 8000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff[External]: All Connections",
    ]);
  });

  test("a replica that differs adds what it may do", () => {
    const owner = { ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "w", uid: "u", controller: true }] };
    const replica = (name: string, app: string): KubeObject => ({ ...pod(name), metadata: { name, namespace: "default", labels: { app }, ...owner } } as KubeObject);
    const policy = networkPolicy("p", { podSelector: { matchLabels: { app: "shut" } }, policyTypes: ["Ingress"], ingress: [{ ports: [{ port: 80 }] }] });
    expect(lines([replica("a", "shut"), replica("b", "shut"), policy])[0]).toBe(`${EXTERNAL} > default/w[ReplicaSet]: TCP 80`);
    expect(lines([replica("a", "shut"), replica("b", "open"), policy])[0]).toBe(`${EXTERNAL} > default/w[ReplicaSet]: All Connections`);
  });

  test("traffic without ports is no connection", () => {
    const deny = ["TCP", "UDP", "SCTP"].map((protocol) => ({ portRange: { protocol, start: 1, end: 65_535 } }));
    const policy = adminPolicy("p", 1, { ingress: [{ action: "Deny", from: [{ namespaces: {} }], ports: deny }] });
    expect(lines([pod("a"), pod("b"), policy]).filter((line) => line.startsWith("default/a > default/"))).toEqual([]);
  });

  test("nodes are cut out only where policies tell them apart", () => {
    const nodes = [node("n1", "10.0.0.1", { role: "infra" }), node("n2", "10.0.0.2")];
    const policy = adminPolicy("p", 1, { egress: [{ action: "Deny", to: [{ nodes: { matchLabels: { role: "infra" } } }] }] });
    expect(lines([pod("a"), ...nodes])).toHaveLength(2);
    expect(lines([pod("a"), ...nodes, policy])).toEqual([
      `${EXTERNAL} > default/a: All Connections`,
      "default/a > 0.0.0.0-10.0.0.0[External]: All Connections",
      "default/a > 10.0.0.2-255.255.255.255[External]: All Connections",
    ]);
  });

  test("whether blocks select pods is the profile's", () => {
    const policy = networkPolicy("p", { podSelector: { matchLabels: { app: "a" } }, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] });
    const objects = [pod("a", { labels: { app: "a" }, ips: ["10.0.0.1"] }), pod("b", { ips: ["10.0.0.2"] }), policy];
    const toB = (cidrSelectsPods: boolean) => lines(objects, { cidrSelectsPods }).includes("default/a > default/b: All Connections");
    expect([toB(false), toB(true)]).toEqual([false, true]);
  });
});

describe("the ingress controller", () => {
  const web = pod("shop/web", { labels: { app: "web" }, ports: [{ containerPort: 8080, name: "http" }, { containerPort: 9090 }, { containerPort: 8080, protocol: "UDP" }] });
  const service = (spec: Record<string, unknown> = {}): KubeObject => ({
    apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" },
    spec: { selector: { app: "web" }, ports: [{ name: "main", port: 80, targetPort: "http" }, { name: "metrics", port: 9090 }], ...spec },
  });
  const ingress = (spec: Record<string, unknown>): KubeObject => ({ apiVersion: "networking.k8s.io/v1", kind: "Ingress", metadata: { name: "i", namespace: "shop" }, spec });
  const route = (spec: Record<string, unknown>): KubeObject => ({ apiVersion: "route.openshift.io/v1", kind: "Route", metadata: { name: "r", namespace: "shop" }, spec });
  const backend = (port?: Record<string, unknown>) => ({ service: { name: "web", ...(port ? { port } : {}) } });
  const fromController = (...objects: readonly KubeObject[]) => lines([web, ...objects]).filter((line) => line.startsWith("{ingress-controller}"));
  const paths = (...backends: readonly object[]) => ({ rules: [{ host: "a.example", http: { paths: backends.map((one) => ({ path: "/", backend: one })) } }] });

  test.each([
    ["a port by number", ingress(paths(backend({ number: 80 }))), "TCP 8080"],
    ["a port by name", ingress(paths(backend({ name: "metrics" }))), "TCP 9090"],
    ["several paths", ingress(paths(backend({ number: 80 }), backend({ name: "metrics" }))), "TCP 8080,9090"],
    ["the default backend", ingress({ defaultBackend: backend({ number: 9090 }) }), "TCP 9090"],
    ["a backend of the old form", { ...ingress(paths({ serviceName: "web", servicePort: 80 })), apiVersion: "extensions/v1beta1" }, "TCP 8080"],
    ["a route without port", route({ to: { kind: "Service", name: "web" } }), "TCP 8080,9090"],
    ["a route by target port", route({ to: { kind: "Service", name: "web" }, port: { targetPort: "http" } }), "TCP 8080"],
    ["an alternate backend", route({ to: { name: "other" }, alternateBackends: [{ kind: "Service", name: "web" }], port: { targetPort: 9090 } }), "TCP 9090"],
  ])("reaches the pods of a service: %s", (_, object, conn) => {
    expect(fromController(service(), object)).toEqual([`{ingress-controller} > shop/web: ${conn}`]);
  });

  test.each([
    ["a service that is not there", [ingress(paths({ service: { name: "none", port: { number: 80 } } }))]],
    ["a port that the service does not have", [service(), ingress(paths(backend({ number: 81 })))]],
    ["a port that no container declares", [service({ ports: [{ port: 80, targetPort: 1234 }] }), ingress(paths(backend({ number: 80 })))]],
    ["a service without selector", [service({ selector: undefined }), ingress(paths(backend({ number: 80 })))]],
    ["a service of UDP", [service({ ports: [{ port: 80, targetPort: 8080, protocol: "UDP" }] }), ingress(paths(backend({ number: 80 })))]],
    ["a service of another namespace", [service(), { ...ingress(paths(backend({ number: 80 }))), metadata: { name: "i", namespace: "other" } }]],
    ["a target that is no service", [service(), route({ to: { kind: "Other", name: "web" } })]],
    ["an Ingress without rules", [service(), ingress({ rules: [{ host: "a" }, null, { http: null }] })]],
  ])("reaches nobody through %s", (_, objects) => {
    expect(fromController(...(objects as KubeObject[]))).toEqual([]);
  });

  test("is an arbitrary source in the cluster to policies", () => {
    const open = ingress(paths(backend({ number: 80 })));
    const from = (peer: Record<string, unknown>) => networkPolicy("shop/p", { policyTypes: ["Ingress"], ingress: [{ from: [peer] }] });
    expect(fromController(service(), open, from({ namespaceSelector: {} }))).toHaveLength(1);
    expect(fromController(service(), open, from({ podSelector: {} }))).toEqual([]);
    expect(fromController(service(), open, from({ namespaceSelector: { matchLabels: { app: "ingress" } } }))).toEqual([]);
    expect(fromController(service(), open, namespace("shop"), networkPolicy("shop/p", { policyTypes: ["Ingress"], ingress: [{ ports: [{ port: 9090 }] }] }))).toEqual([]);
  });
});
