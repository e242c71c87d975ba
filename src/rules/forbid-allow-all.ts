import { ok } from "../model/result.js";
import type { Policy, PolicyRule } from "../model/policy.js";
import { DIRECTIONS } from "../model/policy.js";
import { ALL_PORTS } from "../model/traffic.js";
import { IpSet } from "../sets/ip-set.js";
import type { Check, Finding } from "./rule.js";

/** A policy with rules that together, by meaning, grant all peers and all ports in a direction. */
export const forbidAllowAll = {
  id: "forbid-allow-all",
  schema: { type: "object", additionalProperties: false, properties: {} },
  compile: () =>
    ok({
      judge: ({ request, after }) => {
        const policy = request.object && after.policy({
          group: request.kind.group,
          kind: request.kind.kind,
          name: request.name,
          ...(request.namespace === undefined ? {} : { namespace: request.namespace }),
        });
        return ok(policy ? findings(policy) : []);
      },
    }),
} satisfies Check;

function findings(policy: Policy): Finding[] {
  return DIRECTIONS.flatMap((direction) => {
    const rule = policy.isolates[direction] ? policy.rules[direction].find(grantsEverything) : undefined;
    if (!rule) return [];
    return [{ message: `rule \`${rule.path}\` allows all ${direction} traffic of the pods it selects`, policies: [], path: rule.path }];
  });
}

function grantsEverything(rule: PolicyRule): boolean {
  return rule.action === "Accept" && rule.traffic.ports.covers(ALL_PORTS) && (rule.peers === "everyone" || everyone(rule.peers));
}

/** Every pod of every namespace and every address of a family: nobody is left out. */
function everyone(peers: Exclude<PolicyRule["peers"], "everyone">): boolean {
  const pods = peers.some((peer) => peer.kind === "pods" && peer.namespaces.isAll && peer.pods.isAll);
  const addresses = peers.reduce((set, peer) => (peer.kind === "addresses" ? set.union(peer.addresses) : set), IpSet.EMPTY);
  return pods && addresses.covers(IpSet.ALL_V4);
}
