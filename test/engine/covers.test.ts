import { describe, expect, test } from "vitest";
import { coveredBy, Patience, ruleCovers } from "../../src/engine/covers.js";
import type { NamedPort, Peer, PolicyRule } from "../../src/model/policy.js";
import { ALL_TRAFFIC, portRange, type TrafficSet } from "../../src/model/traffic.js";
import { IpSet, parseCidr } from "../../src/sets/ip-set.js";
import { LabelBox } from "../../src/sets/label-box.js";
import { oneOf } from "../../src/sets/value-set.js";

/** Rules and peers by the thousand, as one object can hold them. */

const MANY = 5_000;
const numbers = Array.from({ length: MANY }, (_, i) => i);

function pods(app: string): Peer {
  return { kind: "pods", namespaces: LabelBox.ALL, pods: LabelBox.from([["app", oneOf([app])]]) };
}

function rule(peers: PolicyRule["peers"], ports: TrafficSet = ALL_TRAFFIC, named: readonly NamedPort[] = []): PolicyRule {
  return { action: "Accept", peers, traffic: { ports, named }, path: "" };
}

describe("what says the same", () => {
  test("is found among thousands of rules without comparing any", () => {
    const rules = numbers.map((i) => rule([pods(`a-${i}`)], portRange("TCP", i + 1)));
    const isCovered = coveredBy(rules, new Patience(0));
    expect(rules.map((one) => rule(one.peers, one.traffic.ports)).every(isCovered)).toBe(true);
    expect(isCovered(rule([pods("b")], portRange("TCP", 1)))).toBe(false);
  });

  test.each<[string, readonly Peer[]]>([
    ["pods", numbers.map((i) => pods(`a-${i}`))],
    ["addresses", numbers.map((i) => ({ kind: "addresses", addresses: parseCidr(`10.${i >> 8}.${i & 255}.0/25`) ?? IpSet.EMPTY }))],
    ["names", numbers.map((i) => ({ kind: "symbolic", name: `a-${i}` }))],
  ])("is found among thousands of peers without comparing any: %s", (_, peers) => {
    const patience = new Patience(10);
    expect(ruleCovers(rule(peers), rule([...peers].reverse()), patience)).toBe(true);
    expect(patience.isOver).toBe(false);
  });
});

test("what lies within another is found as long as it is worth it", () => {
  const narrow = numbers.slice(0, 100).map((i) => rule([pods("a")], portRange("TCP", i + 1)));
  const wide = [...narrow.slice(1), rule("everyone", portRange("TCP", 1))];
  const [first] = narrow;
  if (!first) throw new Error("a hundred rules");
  expect(coveredBy(wide, new Patience(1_000))(first)).toBe(true);
  expect(coveredBy(wide, new Patience(50))(first)).toBe(false);
});

test("port names are those of the protocol, or of any", () => {
  const http = (protocol?: NamedPort["protocol"]): PolicyRule => rule("everyone", portRange("TCP", 1), [{ name: "http", ...(protocol && { protocol }) }]);
  const covers = [http(), http("TCP")].flatMap((outer) => [http(), http("TCP"), http("UDP")].map((inner) => ruleCovers(outer, inner)));
  expect(covers).toEqual([true, true, true, false, true, false]);
});
