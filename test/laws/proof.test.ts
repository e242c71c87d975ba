import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { excludes, exclusionRegression, holds, holdsForPod, regression, affectedRunning } from "../../src/engine/prove.js";
import { isolated, isolationRegression } from "../../src/engine/prove-isolation.js";
import type { Proof } from "../../src/engine/question.js";
import type { EngineProfile } from "../../src/engine/verdict.js";
import { DIRECTIONS } from "../../src/model/policy.js";
import { change, cluster, lawRuns, snapshotOf } from "./arbitrary-cluster.js";
import { arbitraryFlow, arbitraryIsolationSpace } from "./arbitrary-flow.js";
import { breaks, escapes, opens, runningBroken } from "./brute-force.js";

const profile: fc.Arbitrary<EngineProfile> = fc.record({ cidrSelectsPods: fc.boolean() });
const budget = { steps: 1_000_000 };

function says(proof: Proof): boolean {
  if (proof.answer === "not-proven") throw new Error("the budget ended");
  return proof.answer === "proven";
}

describe("a proof is what trying every pod says", () => {
  it("holds", () => {
    fc.assert(fc.property(cluster, arbitraryFlow({ slots: 2 }), profile, (objects, flow, p) => {
      const snapshot = snapshotOf(objects);
      const asked = flow(snapshot);
      expect(says(holds(snapshot, asked, { profile: p, budget }))).toBe(!breaks({ after: snapshot, flow: asked, profile: p }));
    }), lawRuns());
  });

  it("regression", () => {
    fc.assert(fc.property(cluster, fc.array(change, { minLength: 1, maxLength: 2 }), arbitraryFlow({ slots: 1 }), profile, (objects, changes, flow, p) => {
      const before = snapshotOf(objects);
      const after = snapshotOf([...objects, ...changes]);
      const asked = flow(after);
      expect(says(regression(before, after, { flow: asked, context: { profile: p, budget } }))).toBe(!breaks({ before, after, flow: asked, profile: p }));
    }), lawRuns());
  });

  it("excludes", () => {
    fc.assert(fc.property(cluster, arbitraryFlow({ slots: 2 }), profile, (objects, flow, p) => {
      const snapshot = snapshotOf(objects);
      const asked = flow(snapshot);
      expect(says(excludes(snapshot, asked, { profile: p, budget }))).toBe(!opens({ after: snapshot, flow: asked, profile: p }));
    }), lawRuns());
  });

  it("exclusion regression", () => {
    fc.assert(fc.property(cluster, fc.array(change, { minLength: 1, maxLength: 2 }), arbitraryFlow({ slots: 1 }), profile, (objects, changes, flow, p) => {
      const before = snapshotOf(objects);
      const after = snapshotOf([...objects, ...changes]);
      const asked = flow(after);
      expect(says(exclusionRegression(before, after, { flow: asked, context: { profile: p, budget } }))).toBe(!opens({ before, after, flow: asked, profile: p }));
    }), lawRuns());
  });

  it("isolated", () => {
    fc.assert(fc.property(cluster, arbitraryIsolationSpace, fc.subarray([...DIRECTIONS], { minLength: 1 }), profile, (objects, space, directions, p) => {
      const snapshot = snapshotOf(objects);
      const expected = directions.every((direction) => !escapes({ after: snapshot, space, direction, profile: p }));
      expect(says(isolated(snapshot, { space, directions, context: { profile: p, budget } }))).toBe(expected);
    }), lawRuns());
  });

  it("isolation regression", () => {
    fc.assert(fc.property(cluster, fc.array(change, { minLength: 1, maxLength: 2 }), arbitraryIsolationSpace, profile, (objects, changes, space, p) => {
      const before = snapshotOf(objects);
      const after = snapshotOf([...objects, ...changes]);
      const expected = DIRECTIONS.every((direction) => !escapes({ before, after, space, direction, profile: p }));
      expect(says(isolationRegression(before, after, { space, directions: DIRECTIONS, context: { profile: p, budget } }))).toBe(expected);
    }), lawRuns());
  });
});

describe("for running pods", () => {
  it("one pod and the count of affected ones agree with the judge", () => {
    fc.assert(fc.property(cluster, fc.array(change, { maxLength: 1 }), arbitraryFlow({ slots: 1 }), profile, (objects, changes, flow, p) => {
      const before = snapshotOf(objects);
      const after = snapshotOf([...objects, ...changes]);
      const asked = flow(after);
      const context = { profile: p, budget };
      const broken = runningBroken({ after, flow: asked, profile: p });
      expect(affectedRunning(undefined, after, { flow: asked, context })).toBe(broken.filter(([, isBroken]) => isBroken).length);
      const regressed = runningBroken({ before, after, flow: asked, profile: p });
      expect(affectedRunning(before, after, { flow: asked, context })).toBe(regressed.filter(([, isBroken]) => isBroken).length);
      for (const [pod, isBroken] of broken) expect(says(holdsForPod(after, asked, { pod, context }))).toBe(!isBroken);
    }), lawRuns());
  });
});

