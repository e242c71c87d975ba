import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Snapshot } from "../../src/model/snapshot.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { refOf } from "../../src/model/kubernetes.js";
import { formatProblem } from "../../src/model/result.js";
import { isLive } from "../../src/model/endpoint.js";
import { ruleId, type Violation } from "../../src/model/violation.js";
import { compilePacks, type CompiledPacks } from "../../src/packs/compile.js";
import { parseException } from "../../src/packs/exception.js";
import { parseProfile } from "../../src/packs/profile.js";
import { audit } from "../../src/review/audit.js";
import { readChange } from "../../src/review/change.js";
import { requestOf, userInfo } from "../../src/review/proposed.js";
import { askProtection } from "../../src/review/protect.js";
import { review } from "../../src/review/review.js";
import { objectsIn } from "../review/world.js";
import { cluster, lawRuns, snapshotOf } from "./arbitrary-cluster.js";

/** Verdicts of audit are verdicts of admission, on random clusters. */

const PACK = `
apiVersion: sluice.dev/v1alpha1
kind: RulePack
metadata: {name: law}
spec:
  namespaces:
    all: {exempt: false}
    prod: {matchLabels: {env: prod}}
  endpoints:
    web: {pods: {namespaces: all, matchLabels: {app: "y"}}, ports: [80/TCP]}
    outside: {addresses: [192.168.0.0/24]}
  rules:
    - {id: isolated, check: require-default-deny, enforcementAction: deny, hold: deny, with: {namespaces: all}}
    - {id: to-web, check: require-flow, enforcementAction: deny, hold: deny, with: {flows: [{what: web, subject: {namespaces: all, matchLabels: {app: x}}, egressTo: web}]}}
    - {id: from-outside, check: require-flow, enforcementAction: warn, hold: warn, with: {flows: [{what: calls, subject: {namespaces: prod}, ingressFrom: outside}]}}
    - {id: not-outside, check: forbid-flow, enforcementAction: deny, hold: deny, with: {flows: [{what: leaks, subject: {namespaces: prod}, egressTo: outside}]}}
    - {id: allow-all, check: forbid-allow-all, enforcementAction: deny}
    - {id: broad, check: forbid-broad-cidr, enforcementAction: warn, with: {widerThan: {ipv4: 16, ipv6: 48}}}
    - {id: tier, check: cel-expression, enforcementAction: deny, match: {kinds: [Pod]}, with: {expression: "hasLabel(object, 'tier')", says: "'no tier'"}}
`;

const EXCEPTION = "{apiVersion: sluice.dev/v1alpha1, kind: PolicyException, metadata: {name: e}, spec: {owner: o, reason: r, expires: 2030-01-01, rules: [law/*], namespaces: [a]}}";

function packsWith(exceptions: readonly KubeObject[]): CompiledPacks {
  const profile = parseProfile({});
  const compiled = profile.ok ? compilePacks(objectsIn(PACK), { settings: {}, profile: profile.value, exceptions: exceptions.map(parseException) }) : profile;
  if (!compiled.ok) throw new Error(compiled.problems.map(formatProblem).join("\n"));
  return compiled.value;
}

const packs = { plain: packsWith([]), excepted: packsWith(objectsIn(EXCEPTION)) };
const RUNS = 1000;
const now = Date.parse("2026-01-01T00:00:00Z");
const worlds = fc.record({ objects: cluster, which: fc.constantFrom("plain" as const, "excepted" as const) });

interface World {
  readonly snapshot: Snapshot;
  readonly inForce: CompiledPacks;
}

function law(byDefault: number, holds: (world: World) => void): void {
  fc.assert(fc.property(worlds, ({ objects, which }) => holds({ snapshot: snapshotOf(objects), inForce: packs[which] })), lawRuns(byDefault));
}

const OBJECT_RULES = new Set(["law/allow-all", "law/broad", "law/tier", "sluice/readable"]);

function told({ message, action, exception, ...violation }: Violation): string {
  return `${ruleId(violation)} ${action} ${exception?.name ?? ""} ${message.replace(/^the pod is held: /, "")}`;
}

function ofObject(violations: readonly Violation[], object: KubeObject): string[] {
  const wanted = JSON.stringify(refOf(object));
  return violations.filter((violation) => OBJECT_RULES.has(ruleId(violation)) && JSON.stringify(violation.object) === wanted).map(told).sort();
}

function* objectsOf(snapshot: Snapshot): Iterable<KubeObject> {
  for (const { object } of snapshot.policies()) yield object;
  for (const { object, namespace, finished } of snapshot.pods()) if (object && !finished) yield { ...object, metadata: { ...object.metadata, namespace } };
}

describe("verdicts of audit are verdicts of admission", () => {
  test("on each policy and pod by itself", () => {
    law(RUNS, ({ snapshot, inForce }) => {
      const { violations } = audit({ snapshot, packs: inForce, now });
      for (const object of objectsOf(snapshot)) {
        const decision = review(requestOf(object, userInfo(undefined)), { snapshot, packs: inForce, now });
        expect(ofObject(violations, object)).toEqual(ofObject(decision.violations, object));
      }
    });
  });

  test("whatever holds a pod that runs is told of its namespace", () => {
    law(RUNS, ({ snapshot, inForce }) => {
      const { violations } = audit({ snapshot, packs: inForce, now });
      for (const pod of snapshot.pods()) {
        if (!pod.object || !isLive(pod)) continue;
        const decision = review(requestOf({ ...pod.object, metadata: { ...pod.object.metadata, namespace: pod.namespace } }, userInfo("system:serviceaccount:kube-system:replicaset-controller")), { snapshot, packs: inForce, now });
        // A pod may be the peer of a forbidden flow: that is told of the namespace of its subject.
        const held = decision.violations.filter((violation) => !OBJECT_RULES.has(ruleId(violation)) && ruleId(violation) !== "law/not-outside");
        for (const violation of held) {
          expect(violations.filter(({ object }) => object.kind === "Namespace" && object.name === pod.namespace).map((one) => `${ruleId(one)} ${one.action}`)).toContain(`${ruleId(violation)} ${violation.action}`);
        }
      }
    });
  });

  test("a rule broken in a namespace is what its policies break, written all at once", () => {
    law(RUNS, ({ snapshot, inForce }) => {
      const { violations } = audit({ snapshot, packs: inForce, now });
      for (const { namespace, policies } of snapshot.namespaces.values()) {
        const [first] = policies.values();
        if (!first) continue;
        const before = snapshot.with([...policies.values()].map(({ ref }) => ({ remove: ref })));
        const { request: { object: _first, ...request }, ...change } = readChange(requestOf(first.object, userInfo(undefined)), snapshot, inForce).change;
        const together = { ...change, request, before, after: snapshot };
        for (const rule of inForce.rules.filter(({ behaviour }) => behaviour.protect)) {
          const standsBefore = rule.behaviour.protect?.standing(before, namespace).every(({ outcome }) => outcome === "holds") ?? true;
          const regresses = askProtection(rule, together, { excepting: () => ({ lapsed: [] }), onlyRegressions: true }).violations.length > 0;
          const isTold = violations.some((violation) => ruleId(violation) === rule.id && violation.object.kind === "Namespace" && violation.object.name === namespace.name);
          if (standsBefore && isTold) expect(regresses).toBe(true);
        }
      }
    });
  });
});
