import { expect } from "vitest";
import { endpointOf } from "../../src/engine/endpoints.js";
import { evaluate } from "../../src/engine/evaluate.js";
import type { Verdict } from "../../src/engine/verdict.js";
import type { Change, Snapshot } from "../../src/model/snapshot.js";
import { OTHER_TRAFFIC, trafficPoint, type Protocol } from "../../src/model/traffic.js";
import { describeFamily, readExpected, readSnapshot } from "./cases.js";

interface Packet {
  readonly srcIP: string;
  readonly dstIP: string;
  readonly proto: Protocol | "";
  readonly dstPort: number;
}

interface Expected {
  readonly packet: Packet;
  readonly allowed?: boolean;
  /** What each tier says by itself. */
  readonly expectTier?: Readonly<Record<"admin" | "baseline", "Accept" | "Deny" | "Next">>;
}

describeFamily("packets", ({ folder }) => {
  const snapshot = readSnapshot(folder);
  const { packet, allowed, expectTier } = readExpected<Expected>(folder);
  if (allowed !== undefined) expect(judge(snapshot, packet).allowed).toBe(allowed);
  for (const [tier, outcome] of Object.entries(expectTier ?? {})) expect(isDenied(judge(withTier(snapshot, tier), packet)), tier).toBe(outcome === "Deny");
  expect(allowed ?? expectTier).toBeDefined();
});

function judge(snapshot: Snapshot, { srcIP, dstIP, proto, dstPort }: Packet): Verdict {
  const [src, dst] = [endpointOf(snapshot, srcIP), endpointOf(snapshot, dstIP)];
  if (!src || !dst) throw new Error(`no such end: ${srcIP}, ${dstIP}`);
  // A packet without a protocol is one that only rules without ports match.
  const traffic = proto === "" ? (OTHER_TRAFFIC.ranges[0]?.[0] ?? 0) : trafficPoint(proto, dstPort);
  return evaluate(snapshot, { src, dst, traffic }, { cidrSelectsPods: true });
}

/** The snapshot with the policies of one tier only. */
function withTier(snapshot: Snapshot, tier: string): Snapshot {
  const others = [...snapshot.policies()].filter((policy) => policy.tier.name !== tier);
  return snapshot.with(others.map(({ ref }): Change => ({ remove: ref })));
}

/** Upstream compares only whether the packet passes: Accept and Next are the same to it. */
function isDenied(verdict: Verdict): boolean {
  return !verdict.allowed;
}
