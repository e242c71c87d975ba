import { describe, expect, test } from "vitest";
import { toPolicy } from "../../src/dialects/index.js";
import { ALL_TRAFFIC, formatTraffic, portRange } from "../../src/model/traffic.js";
import { parseAddress } from "../../src/sets/ip-set.js";

function read(spec: unknown, more: Record<string, unknown> = {}) {
  const { policy, problems } = toPolicy({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "p", namespace: "shop" }, spec, ...more });
  if (!policy) throw new Error("no policy");
  return { policy, problems };
}

const ingress = (rule: unknown) => read({ podSelector: {}, ingress: [rule] });
const from = (peer: unknown) => ingress({ from: [peer] });
const ports = (port: unknown) => ingress({ ports: [port] });

describe("NetworkPolicy is read", () => {
  test("with its own namespace, its pods and its rules", () => {
    const { policy, problems } = read({ podSelector: { matchLabels: { app: "web" } }, ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }] });
    expect(problems).toEqual([]);
    expect(policy.ref).toEqual({ group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "shop", name: "p" });
    expect(policy.subject.namespaces.matches({ "kubernetes.io/metadata.name": "shop" })).toBe(true);
    expect(policy.subject.namespaces.matches({ "kubernetes.io/metadata.name": "other" })).toBe(false);
    expect(policy.isolates).toEqual({ ingress: true, egress: false });
    expect(policy.rules.ingress.map(({ action, path, traffic }) => [action, path, formatTraffic(traffic.ports)])).toEqual([["Accept", "spec.ingress[0]", "TCP 80"]]);
  });

  test.each([undefined, null, {}, { podSelector: null }])("spec %j selects every pod and isolates ingress", (spec) => {
    const { policy, problems } = read(spec);
    expect(problems).toEqual([]);
    expect(policy.subject.pods.isAll).toBe(true);
    expect(policy.isolates).toEqual({ ingress: true, egress: false });
  });

  test("without a namespace it is in `default`", () => {
    expect(read({}, { metadata: { name: "p" } }).policy.ref.namespace).toBe("default");
  });

  test("an empty rule accepts all traffic of everyone", () => {
    const [rule] = ingress({}).policy.rules.ingress;
    expect(rule?.peers).toBe("everyone");
    expect(rule?.traffic.ports.equals(ALL_TRAFFIC)).toBe(true);
  });

  test("status, null fields and a policy type given twice are no problem", () => {
    const spec = { podSelector: { matchLabels: null, matchExpressions: null }, policyTypes: ["Ingress", "Ingress"], ingress: [{ from: null, ports: null }], egress: null };
    expect(read(spec, { status: {} }).problems).toEqual([]);
  });

  test("an except is taken out of its own block", () => {
    const [rule] = from({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }).policy.rules.ingress;
    const [peer] = rule?.peers === "everyone" ? [] : (rule?.peers ?? []);
    const holds = (address: string) => peer?.kind === "addresses" && peer.addresses.contains(parseAddress(address) ?? 0);
    expect([holds("10.0.0.1"), holds("10.1.0.1"), holds("10.2.0.1")]).toEqual([true, false, true]);
  });

  // As many as fit into one object: cut out one after the other they took minutes.
  test("tens of thousands of excepts are all taken out", () => {
    const except = Array.from({ length: 50_000 }, (_, index) => `10.${index >> 14}.${(index >> 6) & 255}.${(index & 63) * 4}/31`);
    const [rule] = from({ ipBlock: { cidr: "10.0.0.0/8", except } }).policy.rules.ingress;
    const [peer] = rule?.peers === "everyone" ? [] : (rule?.peers ?? []);
    const ranges = peer?.kind === "addresses" ? peer.addresses.v4.ranges : [];
    expect(ranges).toHaveLength(50_000);
    const holds = (address: string) => peer?.kind === "addresses" && peer.addresses.contains(parseAddress(address) ?? 0);
    expect([holds("10.0.0.1"), holds("10.0.0.2"), holds("10.1.255.5"), holds("10.1.255.6"), holds("10.255.0.0")]).toEqual([false, true, false, true, true]);
  });

  test("an endPort past 65535 means the last port, and is a problem", () => {
    const { policy, problems } = ports({ port: 30000, endPort: 65537 });
    expect(policy.rules.ingress[0]?.traffic.ports.equals(portRange("TCP", 30000))).toBe(true);
    expect(problems).toMatchObject([{ path: "spec.ingress[0].ports[0].endPort" }]);
  });
});

