import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import type { StandingViolation } from "../../src/model/audit.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { refOf } from "../../src/model/kubernetes.js";
import { formatProblem } from "../../src/model/result.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { compilePacks } from "../../src/packs/compile.js";
import { parseException } from "../../src/packs/exception.js";
import { parseProfile } from "../../src/packs/profile.js";
import { audit, type Audit } from "../../src/review/audit.js";
import { StandingAudit } from "../../src/review/standing-audit.js";
import { objectsIn } from "../review/world.js";
import { change, cluster, lawRuns, snapshotOf } from "./arbitrary-cluster.js";

/** What is kept while a cluster changes is what a full audit of it finds. */

const PACK = `
apiVersion: sluice.dev/v1alpha1
kind: RulePack
metadata: {name: law}
spec:
  detects: [{switch: dnsMode, value: node-local, exists: {group: "", kind: Service, namespace: a, name: service-1}}]
  watches:
    - {group: law.dev, version: v1, kind: Home, resource: homes, namespaced: false}
  namespaces:
    all: {exempt: false}
    prod: {matchLabels: {env: prod}}
    homes: {controlledBy: {group: law.dev, kind: Home}}
  endpoints:
    web: {pods: {namespaces: all, matchLabels: {app: "y"}}, ports: [80/TCP]}
    prod: {pods: {namespaces: prod, which: every, others: true}, ports: [80/TCP]}
    services: {services: {namespace: a, selector: {app: x}}, ports: [80/TCP]}
    behind: {pods: {namespaces: prod, matchLabels: {app: x}}, viaServices: {namespace: b, selector: {app: x}}, ports: [80/TCP]}
    endpoints: {endpointsOf: {namespace: a, name: service-0}}
    either: {anyOf: [{addresses: [10.0.0.2], ports: [80/TCP]}, {pods: {namespaces: prod, matchLabels: {app: x}, imagine: {namespaces: [b]}}, ports: [53/UDP]}]}
    outside: {addresses: [192.168.0.0/24]}
    near: {pods: {namespaces: same}, ports: [80/TCP]}
  exemptions:
    - {rules: [law/isolated], becomes: warn, match: {conditions: ["'Home.law.dev' in namesakes"]}}
  rules:
    - {id: isolated, check: require-default-deny, enforcementAction: deny, with: {namespaces: all}}
    - {id: to-web, check: require-flow, enforcementAction: deny, with: {flows: [{what: web, subject: {namespaces: all, matchLabels: {app: x}}, egressTo: web}, {what: near, subject: {namespaces: prod}, egressTo: near}]}}
    - {id: to-prod, check: require-flow, enforcementAction: deny, with: {flows: [{what: prod, subject: {namespaces: all, matchLabels: {tier: x}}, ingressFrom: prod}]}}
    - {id: to-services, check: require-flow, enforcementAction: warn, with: {flows: [{what: services, subject: {namespaces: all}, egressTo: services}, {what: behind, subject: {namespaces: all, matchLabels: {app: "y"}}, egressTo: behind}]}}
    - {id: to-endpoints, check: require-flow, enforcementAction: dryrun, with: {flows: [{what: endpoints, subject: {namespaces: prod}, egressTo: endpoints}, {what: either, subject: {namespaces: all, matchLabels: {app: x}}, egressTo: either}]}}
    - {id: not-outside, check: forbid-flow, enforcementAction: deny, with: {flows: [{what: leaks, subject: {namespaces: prod}, egressTo: outside}]}}
    - {id: not-web, check: forbid-flow, enforcementAction: warn, with: {flows: [{what: spies, subject: {namespaces: prod, matchLabels: {tier: x}}, ingressFrom: web}]}}
    - {id: dangling, check: forbid-dangling-selector, enforcementAction: warn}
    - {id: talks, check: cel-expression, enforcementAction: deny, match: {kinds: [Pod], conditions: ["label(object, 'app') == 'y'"]}, with: {expression: "!reaches('b/pod-0', object, 80)", says: "'pod-0 reaches it'"}, when: "profile.dnsMode != 'node-local'"}
    - {id: owned, check: cel-expression, enforcementAction: deny, match: {kinds: [Pod, Namespace], conditions: ["controller.kind != ''"]}, with: {expression: "controller.exists", says: "'its owner is gone'"}}
    - {id: home, check: cel-expression, enforcementAction: deny, match: {kinds: [Home]}, with: {expression: "namespaceObject != null && label(namespaceObject, 'env') == 'prod'", says: "'no namespace of production is named like it'"}}
    - {id: derived, check: require-derived-flows, enforcementAction: deny, match: {kinds: [Home]}, with: {objects: "[{'apiVersion': 'networking.k8s.io/v1', 'kind': 'NetworkPolicy', 'metadata': {'name': 'derived', 'namespace': object.metadata.name}, 'spec': {'podSelector': {}, 'policyTypes': ['Ingress', 'Egress']}}]"}}
`;
const EXCEPTION = "{apiVersion: sluice.dev/v1alpha1, kind: PolicyException, metadata: {name: e}, spec: {owner: o, reason: r, expires: '2026-06-01T00:00:00Z', rules: [law/to-web, law/talks], namespaces: [a]}}";

function compiled(text: string) {
  const profile = parseProfile({});
  const packs = profile.ok ? compilePacks(objectsIn(text), { settings: {}, profile: profile.value, exceptions: objectsIn(EXCEPTION).map(parseException) }) : profile;
  if (!packs.ok) throw new Error(packs.problems.map(formatProblem).join("\n"));
  return packs.value;
}

