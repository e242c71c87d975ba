import { expect, it } from "vitest";
import { judge, request, snapshotOf } from "../review/world.js";
import { namespace, packOf, pod, policy } from "./inline-pack.js";

const world = snapshotOf(namespace("a", "{team: x}"), pod("a", "web", "{app: web}"), policy("a", "base", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}"));
const said = (of: string, spec = "{}"): string[] =>
  judge(world, request("CREATE", policy("a", "p", of)), packOf(`{rules: [{id: r, check: forbid-anomaly, enforcementAction: deny, with: ${spec}}]}`)).violations.map(({ message, path }) => `${path ?? ""}: ${message}`);

const DEAD = "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: a}, matchExpressions: [{key: app, operator: NotIn, values: [a]}]}}]}]}";
const REDUNDANT = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}";
const OR = "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}}}, {podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]}";

it("a rule whose peers contradict themselves", () => expect(said(DEAD)).toEqual([expect.stringMatching(/^spec\.ingress\[0\]: rule `spec\.ingress\[0\]` most likely is not what was meant: it has no peer that could match anything/)]));
it("a rule that another policy makes needless", () => expect(said(REDUNDANT)).toEqual([expect.stringMatching(/`spec\.ingress\[0\]` of `a\/base` already says all that it says$/)]));
it("two peers where one was meant", () => expect(said(OR, "{kinds: [or-for-and]}")).toEqual([expect.stringMatching(/write `namespaceSelector` and `podSelector` into one item$/)]));
it("kinds that the pack does not ask for", () => expect([...said(DEAD, "{kinds: [redundant]}"), ...said(REDUNDANT, "{kinds: [dead, or-for-and]}")]).toEqual([]));
it("a policy that says something of its own, and what other policies do", () => expect(said("{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}]}")).toEqual([]));
