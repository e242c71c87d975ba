import { describe, expect, test } from "vitest";
import { toPolicy } from "../../src/dialects/index.js";
import type { PolicyRule } from "../../src/model/policy.js";
import { ALL_TRAFFIC, formatTraffic, portsOf } from "../../src/model/traffic.js";

const VERSIONS = { AdminNetworkPolicy: "v1alpha1", BaselineAdminNetworkPolicy: "v1alpha1", ClusterNetworkPolicy: "v1alpha2" };
type Kind = keyof typeof VERSIONS;

function read(kind: Kind, spec: Record<string, unknown>) {
  const metadata = { name: "default", namespace: "ignored" };
  const { policy, problems } = toPolicy({ apiVersion: `policy.networking.k8s.io/${VERSIONS[kind]}`, kind, metadata, spec });
  if (!policy) throw new Error("no policy");
  return { policy, problems };
}

const subject = { namespaces: {} };
const anp = (rule: object, more: object = {}) => read("AdminNetworkPolicy", { priority: 7, subject, egress: [rule], ...more });
const cnp = (rule: object, more: object = {}) => read("ClusterNetworkPolicy", { tier: "Admin", priority: 7, subject, egress: [rule], ...more });
const to = [{ namespaces: {} }];

describe("the three kinds are read", () => {
  test("with tier, order, subject and actions; they isolate nothing and have no namespace", () => {
    const { policy, problems } = anp({ name: "r", action: "Allow", to });
    expect(problems).toEqual([]);
    expect(policy).toMatchObject({ tier: { name: "admin" }, order: 7, isolates: { ingress: false, egress: false } });
    expect(policy.ref).toEqual({ group: "policy.networking.k8s.io", kind: "AdminNetworkPolicy", name: "default" });
    expect(policy.rules.egress).toMatchObject([{ action: "Accept", name: "r", path: "spec.egress[0]", peers: [{ kind: "pods" }] }]);
    expect(policy.rules.egress[0]?.traffic.ports.equals(ALL_TRAFFIC)).toBe(true);
  });

  test("Baseline policies in the baseline tier", () => {
    expect(read("BaselineAdminNetworkPolicy", { subject }).policy.tier.name).toBe("baseline");
    expect(cnp({ action: "Pass", to }, { tier: "Baseline" }).policy).toMatchObject({ tier: { name: "baseline" }, rules: { egress: [{ action: "Pass" }] } });
  });

  test("ports of AdminNetworkPolicy", () => {
    const ports = [
      { portNumber: { protocol: "UDP", port: 53 } }, { portNumber: { port: 80 } }, { portNumber: { protocol: "", port: 81 } },
      { portRange: { protocol: "SCTP", start: 1, end: 2 } }, { namedPort: "http" },
    ];
    const [rule] = anp({ action: "Allow", to, ports }).policy.rules.egress;
    expect(formatTraffic((rule as PolicyRule).traffic.ports)).toBe("SCTP 1-2,TCP 80-81,UDP 53");
    expect(rule?.traffic.named).toEqual([{ name: "http" }]);
  });

  test("protocols of ClusterNetworkPolicy", () => {
    const protocols = [
      { tcp: { destinationPort: { number: 80 } } }, { udp: { destinationPort: { range: { start: 10, end: 20 } } } }, { sctp: {} }, { destinationNamedPort: "http" },
    ];
    const { policy, problems } = cnp({ action: "Accept", to, protocols });
    const [rule] = policy.rules.egress;
    expect(problems).toEqual([]);
    expect(formatTraffic((rule as PolicyRule).traffic.ports)).toBe("SCTP 1-65535,TCP 80,UDP 10-20");
    expect(rule?.traffic.named).toEqual([{ name: "http" }]);
  });

  test("all kinds of egress peers", () => {
    const peers = [{ nodes: {} }, { networks: ["10.0.0.0/8", "fd00::/8"] }, { domainNames: ["*.example.com", "example.org"] }, { pods: { namespaceSelector: {}, podSelector: {} } }];
    const { policy, problems } = cnp({ action: "Accept", to: peers });
    expect(problems).toEqual([]);
    expect(policy.rules.egress[0]?.peers).toMatchObject([
      { kind: "nodes" }, { kind: "addresses" }, { kind: "symbolic", name: "domain:*.example.com" }, { kind: "symbolic", name: "domain:example.org" }, { kind: "pods" },
    ]);
  });

  test("a selector left out of `pods` is the empty one, as in the Go type", () => {
    const { policy, problems } = anp({ action: "Allow", to: [{ pods: { namespaceSelector: {} } }] });
    expect(problems).toEqual([]);
    expect(policy.rules.egress[0]?.peers).toMatchObject([{ kind: "pods", pods: { isEmpty: false } }]);
  });
});

