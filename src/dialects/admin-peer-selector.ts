import { LabelBox } from "../sets/label-box.js";
import { IpSet } from "../sets/ip-set.js";
import type { Direction, Peer, PodClass } from "../model/policy.js";
import { readCidr } from "./cidr-selector.js";
import { quote, type Part, type Shape } from "./dialect.js";

const SUBJECT: Shape = {
  what: "a subject",
  fields: ["namespaces", "pods"],
  hints: {
    namespaceSelector: "write `namespaces`, or put it into `pods`", podSelector: "put it into `pods`, with `namespaceSelector` beside it",
    matchLabels: "it belongs into `namespaces`",
  },
};
const PODS: Shape = {
  what: "`pods`",
  fields: ["namespaceSelector", "podSelector"],
  hints: { matchLabels: "it belongs into `namespaceSelector` or `podSelector`" },
};
const MISPLACED = {
  ports: "it belongs to the rule; indent it less", protocols: "it belongs to the rule; indent it less",
  namespaceSelector: "write `namespaces`, or put it into `pods`", podSelector: "put it into `pods`, with `namespaceSelector` beside it",
  ipBlock: "write `networks`, a list of CIDRs",
};
const PEERS: Readonly<Record<Direction, Shape>> = {
  ingress: {
    what: "an ingress peer",
    fields: ["namespaces", "pods"],
    hints: {
      ...MISPLACED, networks: "only egress peers may be networks", nodes: "only egress peers may be nodes",
      domainNames: "only egress peers may be domain names",
    },
  },
  egress: { what: "an egress peer", fields: ["namespaces", "pods", "nodes", "networks", "domainNames"], hints: MISPLACED },
};

/** "exactly one of namespaces, pods; both selectors required, empty = all" (A4). */
export function readSubject(part: Part): PodClass | undefined {
  return readClass(part, part.choice(SUBJECT));
}

/** The peers of one item of `from` or `to` (A5, C4): several when it lists domain names. Undefined when it cannot be read. */
export function readAdminPeer(part: Part, direction: Direction): readonly Peer[] | undefined {
  const field = part.choice(PEERS[direction]);
  if (field === undefined) return undefined;
  if (field === "namespaces" || field === "pods") {
    const pods = readClass(part, field);
    return pods && [{ kind: "pods", ...pods }];
  }
  if (field === "nodes") {
    const labels = part.at(field).selector();
    return labels && [{ kind: "nodes", labels }];
  }
  return field === "networks" ? readNetworks(part.at(field)) : readDomainNames(part.at(field));
}

function readClass(part: Part, field: string | undefined): PodClass | undefined {
  if (field === "namespaces") {
    const namespaces = part.at(field).selector();
    return namespaces && { namespaces, pods: LabelBox.ALL };
  }
  if (field !== "pods") return undefined;
  const pods = part.at(field);
  if (!pods.fits(PODS)) return undefined;
  // The CRD requires both; its Go type reads a missing one as the empty one, which is all.
  const [namespaces, inside] = [pods.at("namespaceSelector").selector(), pods.at("podSelector").selector()];
  return namespaces && inside && { namespaces, pods: inside };
}

function readNetworks(part: Part): readonly Peer[] | undefined {
  const blocks = atLeastOne(part)?.map(readCidr);
  if (!blocks?.every((block) => block !== undefined)) return undefined;
  return [{ kind: "addresses", addresses: IpSet.unionOf(blocks) }];
}

/** "`*.` prefix wildcard matches one or more whole labels" (C4). A name has no fixed addresses: the peer is symbolic. */
function readDomainNames(part: Part): readonly Peer[] | undefined {
  const names = atLeastOne(part)?.map((item) => {
    const name = item.text();
    if (name !== undefined && /^(\*\.)?([a-zA-Z0-9]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z0-9-]{1,63}\.?$/.test(name)) return name;
    return item.problem("policy/bad-domain-name", `${quote(item.value)} is no domain name, such as \`example.com\` or \`*.example.com\``);
  });
  if (!names || names.includes(undefined)) return undefined;
  return names.map((name) => ({ kind: "symbolic" as const, name: `domain:${name}` }));
}

/** The items of a list that must have some: "`from: []`, `to: []` rejected (MinItems=1)" (A5, C3). */
export function atLeastOne(part: Part): readonly Part[] | undefined {
  const items = part.items();
  if (items?.length !== 0) return items;
  return part.problem("policy/empty-list", "this list needs at least one item");
}
