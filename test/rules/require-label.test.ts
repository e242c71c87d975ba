import { expect, it } from "vitest";
import { judge, request, snapshotOf } from "../review/world.js";
import { namespace, packOf, pod, tryPack } from "./inline-pack.js";

const rule = (labels: string): string => `{rules: [{id: r, check: require-label, enforcementAction: deny, match: {kinds: [Pod, Namespace]}, with: {labels: ${labels}}}]}`;
const said = (labels: string, of: string): string[] =>
  judge(snapshotOf(namespace("a")), request("CREATE", pod("a", "p", of)), packOf(rule(labels))).violations.map(({ message, path }) => `${path ?? ""}: ${message}`);

it.each([
  ["there", "[{key: zone}]", "{zone: x}", []],
  ["there and empty", "[{key: zone}]", "{zone: ''}", []],
  ["missing", "[{key: zone}]", "{zones: x}", ["metadata.labels: label `zone` is missing"]],
  ["missing, with values", "[{key: zone, values: [a, b]}]", "{}", ["metadata.labels: label `zone` is missing; one of `a`, `b`"]],
  ["one of the values", "[{key: zone, values: [a, b]}]", "{zone: b}", []],
  ["another value", "[{key: zone, values: [a, b]}]", "{zone: c}", ['metadata.labels["zone"]: label `zone` is `c`; one of `a`, `b`']],
  ["of the form", "[{key: team, pattern: '^[a-z]+-team$'}]", "{team: pay-team}", []],
  ["of another form", "[{key: team, pattern: '^[a-z]+-team$'}]", "{team: pay}", ['metadata.labels["team"]: label `team` is `pay`, which does not match `^[a-z]+-team$`']],
  ["several", "[{key: team}, {key: zone}]", "{}", ["metadata.labels: label `team` is missing", "metadata.labels: label `zone` is missing"]],
  ["a name of every object in JavaScript", "[{key: constructor}]", "{}", ["metadata.labels: label `constructor` is missing"]],
])("%s", (_what, labels, of, expected) => expect(said(labels, of)).toEqual(expected));

it("an object without labels at all, and a namespace that loses one", () => {
  const packs = packOf(rule("[{key: zone}]"));
  const bare = { ...namespace("b"), metadata: { name: "b" } };
  expect(judge(snapshotOf(), request("CREATE", bare), packs).allowed).toBe(false);
  expect(judge(snapshotOf(), request("UPDATE", namespace("b"), { old: namespace("b", "{zone: x}") }), packs).allowed).toBe(false);
});

it("takes time linear in the value, whatever the pattern", () => {
  expect(said("[{key: zone, pattern: '^(a+)+$'}]", `{zone: ${"a".repeat(50)}-}`)).toHaveLength(1);
});

it.each([
  ["[{key: zone, pattern: '(?=a)'}]", /^spec\.rules\[0\]\.with\.labels\[0\]\.pattern: pattern `\(\?=a\)` is no regular expression in RE2 syntax/],
  ["[{key: zone, pattern: '(a{1000}){1000}'}]", /with\.labels\[0\]\.pattern: pattern .* is no regular expression/],
  [`[{key: zone, pattern: '${"a".repeat(1_001)}'}]`, /is longer than 1000 characters/],
])("what cannot be: %s", (labels, message) => expect((tryPack(rule(labels)) as readonly string[])[0]).toMatch(message));
