import fc, { type Arbitrary } from "fast-check";
import { NAME_LABEL } from "../../src/model/endpoint.js";
import type { Peer, Policy, PolicyRule, Tier, TrafficMatch } from "../../src/model/policy.js";
import { ADMIN_TIER, BASELINE_TIER, NETWORK_POLICY_TIER } from "../../src/model/policy.js";
import { ALL_TRAFFIC, NO_TRAFFIC, portRange } from "../../src/model/traffic.js";
import { IpSet, parseCidr } from "../../src/sets/ip-set.js";
import { LabelBox } from "../../src/sets/label-box.js";
import { ABSENT, noneOf, oneOf, PRESENT } from "../../src/sets/value-set.js";

/**
 * Random policies of the normal form: everything it can say, whichever dialect may come to say it. Tiers that deny by default,
 * tiers that share an order, Log and Pass everywhere, port names beside addresses, nodes as sources.
 * Names, labels and addresses are those of cluster-arbitrary.
 */

const TIERS: readonly Tier[] = [
  ADMIN_TIER, NETWORK_POLICY_TIER, BASELINE_TIER,
  { name: "security", order: 500, defaultAction: "Deny" },
  { name: "audit", order: 500, defaultAction: "Pass" },
];
const NAMESPACES = ["x", "y", "z"];
const values = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 2 });
const valueSet = fc.oneof(values.map(oneOf), values.map(noneOf), fc.constantFrom(PRESENT, ABSENT));
const podBox = fc.array(fc.tuple(fc.constantFrom("app", "tier"), valueSet), { maxLength: 2 }).map((entries) => LabelBox.from(entries));
const nameBox = fc.constantFrom(...NAMESPACES).map((name) => LabelBox.from([[NAME_LABEL, oneOf([name])]]));
const namespaceBox = fc.oneof(podBox, nameBox, fc.constant(LabelBox.ALL));
const podClass = fc.record({ namespaces: namespaceBox, pods: fc.oneof(podBox, fc.constant(LabelBox.ALL)) });

const block = fc.constantFrom("0.0.0.0/0", "10.0.0.0/8", "10.0.1.0/24", "192.168.0.0/31", "::/0", "fd00::/126").map((cidr) => parseCidr(cidr) ?? IpSet.EMPTY);
const addresses = fc.oneof(block, fc.tuple(block, block).map(([a, b]) => a.union(b)), fc.tuple(block, block).map(([a, b]) => a.subtract(b)));
const peer: Arbitrary<Peer> = fc.oneof(
  { weight: 4, arbitrary: podClass.map((pods) => ({ kind: "pods" as const, ...pods })) },
  { weight: 2, arbitrary: addresses.map((set) => ({ kind: "addresses" as const, addresses: set })) },
  { weight: 1, arbitrary: podBox.map((labels) => ({ kind: "nodes" as const, labels })) },
  { weight: 1, arbitrary: fc.constant({ kind: "symbolic" as const, name: "domain:example.com" }) },
);
const portSet = fc.oneof(
  fc.constantFrom(ALL_TRAFFIC, NO_TRAFFIC, portRange("TCP"), portRange("UDP", 53, 53), portRange("TCP", 80, 443)),
  fc.tuple(fc.constantFrom("TCP" as const, "SCTP" as const), fc.constantFrom(53, 80, 443)).map(([protocol, port]) => portRange(protocol, port, port)),
);
const namedPort = fc.tuple(fc.constantFrom("http", "dns"), fc.constantFrom("TCP" as const, "UDP" as const, undefined));
const traffic: Arbitrary<TrafficMatch> = fc.record({
  ports: portSet,
  named: fc.array(namedPort.map(([name, protocol]) => ({ name, ...(protocol ? { protocol } : {}) })), { maxLength: 2 }),
});
const rule: Arbitrary<PolicyRule> = fc.record({
  action: fc.constantFrom("Accept" as const, "Accept" as const, "Deny" as const, "Pass" as const, "Log" as const),
  peers: fc.oneof(fc.constant("everyone" as const), fc.array(peer, { maxLength: 3 })),
  traffic,
  path: fc.constant("spec.rules[0]"),
});
const rules = fc.array(rule, { maxLength: 3 });

/** Cluster-scoped policies; equal orders are likely. */
export const clusterPolicies: Arbitrary<readonly Policy[]> = fc
  .array(
    fc.record({
      tier: fc.constantFrom(...TIERS),
      order: fc.integer({ min: 0, max: 1 }),
      subject: podClass,
      isolates: fc.record({ ingress: fc.boolean(), egress: fc.boolean() }),
      rules: fc.record({ ingress: rules, egress: rules }),
    }),
    { maxLength: 5 },
  )
  .map((parts) =>
    parts.map((part, i): Policy => {
      const name = `gnp${i}`;
      const ref = { group: "crd.projectcalico.org", kind: "GlobalNetworkPolicy", name };
      return { ...part, ref, problems: [], object: { apiVersion: "crd.projectcalico.org/v1", kind: ref.kind, metadata: { name } } };
    }),
  );
