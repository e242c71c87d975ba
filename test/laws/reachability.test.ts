import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import { compare } from "../../src/engine/compare.js";
import { connectivity } from "../../src/engine/connectivity.js";
import { evaluate, evaluateEnd } from "../../src/engine/evaluate.js";
import { reachability, type Reachability } from "../../src/engine/reachability.js";
import type { EngineProfile } from "../../src/engine/verdict.js";
import type { Endpoint } from "../../src/model/endpoint.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import type { Policy } from "../../src/model/policy.js";
import { Snapshot, type Change } from "../../src/model/snapshot.js";
import { OTHER_TRAFFIC, PROTOCOLS, trafficPoint } from "../../src/model/traffic.js";
import { parseAddress } from "../../src/sets/ip-set.js";
import { clusterPolicies } from "./arbitrary-policies.js";
import { clusterObjects } from "./cluster-arbitrary.js";

const RUNS = Number(process.env.LAWS_RUNS ?? 1000);
const HALF_AN_HOUR = 30 * 60_000;

/** A law, tried as often as `LAWS_RUNS` says or for half an hour; a long run says how often that was. */
function law<T>(name: string, property: fc.IProperty<T>): void {
  test(name, { timeout: HALF_AN_HOUR + 60_000 }, () => {
    const details = fc.check(property, { numRuns: RUNS, interruptAfterTimeLimit: HALF_AN_HOUR });
    if (process.env.LAWS_RUNS !== undefined) console.info(`${name}: ${details.numRuns} runs, seed ${details.seed}`);
    if (details.failed && details.counterexample !== null) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
  });
}

const objects = fc.oneof(
  { weight: 2, arbitrary: clusterObjects.map((list) => changesOf(list)) },
  { weight: 3, arbitrary: fc.tuple(clusterObjects, clusterPolicies).map(([list, policies]) => [...changesOf(list), ...policies.map(putPolicy)]) },
);
const profiles = fc.record({ cidrSelectsPods: fc.boolean() });
const POINTS = [...PROTOCOLS.flatMap((protocol) => [53, 79, 80, 81, 100, 443, 8080].map((port) => trafficPoint(protocol, port))), ...OTHER_TRAFFIC.ranges.map(([low]) => low)];
/** Addresses outside, a node's, a pod's or no one's. */
const ADDRESSES = ["8.8.8.8", "10.0.1.1", "10.0.1.2", "192.168.0.1", "192.168.0.3", "fd00::1", "fd00::9", "2001:db8::1"].map((text) => parseAddress(text) ?? 0);

function changesOf(list: readonly KubeObject[]): Change[] {
  return readObjects(list).changes;
}

function putPolicy(value: Policy): Change {
  return { put: { fact: "policy", value } };
}

function endsOf(snapshot: Snapshot): readonly Endpoint[] {
  const pods = [...snapshot.pods()];
  return [
    ...pods.map((pod): Endpoint => ({ kind: "pod", pod })),
    ...pods.flatMap((pod) => pod.addresses.map((address): Endpoint => ({ kind: "pod", pod, address }))),
    ...ADDRESSES.map((address): Endpoint => ({ kind: "address", address })),
  ];
}

function nameOf(end: Endpoint): string {
  return `${end.kind === "pod" ? `${end.pod.namespace}/${end.pod.name}` : ""} ${end.address ?? ""}`.trim();
}

/** Some pairs of ends, by numbers that need not fit. */
const picks = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 6, maxLength: 12 });

function pairsOf(snapshot: Snapshot, numbers: readonly (readonly [number, number])[]): (readonly [Endpoint, Endpoint])[] {
  const ends = endsOf(snapshot);
  return numbers.map(([a, b]) => [ends[a % ends.length] as Endpoint, ends[b % ends.length] as Endpoint]);
}

/** What the fast evaluator says of two ends, as text. */
function picture(reach: Reachability, pairs: readonly (readonly [Endpoint, Endpoint])[]): readonly string[] {
  return pairs.map(([src, dst]) => [reach.reach(src, dst), reach.egressOf(src, dst), reach.ingressOf(src, dst)].map(({ ranges }) => JSON.stringify(ranges)).join(" / "));
}

function expectAgreement(snapshot: Snapshot, reach: Reachability, pairs: readonly (readonly [Endpoint, Endpoint])[]): void {
  const profile: EngineProfile = reach.profile;
  for (const [src, dst] of pairs) {
    const [all, egress, ingress] = [reach.reach(src, dst), reach.egressOf(src, dst), reach.ingressOf(src, dst)];
    for (const traffic of POINTS) {
      const connection = { src, dst, traffic };
      const verdict = evaluate(snapshot, connection, profile);
      expect(reach.check(connection), [src, dst].map(nameOf).join(" to ")).toEqual({ allowed: verdict.allowed, egressAllowed: verdict.egress.allowed, ingressAllowed: verdict.ingress.allowed });
      expect(all.contains(traffic)).toBe(verdict.allowed);
      expect(egress.contains(traffic)).toBe(evaluateEnd(snapshot, connection, { ...profile, direction: "egress" }).allowed);
      expect(ingress.contains(traffic)).toBe(evaluateEnd(snapshot, connection, { ...profile, direction: "ingress" }).allowed);
    }
  }
}