describe("what is wrong is named and fails closed", () => {
  const R = "spec.egress[0]";
  test.each([
    ["unknown peer", { to: [{ services: {} }] }, `${R}.to[0].services`, /unknown field `services`/],
    ["two kinds in one peer", { to: [{ namespaces: {}, networks: ["10.0.0.0/8"] }] }, `${R}.to[0]`, /exactly one of.*are given/],
    ["an empty peer", { to: [{}] }, `${R}.to[0]`, /exactly one of.*none is given/],
    ["ipBlock", { to: [{ ipBlock: {} }] }, `${R}.to[0].ipBlock`, /write `networks`/],
    ["no peers", { to: [] }, `${R}.to`, /at least one item/],
    ["peers missing", {}, `${R}.to`, /at least one item/],
    ["no networks", { to: [{ networks: [] }] }, `${R}.to[0].networks`, /at least one item/],
    ["a bad network", { to: [{ networks: ["10.0.0.0/8", "x"] }] }, `${R}.to[0].networks[1]`, /is no CIDR/],
    ["from in egress", { to, from: to }, `${R}.from`, /names its peers in `to`/],
    ["protocols", { to, protocols: [] }, `${R}.protocols`, /write `ports`/],
    ["an unknown port", { to, ports: [{ port: 80 }] }, `${R}.ports[0].port`, /put it into `portNumber`/],
    ["an empty range", { to, ports: [{ portRange: { start: 80, end: 80 } }] }, `${R}.ports[0].portRange`, /must be less than/],
    ["a missing port", { to, ports: [{ portNumber: { protocol: "TCP" } }] }, `${R}.ports[0].portNumber.port`, /a port number is missing/],
    ["a port name for networks", { to: [{ networks: ["10.0.0.0/8"] }], ports: [{ namedPort: "http" }] }, R, /has a meaning on pods only/],
  ])("%s", (_name, rule, path, message) => {
    for (const action of ["Allow", "Deny", "Pass"]) {
      const { policy, problems } = anp({ action, ...rule });
      expect(problems.map((problem) => problem.path)).toEqual([path]);
      expect(problems[0]?.message).toMatch(message);
      if (action === "Allow") expect(policy.rules.egress).toEqual([]);
      else expect(policy.rules.egress).toMatchObject([{ action: "Deny", peers: "everyone" }]);
    }
  });

  test.each([
    ["AdminNetworkPolicy", "Accept", /did you mean `Allow`/],
    ["BaselineAdminNetworkPolicy", "Pass", /one of `Allow`, `Deny`/],
    ["ClusterNetworkPolicy", "Allow", /did you mean `Accept`/],
    ["ClusterNetworkPolicy", "deny", /did you mean `Deny`/],
  ] as const)("%s has no action %s: denied", (kind, action, message) => {
    const place = kind === "BaselineAdminNetworkPolicy" ? {} : { priority: 1, ...(kind === "ClusterNetworkPolicy" ? { tier: "Admin" } : {}) };
    const { policy, problems } = read(kind, { ...place, subject, egress: [{ action, to }] });
    expect(problems[0]?.message).toMatch(message);
    expect(policy.rules.egress).toMatchObject([{ action: "Deny", peers: [{ kind: "pods" }] }]);
  });

  test.each([["Deny"], ["Pass"]])("domain names in a rule that says %s: deny all", (action) => {
    const { policy, problems } = cnp({ action, to: [{ domainNames: ["example.com"] }] });
    expect(problems).toMatchObject([{ code: "policy/domain-name-action" }]);
    expect(policy.rules.egress).toMatchObject([{ action: "Deny", peers: "everyone" }]);
  });

  test.each([
    ["no priority", { priority: null }, "spec.priority"],
    ["a priority past 1000", { priority: 1001 }, "spec.priority"],
    ["an unknown tier", { tier: "admin" }, "spec.tier"],
    ["no subject", { subject: null }, "spec.subject"],
    ["two subjects", { subject: { namespaces: {}, pods: { namespaceSelector: {}, podSelector: {} } } }, "spec.subject"],
  ])("%s: what it accepts is dropped, what it passes is denied", (_name, more, path) => {
    const { policy, problems } = read("ClusterNetworkPolicy", {
      tier: "Admin", priority: 1, subject, egress: [{ action: "Accept", to }, { action: "Pass", to }, { action: "Deny", to }], ...more,
    });
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(policy.rules.egress.map(({ action, path: rule }) => [action, rule])).toEqual([["Deny", "spec.egress[1]"], ["Deny", "spec.egress[2]"]]);
  });

  test("rules that are no list: deny all in that direction", () => {
    const { policy } = anp({}, { egress: { action: "Allow" } });
    expect(policy.rules).toMatchObject({ ingress: [], egress: [{ action: "Deny", peers: "everyone" }] });
  });

  test("an empty `protocols` list is refused, an empty `ports` list means all", () => {
    expect(cnp({ action: "Accept", to, protocols: [] }).problems).toMatchObject([{ path: `${R}.protocols` }]);
    const [rule] = anp({ action: "Allow", to, ports: [] }).policy.rules.egress;
    expect(portsOf((rule as PolicyRule).traffic.ports, "SCTP")).toEqual([[1, 65535]]);
  });
});
