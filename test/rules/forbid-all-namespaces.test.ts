import { expect, it } from "vitest";
import { judge, request, snapshotOf } from "../review/world.js";
import { namespace, packOf, policy } from "./inline-pack.js";

const world = snapshotOf(namespace("a"));
const packs = packOf("{rules: [{id: all, check: forbid-all-namespaces, enforcementAction: deny, with: {directions: [ingress]}}]}");
const ask = (spec: string): string[] => judge(world, request("CREATE", policy("a", "p", spec)), packs).violations.map(({ message }) => message);
const from = (peers: string, more = ""): string => `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [${peers}]${more}}]}`;
const SAID = ["rule `spec.ingress[0]` allows ingress from every pod of every namespace"];

it.each([
  ["an empty selector", from("{namespaceSelector: {}}"), SAID],
  ["on one port", from("{namespaceSelector: {}}", ", ports: [{port: 80}]"), SAID],
  ["empty lists in it", from("{namespaceSelector: {matchLabels: {}, matchExpressions: []}}"), SAID],
  ["the label that every namespace has", from("{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]}}"), SAID],
  ["all but none of the names", from("{namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: [x]}]}}, {namespaceSelector: {matchLabels: {team: x}}}"), SAID],
  ["with and without a label", from("{namespaceSelector: {matchExpressions: [{key: team, operator: Exists}]}}, {namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}"), SAID],
  ["no peers", "{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}", SAID],
  ["an empty podSelector beside it", from("{namespaceSelector: {}, podSelector: {}}"), SAID],
  ["some pods of every namespace", from("{namespaceSelector: {}, podSelector: {matchLabels: {app: prometheus}}}"), []],
  ["namespaces of a team", from("{namespaceSelector: {matchLabels: {team: x}}}"), []],
  ["all but one", from("{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [b]}]}}"), []],
  ["labels of two sorts", from("{namespaceSelector: {matchExpressions: [{key: a, operator: Exists}]}}, {namespaceSelector: {matchExpressions: [{key: b, operator: DoesNotExist}]}}"), []],
  ["the own namespace", from("{podSelector: {}}"), []],
  ["addresses", from("{ipBlock: {cidr: 0.0.0.0/0}}"), []],
  ["egress", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}", []],
])("%s", (_what, spec, said) => expect(ask(spec)).toEqual(said));