describe("the fast evaluator", () => {
  law("says what the judge says, of every kind of end, dialect and profile",
    fc.property(objects, profiles, picks, (changes, profile, numbers) => {
      const snapshot = Snapshot.EMPTY.with(changes);
      expectAgreement(snapshot, reachability(snapshot, profile), pairsOf(snapshot, numbers));
    }),
  );

  law("says of a changed snapshot what it says when it starts anew, whatever it was asked before",
    fc.property(objects, objects, profiles, picks, fc.array(fc.nat(), { maxLength: 3 }), (first, second, profile, numbers, gone) => {
      const before = Snapshot.EMPTY.with(first);
      const base = reachability(before, profile);
      picture(base, pairsOf(before, numbers));
      const policies = [...before.policies()];
      const removals = policies.length === 0 ? [] : gone.map((n): Change => ({ remove: (policies[n % policies.length] as Policy).ref }));
      const after = before.with([...second, ...removals]);
      const pairs = pairsOf(after, numbers);
      expect(picture(reachability(after, profile, base), pairs)).toEqual(picture(reachability(after, profile), pairs));
      // The earlier one still answers for its own snapshot.
      const old = pairsOf(before, numbers);
      expect(picture(base, old)).toEqual(picture(reachability(before, profile), old));
    }),
  );
});

describe("connectivity and compare", () => {
  const options = { profile: { cidrSelectsPods: false }, addressFamilies: "dual" } as const;

  law("do not depend on the order of the objects",
    fc.property(clusterObjects.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray([...list], { minLength: list.length }))), ([list, shuffled]) => {
      const [one, other] = [list, shuffled].map((ordered) => Snapshot.EMPTY.with(changesOf(ordered)));
      expect([...connectivity(other as Snapshot, options)]).toEqual([...connectivity(one as Snapshot, options)]);
    }),
  );

  law("find no difference between equal clusters, read twice or changed back",
    fc.property(objects, objects, (changes, others) => {
      const snapshot = Snapshot.EMPTY.with(changes);
      expect([...compare(snapshot, snapshot, options)]).toEqual([]);
      expect([...compare(snapshot, Snapshot.EMPTY.with(changes), options)]).toEqual([]);
      const extra = others.filter((change) => "put" in change && change.put.fact === "policy" && !snapshot.policy(change.put.value.ref));
      const back = extra.flatMap((change): Change[] => ("put" in change && change.put.fact === "policy" ? [{ remove: change.put.value.ref }] : []));
      expect([...compare(snapshot, snapshot.with(extra).with(back), options)]).toEqual([]);
    }),
  );

  law("exchanging the sides exchanges old and new, added and removed",
    fc.property(objects, objects, (first, second) => {
      const [before, after] = [Snapshot.EMPTY.with(first), Snapshot.EMPTY.with(second)];
      const swap = { added: "removed", removed: "added", changed: "changed" } as const;
      const turned = [...compare(after, before, options)].map((diff) => ({
        ...diff,
        type: swap[diff.type], old: diff.new, new: diff.old,
        info: diff.info?.replace(/(added|removed)$/, (word) => swap[word as "added" | "removed"]) ?? null,
      }));
      expect([...compare(before, after, options)]).toEqual(turned);
    }),
  );

  law("the differences lead from one connectivity to the other",
    fc.property(objects, objects, (first, second) => {
      const before = Snapshot.EMPTY.with(first);
      const after = before.with(second);
      const [olds, nows] = [before, after].map((snapshot) => pointwise(connectivity(snapshot, options)));
      const diffs = [...compare(before, after, options)];
      const said = (field: "old" | "new") => diffs.filter((diff) => diff[field] !== "No Connections").map(({ src, dst, ...diff }) => ({ src, dst, conn: diff[field] }));
      const [gone, come] = [pointwise(said("old")), pointwise(said("new"))];
      expect([...(olds ?? [])].filter((line) => !gone.has(line)).concat([...come]).sort()).toEqual([...(nows ?? [])].sort());
    }),
  );
});

/** Lines as texts, one with a range replaced by one for each sample address in it, so that lines cut differently compare. */
function pointwise(lines: Iterable<{ readonly src: string; readonly dst: string; readonly conn: string }>): ReadonlySet<string> {
  const texts = new Set<string>();
  for (const { src, dst, conn } of lines) {
    for (const from of samplesIn(src)) for (const to of samplesIn(dst)) texts.add(`${from} > ${to}: ${conn}`);
  }
  return texts;
}

/** Not the addresses of nodes: a range stands for addresses that no node has, unless policies tell nodes apart. */
const SAMPLES = [...ADDRESSES.filter((address) => address !== parseAddress("192.168.0.1")), ...["0.0.0.0", "9.255.255.255", "10.0.0.0", "10.0.2.0", "255.255.255.255", "::1", "fd00::3", "fd00::4"].map((text) => parseAddress(text) ?? 0)];

function samplesIn(name: string): readonly string[] {
  if (!name.endsWith("[External]")) return [name];
  const [low, high] = name.replace("[External]", "").split("-").map((text) => parseAddress(text));
  return SAMPLES.filter((address) => typeof address === typeof low && low !== undefined && high !== undefined && low <= address && address <= high).map((address) => `${typeof address} ${address}`);
}
