import { describeAllowance, describeDenial, describePoint } from "../proof/describe.js";
import { groupNamed, otherEnds, type EndGroup, type NamedEnd } from "../engine/end-groups.js";
import { evaluate } from "../engine/evaluate.js";
import { pointsNamed } from "../engine/named-ends.js";
import { reachability, type Reachability } from "../engine/reachability.js";
import type { Direction } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { trafficPoint } from "../model/traffic.js";
import type { ConnectivityClaim } from "../packs/pack-test.js";
import type { Profile } from "../packs/profile.js";

import type { Unmet } from "./expectations.js";

/** Claims about who reaches whom on a state that are not true, with what decides there. */
export function untrueClaims(claims: readonly ConnectivityClaim[], snapshot: Snapshot, profile: Profile): readonly Unmet[] {
  if (claims.length === 0) return [];
  const reach = reachability(snapshot, { cidrSelectsPods: profile["cidrSelectsPods"] !== false });
  const families = profile["addressFamilies"] === "dual" ? "dual" : "ipv4";
  return claims.flatMap((claim, i) => new Claim(claim, { reach, families }).untrue(`connectivity[${i}]`));
}

/** How many ends a failure names. */
const NAMED = 5;

interface Asked {
  readonly reach: Reachability;
  readonly families: "ipv4" | "dual";
}

/** One way that a pair of ends is other than claimed. */
interface Odd {
  readonly text: string;
}

class Claim {
  private readonly claim: ConnectivityClaim;
  private readonly asked: Asked;
  private readonly problems: string[] = [];

  constructor(claim: ConnectivityClaim, asked: Asked) {
    this.claim = claim;
    this.asked = asked;
  }

  untrue(path: string): readonly Unmet[] {
    const { onlyFrom, onlyTo, reaches = true } = this.claim;
    const from = this.groups(onlyFrom ?? this.claim.from, "ingress");
    const to = this.groups(onlyTo ?? this.claim.to, "egress");
    const odd = [...this.pairs(from, to, reaches), ...this.others(from, to)];
    if (this.problems.length > 0) return [{ what: "connectivity", expected: this.words(), got: this.problems.join("; "), path }];
    if (odd.length === 0) return [];
    const more = odd.length > NAMED ? `; ${odd.length - NAMED} more` : "";
    return [{ what: "connectivity", expected: this.words(), got: `${odd.slice(0, NAMED).map(({ text }) => text).join("; ")}${more}`, path }];
  }

  private groups(texts: string | readonly string[] | undefined, direction: Direction): readonly EndGroup[] {
    return (typeof texts === "string" ? [texts] : (texts ?? [])).flatMap((text) => {
      const group = groupNamed(text, { ...this.asked, direction });
      if (!group.ok) this.problems.push(...group.problems.map(({ message }) => message));
      return group.ok ? [group.value] : [];
    });
  }

  private pairs(from: readonly EndGroup[], to: readonly EndGroup[], reaches: boolean): readonly Odd[] {
    const [sources, destinations] = [from, to].map((groups) => groups.flatMap(({ ends }) => ends)) as [NamedEnd[], NamedEnd[]];
    return sources.flatMap((src) => destinations.flatMap((dst) => this.pair(src, dst, reaches)));
  }

  /** Everything that was not listed must not get through. */
  private others(from: readonly EndGroup[], to: readonly EndGroup[]): readonly Odd[] {
    const { onlyFrom, onlyTo } = this.claim;
    if (onlyFrom) return to.flatMap(({ ends }) => otherEnds(from, { ...this.asked, direction: "ingress" }).flatMap((src) => ends.flatMap((dst) => this.pair(src, dst, false))));
    if (onlyTo) return from.flatMap(({ ends }) => otherEnds(to, { ...this.asked, direction: "egress" }).flatMap((dst) => ends.flatMap((src) => this.pair(src, dst, false))));
    return [];
  }

  /** What goes against the claim between two ends. A pod always reaches itself (S14). */
  private pair(src: NamedEnd, dst: NamedEnd, reaches: boolean): readonly Odd[] {
    if (src.name === dst.name || (src.end.endpoint.kind === "address" && dst.end.endpoint.kind === "address")) return [];
    const traffic = this.asked.reach.between(src.end, dst.end);
    const { port } = this.claim;
    if (port === undefined) {
      const [[first] = []] = traffic.ranges;
      return (first !== undefined) === reaches ? [] : [this.odd(src, dst, first ?? somePort(dst))];
    }
    const points = pointsNamed(String(port), dst.end.endpoint);
    if (!points.ok) {
      this.problems.push(...points.problems.map(({ message }) => message));
      return [];
    }
    return points.value.filter((point) => traffic.contains(point) !== reaches).map((point) => this.odd(src, dst, point));
  }

  private odd(src: NamedEnd, dst: NamedEnd, traffic: number): Odd {
    const { reach } = this.asked;
    const verdict = evaluate(reach.snapshot, { src: src.end.endpoint, dst: dst.end.endpoint, traffic }, reach.profile);
    const why = verdict.allowed ? describeAllowance(verdict) : describeDenial(verdict);
    return { text: `\`${src.name}\` ${verdict.allowed ? "reaches" : "does not reach"} \`${dst.name}\` on ${describePoint(traffic)}: ${why}` };
  }

  private words(): string {
    const { from, to, port, reaches = true, onlyFrom, onlyTo } = this.claim;
    const on = port === undefined ? "" : ` on ${port}`;
    if (onlyFrom) return `${onlyFrom.length === 0 ? "nothing" : `only ${quoted(onlyFrom)}`} reaches ${quoted(to)}${on}`;
    if (onlyTo) return `${quoted(from)} reaches ${onlyTo.length === 0 ? "nothing" : `only ${quoted(onlyTo)}`}${on}`;
    return `${quoted(from)} ${reaches ? "reaches" : "does not reach"} ${quoted(to)}${on}`;
  }
}

/** A port to tell the reason by, where none is open. */
function somePort({ end: { endpoint } }: NamedEnd): number {
  const [declared] = endpoint.kind === "pod" ? endpoint.pod.ports : [];
  return declared ? trafficPoint(declared.protocol, declared.port) : trafficPoint("TCP", 80);
}

function quoted(texts: string | readonly string[] | undefined): string {
  return (typeof texts === "string" ? [texts] : (texts ?? [])).map((text) => `\`${text}\``).join(", ");
}
