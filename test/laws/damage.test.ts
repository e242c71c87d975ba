import fc, { type Arbitrary } from "fast-check";
import { describe, expect, test } from "vitest";
import { readObjects, toPolicy } from "../../src/dialects/index.js";
import { endpointOf } from "../../src/engine/endpoints.js";
import { evaluate } from "../../src/engine/evaluate.js";
import type { Verdict } from "../../src/engine/verdict.js";
import { isRecord, nameKey, type KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { OTHER_TRAFFIC, trafficPoint } from "../../src/model/traffic.js";
import { clusterObjects } from "./cluster-arbitrary.js";

const RUNS = { numRuns: Number(process.env.LAWS_RUNS ?? 1000) };

const POINTS = [trafficPoint("TCP", 80), trafficPoint("UDP", 53), trafficPoint("SCTP", 443), OTHER_TRAFFIC.ranges[0]?.[0] ?? 0];
const ADDRESSES = ["10.0.1.2", "8.8.8.8", "192.168.0.1", "fd00::1", "2001:db8::1"];

/** All verdicts among the ends, as text; the same ends and traffic every time. */
function verdicts(snapshot: Snapshot, cidrSelectsPods: boolean): ReadonlyMap<string, Verdict> {
  const names = [...[...snapshot.pods()].map((pod) => `${pod.namespace}/${pod.name}`).sort(), ...ADDRESSES];
  const out = new Map<string, Verdict>();
  for (const [from, src] of names.map((name) => [name, endpointOf(snapshot, name)] as const)) {
    for (const [to, dst] of names.map((name) => [name, endpointOf(snapshot, name)] as const)) {
      for (const traffic of POINTS) if (src && dst) out.set(`${from} > ${to} ${traffic}`, evaluate(snapshot, { src, dst, traffic }, { cidrSelectsPods }));
    }
  }
  return out;
}

function snapshotOf(objects: readonly KubeObject[]): Snapshot {
  return Snapshot.EMPTY.with(readObjects(objects).changes);
}

/** One place in a value, and what to do to it there. */
type Damage = (value: unknown) => unknown;

const junk: Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, [], {}, "", 0, -1, true, "a/b", "10.0.0.0/99", 1e300, [null], [[]], { "": {} }, { toString: 1 }),
  fc.jsonValue({ maxDepth: 2 }),
);
const damage: Arbitrary<Damage> = fc.oneof(
  junk.map((other): Damage => () => other),
  fc.constant<Damage>(() => undefined),
  fc.constant<Damage>((value) => [value]),
  fc.constant<Damage>((value) => (Array.isArray(value) ? value[0] : { items: value })),
  fc.tuple(fc.string({ maxLength: 6 }), junk).map(([key, other]): Damage => (value) => (isRecord(value) ? { ...value, [key]: other } : value)),
  fc.constant<Damage>((value) => (isRecord(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [`${key}s`, inner])) : JSON.stringify(value))),
);

/** Applies damage at the place that the turns lead to: at each level, one child or, past the last turn, the value itself. */
function damaged(value: unknown, turns: readonly number[], change: Damage): unknown {
  const [turn, ...rest] = turns;
  if (turn === undefined) return change(value);
  if (Array.isArray(value) && value.length > 0) return value.map((item: unknown, i) => (i === turn % value.length ? damaged(item, rest, change) : item));
  if (!isRecord(value) || Object.keys(value).length === 0) return change(value);
  const keys = Object.keys(value);
  const key = keys[turn % keys.length];
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, name === key ? damaged(inner, rest, change) : inner]));
}

const wounds = fc.array(fc.record({ at: fc.nat(50), turns: fc.array(fc.nat(20), { maxLength: 9 }), change: damage }), { minLength: 1, maxLength: 6 });

describe("clusters as they are not meant to be", () => {
  test("damaged anywhere, they give problems or answers, never an exception", () => {
    fc.assert(
      fc.property(clusterObjects, wounds, fc.boolean(), (objects, hurts, cidrSelectsPods) => {
        const broken = [...objects] as unknown[];
        for (const { at, turns, change } of hurts) broken[at % broken.length] = damaged(broken[at % broken.length], turns, change);
        for (const object of broken) toPolicy(object as KubeObject);
        for (const verdict of verdicts(snapshotOf(broken as KubeObject[]), cidrSelectsPods).values()) {
          expect(verdict.allowed).toBe(verdict.egress.allowed && verdict.ingress.allowed);
        }
      }),
      RUNS,
    );
  });

  test("a field nobody knows in a policy is a problem there, and opens nothing", () => {
    const stray: Damage = (value) => (isRecord(value) ? { ...value, stray: 1 } : value);
    fc.assert(
      fc.property(clusterObjects, fc.nat(50), fc.array(fc.nat(20), { maxLength: 6 }), fc.boolean(), (objects, pick, turns, cidrSelectsPods) => {
        const policies = objects.filter(({ kind }) => kind.endsWith("NetworkPolicy"));
        const chosen = policies[pick % policies.length];
        fc.pre(chosen !== undefined);
        const spec = damaged(chosen.spec, turns, stray);
        fc.pre(JSON.stringify(spec) !== JSON.stringify(chosen.spec));
        const hurt = { ...chosen, spec };
        expect(toPolicy(hurt).problems.map(({ path }) => path)).toEqual([expect.stringMatching(/^spec(\..+)?\.stray$/)]);
        const [before, after] = [objects, objects.map((object) => (object === chosen ? hurt : object))].map((all) => verdicts(snapshotOf(all), cidrSelectsPods));
        const opened = [...(after ?? [])].filter(([name, { allowed }]) => allowed && !before?.get(name)?.allowed).map(([name]) => name);
        expect(opened).toEqual([]);
      }),
      RUNS,
    );
  });

  test("valid clusters have no problems", () => {
    fc.assert(fc.property(clusterObjects, (objects) => void expect(readObjects(objects).problems).toEqual([])), RUNS);
  });
});

describe("the judge", () => {
  const told = ({ allowed, egress, ingress }: Verdict) => ({
    allowed,
    ends: [egress, ingress].map(({ reason, decidedBy, isolatedBy, ambiguous }) => [
      reason, ambiguous, decidedBy && `${nameKey(decidedBy.policy.ref)} ${decidedBy.rule.path}`, isolatedBy.map(({ ref }) => nameKey(ref)),
    ]),
  });

  test("does not care in which order the objects come", () => {
    const shuffled = clusterObjects.chain((objects) => fc.tuple(fc.constant(objects), fc.shuffledSubarray([...objects], { minLength: objects.length })));
    fc.assert(
      fc.property(shuffled, ([objects, other]) => {
        const [one, two] = [objects, other].map((all) => [...verdicts(snapshotOf(all), true)].map(([name, verdict]) => [name, told(verdict)]));
        expect(two).toEqual(one);
      }),
      RUNS,
    );
  });

  test("a NetworkPolicy given twice, under two names, means what it means once", () => {
    fc.assert(
      fc.property(clusterObjects, fc.boolean(), (objects, cidrSelectsPods) => {
        const twins = objects.filter(({ kind }) => kind === "NetworkPolicy").map((object) => ({ ...object, metadata: { ...object.metadata, name: `${object.metadata.name}-twin` } }));
        const [before, after] = [objects, [...objects, ...twins]].map((all) => verdicts(snapshotOf(all), cidrSelectsPods));
        expect([...(after ?? [])].map(([name, { allowed }]) => [name, allowed])).toEqual([...(before ?? [])].map(([name, { allowed }]) => [name, allowed]));
      }),
      RUNS,
    );
  });
});
