import { isRecord, textsIn } from "../model/kubernetes.js";
import type { Direction, PolicyRule } from "../model/policy.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { portRange, PROTOCOLS, type TrafficSet } from "../model/traffic.js";
import { blockWiderThan, isLargerThanBlock, type CidrBlock } from "../sets/cidr-block.js";
import { IpSet, parseCidr } from "../sets/ip-set.js";
import { PORTS_SCHEMA } from "./endpoint-selector.js";
import { addressesGranted, DIRECTIONS_SCHEMA, grantingRules, readDirections, requestedPolicy } from "./policy-selector.js";
import type { Check, Finding } from "./rule.js";
import { readPorts } from "./service-selector.js";

/**
 * A policy that grants too many addresses in one direction, by the meaning of all its rules together: a block wider than
 * a limit (cut by `except` or put together from several blocks), or all of a given range. What counts are addresses that
 * are granted every port of some protocol, or all of `ports`.
 */
export const forbidBroadCidr = {
  id: "forbid-broad-cidr",
  description: "all rules of the policy together grant no block of addresses that is too wide",
  ofWritten: true,
  schema: {
    type: "object",
    additionalProperties: false,
    anyOf: [{ required: ["widerThan"] }, { required: ["covering"] }],
    properties: {
      directions: DIRECTIONS_SCHEMA,
      widerThan: {
        type: "object",
        additionalProperties: false,
        minProperties: 1,
        properties: { ipv4: { type: "integer", minimum: 0, maximum: 32, description: "of IPv4 blocks", examples: [8] }, ipv6: { type: "integer", minimum: 0, maximum: 128, description: "of IPv6 blocks", examples: [32] } },
        description: "prefix lengths: no block may be wider",
        examples: [{ ipv4: 8, ipv6: 32 }],
      },
      covering: { type: "array", items: { type: "string" }, description: "CIDRs: none may be granted in full", examples: [["10.0.0.0/8"]] },
      ports: { ...PORTS_SCHEMA, description: "an address counts when all of these are granted; every port of a protocol by default" },
    },
  },
  compile(spec, _scope, path) {
    const limits = readLimits(spec, path);
    if (!limits.ok) return limits;
    return ok({
      about: ["policy"],
      judge: (change) => {
        const policy = requestedPolicy(change);
        return ok(policy ? readDirections(spec.directions).flatMap((direction) => judge(grantingRules(policy, direction), direction, limits.value)) : []);
      },
    });
  },
} satisfies Check;

interface Limits {
  readonly widerThan: readonly (readonly [CidrBlock["family"], number])[];
  readonly covering: readonly { readonly text: string; readonly addresses: IpSet }[];
  readonly traffic: readonly TrafficSet[];
}

function readLimits({ widerThan, covering, ports }: Readonly<Record<string, unknown>>, path: string): Result<Limits> {
  const problems: Problem[] = [];
  const ranges = textsIn(covering).flatMap((text, i) => {
    const addresses = parseCidr(text);
    if (!addresses) problems.push({ code: "pack/address", message: `\`${text}\` is no CIDR`, path: `${path}.covering[${i}]` });
    return addresses ? [{ text, addresses }] : [];
  });
  if (problems.length > 0) return failed(...problems);
  const given = isRecord(widerThan) ? widerThan : {};
  return ok({
    widerThan: (["ipv4", "ipv6"] as const).flatMap((family) => (typeof given[family] === "number" ? [[family, given[family]] as const] : [])),
    covering: ranges,
    traffic: ports === undefined ? PROTOCOLS.map((protocol) => portRange(protocol)) : [readPorts(ports)],
  });
}

function judge(rules: readonly PolicyRule[], direction: Direction, limits: Limits): Finding[] {
  const found = limits.traffic.flatMap((wanted) => judgeOn(wanted, rules, { direction, limits }));
  return [...new Map(found.map((finding) => [`${finding.path ?? ""} ${finding.message}`, finding])).values()];
}

function judgeOn(wanted: TrafficSet, rules: readonly PolicyRule[], { direction, limits: { widerThan, covering } }: { readonly direction: Direction; readonly limits: Limits }): Finding[] {
  const granted = addressesGranted(rules, wanted);
  // A rule that grants all of the traffic by itself is to blame before those that share it.
  const blame = (isToo: (block: IpSet) => boolean): PolicyRule | undefined =>
    [...rules.filter(({ traffic: { ports } }) => ports.covers(wanted)), ...rules].find((rule) => blocksOf(rule).some(isToo));
  const wide = widerThan.flatMap(([family, limit]) => {
    const block = blockWiderThan(granted, family, limit);
    if (block) return [finding(direction, blame((one) => blockWiderThan(one, family, limit) !== undefined) ?? rules[0], `\`${block.text}\`, which is wider than \`/${limit}\``)];
    const riddled = blame((one) => isLargerThanBlock(one.intersect(granted), family, limit));
    return riddled ? [finding(direction, riddled, `more addresses than a block \`/${limit}\` holds`)] : [];
  });
  const covered = covering.filter(({ addresses }) => granted.covers(addresses)).map(({ text, addresses }) => finding(direction, blame((one) => one.covers(addresses)) ?? rules[0], `all of \`${text}\``));
  return [...wide, ...covered];
}

function blocksOf({ peers }: PolicyRule): readonly IpSet[] {
  return peers === "everyone" ? [IpSet.ALL] : peers.flatMap((peer) => (peer.kind === "addresses" ? [peer.addresses] : []));
}

function finding(direction: Direction, rule: PolicyRule | undefined, what: string): Finding {
  return { message: `allows ${direction} ${direction === "ingress" ? "from" : "to"} ${what}`, policies: [], ...(rule ? { path: rule.path } : {}) };
}
