import { describe, expect, it } from "vitest";
import { judge, request, snapshotOf } from "../review/world.js";
import { namespace, packOf, policy, tryPack } from "./inline-pack.js";

const world = snapshotOf(namespace("a"));
const rule = (spec: string): string => `{rules: [{id: broad, check: forbid-broad-cidr, enforcementAction: deny, with: ${spec}}]}`;
const said = (spec: string, of: string): string[] =>
  judge(world, request("CREATE", policy("a", "p", of)), packOf(rule(spec))).violations.map(({ message, path }) => `${path ?? ""}: ${message}`);
const egress = (...rules: string[]): string => `{podSelector: {}, policyTypes: [Egress], egress: [${rules.join(", ")}]}`;
const to = (cidr: string, more = ""): string => `{to: [{ipBlock: {cidr: ${cidr}}}]${more}}`;
const TCP = ", ports: [{port: 1, endPort: 65535}]";
const UDP = ", ports: [{protocol: UDP, port: 1, endPort: 65535}]";

describe("widerThan", () => {
  const limit = "{directions: [egress], widerThan: {ipv4: 8, ipv6: 32}}";
  it.each([
    ["a block as wide as the limit", egress(to("10.0.0.0/8")), []],
    ["one bit wider", egress(to("10.0.0.0/7")), ["spec.egress[0]: allows egress to `10.0.0.0/7`, which is wider than `/8`"]],
    ["everything", egress(to("0.0.0.0/0")), ["spec.egress[0]: allows egress to `0.0.0.0/0`, which is wider than `/8`"]],
    ["everything but something", egress("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]}"), ["spec.egress[0]: allows egress to `0.0.0.0/1`, which is wider than `/8`"]],
    ["no peer at all", egress("{}"), ["spec.egress[0]: allows egress to `0.0.0.0/0`, which is wider than `/8`", "spec.egress[0]: allows egress to `::/0`, which is wider than `/32`"]],
    ["IPv6", egress(to("2000::/3")), ["spec.egress[0]: allows egress to `2000::/3`, which is wider than `/32`"]],
    ["one port of everything", egress(to("0.0.0.0/0", ", ports: [{port: 443}]")), []],
    ["all ports of TCP", egress(to("0.0.0.0/0", TCP)), ["spec.egress[0]: allows egress to `0.0.0.0/0`, which is wider than `/8`"]],
    ["all ports of TCP in two rules", egress(to("0.0.0.0/0", ", ports: [{port: 1, endPort: 1000}]"), to("0.0.0.0/0", ", ports: [{port: 1001, endPort: 65535}]")), ["spec.egress[0]: allows egress to `0.0.0.0/0`, which is wider than `/8`"]],
    ["two halves", egress(to("10.0.0.0/8"), to("11.0.0.0/8")), ["spec.egress[0]: allows egress to `10.0.0.0/7`, which is wider than `/8`"]],
    ["two halves on protocols of their own", egress(to("10.0.0.0/8", TCP), to("11.0.0.0/8", UDP)), []],
    ["two blocks far apart", egress(to("10.0.0.0/8"), to("12.0.0.0/8")), []],
    ["ingress", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}", []],
    ["rules of a direction that the policy does not list", "{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", []],
    ["pods only", egress("{to: [{namespaceSelector: {}}]}"), []],
    ["blames the rule that is wide, not one that only looks so", egress(to("0.0.0.0/0", ", ports: [{port: 443}]"), to("0.0.0.0/0")), ["spec.egress[1]: allows egress to `0.0.0.0/0`, which is wider than `/8`"]],
  ])("%s", (_what, spec, messages) => expect(said(limit, spec)).toEqual(messages));
  it("holes do not make a block narrow", () => {
    const holes = Array.from({ length: 256 }, (_, i) => `${i}.0.0.1/32`).join(", ");
    expect(said("{widerThan: {ipv4: 8}}", egress(`{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [${holes}]}}]}`))).toEqual(["spec.egress[0]: allows egress to more addresses than a block `/8` holds"]);
  });
  it("so many port lists that nobody can have written them are taken together", () => {
    const rules = Array.from({ length: 60 }, (_, i) => to(i % 2 ? "0.0.0.0/1" : "128.0.0.0/1", `, ports: [{port: ${i + 1}, endPort: ${65535 - i}}, {port: 1, endPort: 65535}]`));
    expect(said("{widerThan: {ipv4: 8}}", egress(...rules))[0]).toContain("`0.0.0.0/0`");
  });
});

describe("covering", () => {
  const metadata = "{covering: [169.254.169.254/32], ports: [80/TCP]}";
  it.each([
    ["the address", egress(to("169.254.169.254/32")), ["spec.egress[0]: allows egress to all of `169.254.169.254/32`"]],
    ["its port", egress(to("169.254.0.0/16", ", ports: [{port: 80}]")), ["spec.egress[0]: allows egress to all of `169.254.169.254/32`"]],
    ["another port", egress(to("169.254.0.0/16", ", ports: [{port: 443}]")), []],
    ["another protocol", egress(to("169.254.0.0/16", ", ports: [{protocol: UDP, port: 80}]")), []],
    ["everything but it", egress("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]}"), []],
    ["`except` of one item is given back by the next", egress("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}, {ipBlock: {cidr: 169.254.169.254/32}}]}"), ["spec.egress[0]: allows egress to all of `169.254.169.254/32`"]],
    ["ingress counts too, unless the pack says otherwise", "{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}", ["spec.ingress[0]: allows ingress from all of `169.254.169.254/32`"]],
  ])("%s", (_what, spec, messages) => expect(said(metadata, spec)).toEqual(messages));
  it("a range in part is not the range", () => expect(said("{covering: [10.0.0.0/8]}", egress(to("10.0.0.0/9")))).toEqual([]));
  it("a range in parts is", () => expect(said("{covering: [10.0.0.0/8]}", egress(to("10.0.0.0/9"), to("10.128.0.0/9")))).toEqual(["spec.egress[0]: allows egress to all of `10.0.0.0/8`"]));
});

it("an UPDATE is judged, a DELETE and a policy with a generated name as well as can be", () => {
  const packs = packOf(rule("{widerThan: {ipv4: 8}}"));
  const open = policy("a", "p", egress(to("0.0.0.0/0")));
  expect(judge(world, request("UPDATE", open, { old: policy("a", "p", egress()) }), packs).allowed).toBe(false);
  expect(judge(world, request("DELETE", open), packs).allowed).toBe(true);
  const { name: _name, ...metadata } = open.metadata;
  expect(judge(world, request("CREATE", { ...open, metadata: { ...metadata, generateName: "p-" } }), packs).allowed).toBe(false);
});

it("tells what is wrong with the limits, with its path", () => {
  expect(tryPack(rule("{covering: [10.0.0.0]}"))).toEqual(["spec.rules[0].with.covering[0]: `10.0.0.0` is no CIDR"]);
  expect(tryPack(rule("{widerThan: {ipv4: 33}}"))).toEqual(["spec.rules[0].with.widerThan.ipv4: must be <= 32"]);
  expect(tryPack(rule("{directions: [sideways], covering: []}"))).toEqual(["spec.rules[0].with.directions[0]: must be equal to one of the allowed values: ingress, egress"]);
});