describe("what is wrong is named, with what was meant", () => {
  const R = "spec.ingress[0]";
  test.each([
    ["mistyped section", () => read({ ingres: [] }), "spec.ingres", /did you mean `ingress`/],
    ["ports outside of a rule", () => read({ ingress: [], ports: [] }), "spec.ports", /belongs into a rule/],
    ["from outside of a rule", () => read({ from: [] }), "spec.from", /belongs into a rule/],
    ["spec fields beside spec", () => read({}, { ingress: [] }), "ingress", /belongs into `spec`/],
    ["a peer as a rule", () => ingress({ podSelector: {} }), `${R}.podSelector`, /item of `from` or `to`/],
    ["to in an ingress rule", () => ingress({ to: [] }), `${R}.to`, /names its peers in `from`/],
    ["from in an egress rule", () => read({ egress: [{ from: [] }] }), "spec.egress[0].from", /names its peers in `to`/],
    ["mistyped ports", () => ingress({ prots: [] }), `${R}.prots`, /did you mean `ports`/],
    ["a rule that is no object", () => ingress("all"), R, /must be an object with `from`, `ports`, not `all`/],
    ["rules that are no list", () => read({ ingress: { from: [] } }), "spec.ingress", /must be a list, not an object; write `- `/],
    ["peers that are no list", () => ingress({ from: { podSelector: {} } }), `${R}.from`, /write `- ` before/],
    ["an unknown policy type", () => read({ policyTypes: ["ingress"] }), "spec.policyTypes[0]", /did you mean `Ingress`/],
    ["a policy type of nothing", () => read({ policyTypes: ["Both"] }), "spec.policyTypes[0]", /one of `Ingress`, `Egress`/],
    ["an empty peer", () => from({}), `${R}.from[0]`, /an empty peer selects nothing/],
    ["a peer of null", () => from(null), `${R}.from[0]`, /must be an object/],
    ["ports in a peer", () => from({ podSelector: {}, ports: [] }), `${R}.from[0].ports`, /belongs to the rule/],
    ["block and selector", () => from({ podSelector: {}, ipBlock: { cidr: "10.0.0.0/8" } }), `${R}.from[0]`, /write two peers/],
    ["a name as selector", () => from({ namespaceSelector: { name: "x" } }), `${R}.from[0].namespaceSelector.name`, /did you mean `matchLabels/],
    ["a number as label", () => read({ podSelector: { matchLabels: { tier: 1 } } }), "spec.podSelector.matchLabels.tier", /must be a string/],
    ["no cidr", () => from({ ipBlock: {} }), `${R}.from[0].ipBlock.cidr`, /a CIDR is missing/],
    ["an address as cidr", () => from({ ipBlock: { cidr: "10.0.0.1" } }), `${R}.from[0].ipBlock.cidr`, /write `10.0.0.1\/32`/],
    ["a cidr with leading zeros", () => from({ ipBlock: { cidr: "010.0.0.0/8" } }), `${R}.from[0].ipBlock.cidr`, /is no CIDR/],
    ["an except outside", () => from({ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }), `${R}.from[0].ipBlock.except[0]`, /must lie strictly within/],
    ["an except that is all", () => from({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.0/8"] } }), `${R}.from[0].ipBlock.except[0]`, /must lie strictly within/],
    ["except that is no list", () => from({ ipBlock: { cidr: "10.0.0.0/8", except: "10.0.0.0/9" } }), `${R}.from[0].ipBlock.except`, /must be a list/],
    ["endPort below port", () => ports({ port: 80, endPort: 79 }), `${R}.ports[0].endPort`, /exchange them/],
    ["endPort with a name", () => ports({ port: "http", endPort: 90 }), `${R}.ports[0].endPort`, /needs a number as `port`/],
    ["endPort alone", () => ports({ endPort: 90 }), `${R}.ports[0].endPort`, /needs a number as `port`/],
    ["a quoted port", () => ports({ port: "80" }), `${R}.ports[0].port`, /written without quotes/],
    ["port 0", () => ports({ port: 0 }), `${R}.ports[0].port`, /from 1 to 65535/],
    ["a fraction", () => ports({ port: 80.5 }), `${R}.ports[0].port`, /whole number/],
    ["lower case protocol", () => ports({ protocol: "tcp" }), `${R}.ports[0].protocol`, /did you mean `TCP`/],
    ["another protocol", () => ports({ protocol: "ICMP" }), `${R}.ports[0].protocol`, /one of `TCP`, `UDP`, `SCTP`/],
    ["a protocol that cannot be text", () => ports({ protocol: { toString: 1 } }), `${R}.ports[0].protocol`, /unknown protocol `{"toString":1}`/],
    ["targetPort", () => ports({ targetPort: 80 }), `${R}.ports[0].targetPort`, /write it as `port`/],
  ])("%s", (_name, reading, path, message) => {
    const { policy, problems } = reading();
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.message).toMatch(message);
    expect(policy.problems).toEqual(problems);
  });

  test.each([
    ["a rule with a stray field", { prots: [] }],
    ["unreadable peers", { from: [{}, null, { ipBlock: { cidr: "x" } }, { podSelector: { name: "x" } }] }],
    ["unreadable ports", { ports: [{ port: "80" }, { port: -1 }, null] }],
    ["peers that are no list", { from: "all" }],
  ])("%s accepts nothing", (_name, rule) => {
    const accepted = ingress(rule).policy.rules.ingress;
    const open = accepted.filter(({ peers, traffic }) => (peers === "everyone" || peers.length > 0) && !(traffic.ports.isEmpty && traffic.named.length === 0));
    expect(open).toEqual([]);
  });

  test("the readable part of a rule stands", () => {
    const { policy } = ingress({ from: [{}, { podSelector: {} }], ports: [{ port: "80" }, { port: 443 }] });
    expect(policy.rules.ingress).toMatchObject([{ peers: [{ kind: "pods" }] }]);
    expect(formatTraffic(policy.rules.ingress[0]?.traffic.ports ?? portRange("UDP"))).toBe("TCP 443");
  });

  test("an unreadable subject isolates every pod and accepts nothing", () => {
    const { policy } = read({ podSelector: { app: "web" }, ingress: [{}] });
    expect(policy.subject.pods.isAll).toBe(true);
    expect(policy.rules.ingress).toEqual([]);
  });

  test("unreadable policy types isolate both directions", () => {
    expect(read({ policyTypes: "Ingress" }).policy.isolates).toEqual({ ingress: true, egress: true });
  });
});