const packs = { one: compiled(PACK), other: compiled(PACK.replace("enforcementAction: warn", "enforcementAction: deny")) };

const name = fc.constantFrom("a", "b");
const service = fc.record({ namespace: name, i: fc.nat({ max: 1 }), app: fc.constantFrom("x", "y"), ip: fc.constantFrom("10.0.0.2", "192.168.0.7"), port: fc.constantFrom(80, 81) })
  .map(({ namespace, i, app, ip, port }): KubeObject => ({ apiVersion: "v1", kind: "Service", metadata: { namespace, name: `service-${i}`, uid: `${namespace}-${i}` }, spec: { selector: { app }, clusterIP: ip, ports: [{ port: 80, targetPort: port, protocol: "TCP" }] } }));
const slice = fc.record({ namespace: name, i: fc.nat({ max: 1 }), ip: fc.constantFrom("10.0.0.1", "192.168.0.9") })
  .map(({ namespace, i, ip }): KubeObject => ({ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: { namespace, name: `slice-${i}`, labels: { "kubernetes.io/service-name": `service-${i}` } }, endpoints: [{ addresses: [ip] }], ports: [{ port: 80, protocol: "TCP" }] }));
const home = fc.record({ of: name, uid: fc.constantFrom("1", "2") }).map(({ of, uid }): KubeObject => ({ apiVersion: "law.dev/v1", kind: "Home", metadata: { name: of, uid } }));
const owners = (kind: string, uid: string, of: string) => [{ apiVersion: kind === "Home" ? "law.dev/v1" : "apps/v1", kind, name: of, uid, controller: true }];
const ownedNamespace = fc.record({ of: name, owner: name, env: fc.constantFrom("dev", "prod") })
  .map(({ of, owner, env }): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: of, labels: { env }, ownerReferences: owners("Home", "1", owner) } }));
const deployment = fc.record({ namespace: name, app: fc.constantFrom("x", "y") })
  .map(({ namespace, app }): KubeObject => ({ apiVersion: "apps/v1", kind: "Deployment", metadata: { namespace, name: "pod", uid: "d" }, spec: { template: { metadata: { labels: { app } }, spec: { containers: [{ name: "main" }] } } } }));
const ownedPod = fc.record({ namespace: name, app: fc.constantFrom("x", "y") })
  .map(({ namespace, app }): KubeObject => ({ apiVersion: "v1", kind: "Pod", metadata: { namespace, name: "pod-0", labels: { app }, ownerReferences: owners("Deployment", "d", "pod") }, spec: { containers: [{ name: "main" }] }, status: { phase: "Running" } }));
const node = fc.constantFrom("one", "two").map((zone): KubeObject => ({ apiVersion: "v1", kind: "Node", metadata: { name: "node-0", labels: { zone } }, status: { addresses: [{ type: "InternalIP", address: "192.168.0.1" }] } }));
const put = fc.oneof({ weight: 4, arbitrary: change }, service, slice, home, ownedNamespace, deployment, ownedPod, node);

/** Some objects come or become others, some go, the packs are exchanged, time goes on; and how often something changes while it is asked. */
const step = fc.record({
  puts: fc.array(put, { maxLength: 3 }),
  removes: fc.array(fc.nat(), { maxLength: 1 }),
  which: fc.constantFrom("one" as const, "one" as const, "one" as const, "other" as const),
  later: fc.constantFrom(0, 0, 0, 1),
  interrupted: fc.boolean(),
});

function stepped(snapshot: Snapshot, { puts, removes }: { readonly puts: readonly KubeObject[]; readonly removes: readonly number[] }): Snapshot {
  const after = snapshot.with(readObjects(puts).changes);
  const all = [...[...after.pods()].map(({ namespace, name }) => ({ group: "", kind: "Pod", namespace, name })), ...[...after.policies()].map(({ ref }) => ref), ...[...after.objects.values()].flatMap((objects) => [...objects.values()].map(refOf)), { group: "", kind: "Namespace", name: "b" }];
  return after.with(removes.map((index) => ({ remove: all[index % all.length] as (typeof all)[number] })));
}

function told({ violations, warnings, reasons, checked }: Audit): unknown {
  const text = ({ since: _since, newlyBroken: _new, ...violation }: Partial<StandingViolation>): string => JSON.stringify(violation);
  return { violations: violations.map((one) => text(one)).sort(), warnings: [...warnings].sort(), reasons: [...reasons].sort(), checked };
}

const START = Date.parse("2026-01-01T00:00:00Z");
const YEAR = 365 * 86_400_000;

describe("an audit that follows a cluster", () => {
  test("knows at rest what a full audit finds, whatever has changed", () => {
    fc.assert(fc.property(cluster, fc.array(step, { minLength: 1, maxLength: 6 }), (objects, steps) => {
      const standing = new StandingAudit();
      let context = { snapshot: snapshotOf(objects), packs: packs.one, now: START };
      for (const _ of standing.follow(() => context));
      for (const one of steps) {
        const before = context;
        context = { snapshot: stepped(before.snapshot, one), packs: packs[one.which], now: before.now + one.later * YEAR };
        // Half of the time a first change is seen, and the next one comes while it is looked at.
        const first = { ...before, snapshot: stepped(before.snapshot, { puts: one.puts.slice(0, 1), removes: [] }) };
        let looks = 0;
        for (const _ of standing.follow(() => (one.interrupted && looks++ < 2 ? first : context)));
        for (const _ of standing.follow(() => context));
        expect(told(standing.result())).toEqual(told(audit({ ...context, fixes: false })));
      }
    }), lawRuns(400));
  });
});
