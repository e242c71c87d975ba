import { expect, it } from "vitest";
import { judge, objectsIn, request, snapshotOf } from "../review/world.js";
import { namespace, packOf, pod, policy } from "./inline-pack.js";

const deployment = objectsIn("{apiVersion: apps/v1, kind: Deployment, metadata: {name: db, namespace: b}, spec: {selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c}]}}}}");
const world = snapshotOf(namespace("a", "{team: x}"), namespace("b"), pod("a", "web", "{app: web}"), ...deployment);
const said = (of: string, spec = "{}"): string[] =>
  judge(world, request("CREATE", policy("a", "p", of)), packOf(`{rules: [{id: r, check: forbid-dangling-selector, enforcementAction: warn, with: ${spec}}]}`)).violations.map(({ message }) => message);
const from = (peer: string, subject = "{}"): string => `{podSelector: ${subject}, policyTypes: [Ingress], ingress: [{from: [${peer}]}]}`;

it.each([
  ["every selector fits", from("{podSelector: {matchLabels: {app: web}}}", "{matchLabels: {app: web}}"), []],
  ["a workload's template counts", from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: b}}, podSelector: {matchLabels: {app: db}}}"), []],
  ["no such pod", from("{podSelector: {}}", "{matchLabels: {app: wbe}}"), ["`spec` fits nothing: selects no pod: no running pod and no workload's template has its labels"]],
  ["no such peer", from("{podSelector: {matchLabels: {app: db}}}"), ["`spec.ingress[0]` fits nothing: none of its peers selects a running pod or a workload's template"]],
  ["addresses are always there", from("{ipBlock: {cidr: 10.0.0.0/8}}"), []],
])("%s", (_what, of, expected) => expect(said(of)).toEqual(expected));
it("a namespace label that nobody carries: the commonest slip", () => {
  expect(said(from("{namespaceSelector: {matchLabels: {name: b}}}"), "{parts: [namespace-labels]}")).toEqual(["`spec.ingress[0]` fits nothing: no namespace carries label `name=b`"]);
});
it("only the parts that the pack asks for", () => expect(said(from("{podSelector: {matchLabels: {app: db}}}", "{matchLabels: {app: wbe}}"), "{parts: [namespace-labels]}")).toEqual([]));
