import { parseAllDocuments, stringify, type Document } from "yaml";
import { isRecord, kindKey, recordsIn, textsIn, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import type { Direction } from "../model/policy.js";

/** A NetworkPolicy as a form has it. What a form cannot say stays in the YAML, untouched. */
export interface PolicyForm {
  readonly name: string;
  readonly namespace: string;
  /** `app=web,tier=front`; empty: every pod. Undefined: more than labels, only in the YAML. */
  readonly pods: string | undefined;
  readonly isolates: Readonly<Record<Direction, boolean>>;
  readonly rules: Readonly<Record<Direction, readonly FormRule[]>>;
}

/** Undefined where it is more than the form can say. */
export type FormRule = { readonly peers: readonly FormPeer[]; readonly ports: string } | undefined;

/** `namespace`: empty for the policy's own, `*` for every one. */
export type FormPeer = { readonly kind: "pods"; readonly namespace: string; readonly labels: string } | { readonly kind: "addresses"; readonly cidr: string };

const NAME_LABEL = "kubernetes.io/metadata.name";
const ENDS = { ingress: "from", egress: "to" } as const;
const TYPES = { ingress: "Ingress", egress: "Egress" } as const;

/** The objects of a text, or what is wrong with it. */
export function objectsOf(text: string): { readonly objects: readonly KubeObject[] } | { readonly problem: string } {
  const documents = parseAllDocuments(text);
  const [error] = documents.flatMap(({ errors }) => errors);
  if (error) return { problem: error.message.split("\n")[0] ?? "" };
  const values = documents.map((document) => document.toJS() as unknown).filter((value) => value !== null && value !== undefined);
  const stray = values.find((value) => !isRecord(value) || typeof value.kind !== "string" || !isRecord(value.metadata));
  if (stray !== undefined) return { problem: "each document must be an object with `apiVersion`, `kind` and `metadata`" };
  return { objects: values as KubeObject[] };
}

/** Several documents by number. */
export function documentCount(text: string): number {
  return parseAllDocuments(text).filter((document) => document.contents !== null).length;
}

/** One document as a form; undefined for what is no NetworkPolicy. */
export function formOf(text: string, index: number): PolicyForm | undefined {
  const value: unknown = parseAllDocuments(text)[index]?.toJS();
  if (!isRecord(value) || value.kind !== "NetworkPolicy" || !isRecord(value.metadata)) return undefined;
  const spec = isRecord(value.spec) ? value.spec : {};
  const types = textsIn(spec.policyTypes);
  const declared = types.length > 0;
  return {
    name: String(value.metadata.name ?? ""),
    namespace: String(value.metadata.namespace ?? ""),
    pods: labelsText(spec.podSelector),
    // "policyTypes missing: Ingress always, Egress where there are egress rules" (S2).
    isolates: { ingress: declared ? types.includes("Ingress") : true, egress: declared ? types.includes("Egress") : spec.egress !== undefined },
    rules: { ingress: recordsIn(spec.ingress).map((rule) => ruleOf(rule, "ingress")), egress: recordsIn(spec.egress).map((rule) => ruleOf(rule, "egress")) },
  };
}

/** The text after a form was changed: comments and everything that the form does not know stay. */
export function withForm(text: string, index: number, next: PolicyForm): string {
  const documents = parseAllDocuments(text);
  const document = documents[index];
  const before = formOf(text, index);
  if (!document || !before) return text;
  if (next.name !== before.name) document.setIn(["metadata", "name"], next.name);
  if (next.namespace !== before.namespace) document.setIn(["metadata", "namespace"], next.namespace);
  if (next.pods !== undefined && next.pods !== before.pods) document.setIn(["spec", "podSelector"], document.createNode(selectorOf(next.pods)));
  for (const direction of ["ingress", "egress"] as const) writeRules(document, direction, { before, next });
  if (JSON.stringify(next.isolates) !== JSON.stringify(before.isolates)) {
    const types = (["ingress", "egress"] as const).filter((direction) => next.isolates[direction]).map((direction) => TYPES[direction]);
    document.setIn(["spec", "policyTypes"], document.createNode(types, { flow: true }));
  }
  return documents.map((one) => one.toString({ lineWidth: 0 })).join("");
}

function writeRules(document: Document, direction: Direction, { before, next }: { readonly before: PolicyForm; readonly next: PolicyForm }): void {
  const [old, now] = [before.rules[direction], next.rules[direction]];
  if (JSON.stringify(old) === JSON.stringify(now)) return;
  const path = ["spec", direction];
  if (now.length === 0) return void document.deleteIn(path);
  if (old.length === 0) document.setIn(path, document.createNode([]));
  for (let i = old.length - 1; i >= now.length; i--) document.deleteIn([...path, i]);
  now.forEach((rule, i) => {
    if (rule && JSON.stringify(rule) !== JSON.stringify(old[i])) document.setIn([...path, i], document.createNode(writtenRule(rule, direction)));
  });
}

/** Takes one rule out, whatever it says. */
export function withoutRule(text: string, index: number, { direction, rule }: { readonly direction: Direction; readonly rule: number }): string {
  const documents = parseAllDocuments(text);
  const path = ["spec", direction];
  documents[index]?.deleteIn([...path, rule]);
  if (recordsIn((documents[index]?.toJS() as { spec?: Record<string, unknown> } | undefined)?.spec?.[direction]).length === 0) documents[index]?.deleteIn(path);
  return documents.map((one) => one.toString({ lineWidth: 0 })).join("");
}

/** What a text names without a namespace: that of the whole cluster where there is one, else the one of the namespace that was chosen. */
export function placed(ref: ObjectRef, namespace: string, known: readonly ObjectRef[]): ObjectRef {
  const isWide = known.some((one) => one.namespace === undefined && one.name === ref.name && kindKey(one) === kindKey(ref));
  return ref.namespace !== undefined || isWide ? ref : { ...ref, namespace };
}

/** Objects as YAML documents. */
export function yamlOf(objects: readonly object[]): string {
  return objects.map((object) => stringify(object, { lineWidth: 0 })).join("---\n");
}

function ruleOf(rule: Record<string, unknown>, direction: Direction): FormRule {
  const end = ENDS[direction];
  const peers = recordsIn(rule[end]).map((peer) => peerOf(peer));
  const ports = recordsIn(rule.ports).map(portOf);
  const known = Object.keys(rule).every((key) => key === end || key === "ports");
  return known && peers.every((peer) => peer !== undefined) && ports.every((port) => port !== undefined) ? { peers, ports: ports.join(", ") } : undefined;
}

function portOf({ protocol = "TCP", port, endPort }: Record<string, unknown>): string | undefined {
  if (port === undefined || typeof protocol !== "string") return undefined;
  return `${protocol} ${String(port)}${endPort === undefined ? "" : `-${String(endPort)}`}`;
}

function peerOf({ podSelector, namespaceSelector, ipBlock }: Record<string, unknown>): FormPeer | undefined {
  if (isRecord(ipBlock)) return typeof ipBlock.cidr === "string" && ipBlock.except === undefined ? { kind: "addresses", cidr: ipBlock.cidr } : undefined;
  const labels = podSelector === undefined ? "" : labelsText(podSelector);
  const namespace = namespaceText(namespaceSelector);
  return labels === undefined || namespace === undefined ? undefined : { kind: "pods", namespace, labels };
}

function namespaceText(selector: unknown): string | undefined {
  if (selector === undefined) return "";
  const labels = labelsText(selector);
  if (labels === "") return "*";
  return labels?.startsWith(`${NAME_LABEL}=`) && !labels.includes(",") ? labels.slice(NAME_LABEL.length + 1) : undefined;
}

function labelsText(selector: unknown): string | undefined {
  if (!isRecord(selector)) return selector === undefined || selector === null ? "" : undefined;
  if (Object.keys(selector).some((key) => key !== "matchLabels")) return undefined;
  return Object.entries(isRecord(selector.matchLabels) ? selector.matchLabels : {}).map(([key, value]) => `${key}=${String(value)}`).join(",");
}

function selectorOf(labels: string): object {
  const pairs = labels.split(",").map((pair) => pair.trim()).filter((pair) => pair !== "").map((pair) => [pair.split("=")[0] ?? "", pair.split("=").slice(1).join("=")]);
  return pairs.length === 0 ? {} : { matchLabels: Object.fromEntries(pairs) as Record<string, string> };
}

function writtenRule({ peers, ports }: NonNullable<FormRule>, direction: Direction): object {
  return { ...(peers.length > 0 && { [ENDS[direction]]: peers.map(writtenPeer) }), ...(ports.trim() !== "" && { ports: ports.split(",").map(writtenPort) }) };
}

function writtenPeer(peer: FormPeer): object {
  if (peer.kind === "addresses") return { ipBlock: { cidr: peer.cidr } };
  const pods = peer.labels.trim() === "" ? {} : { podSelector: selectorOf(peer.labels) };
  if (peer.namespace === "") return { podSelector: selectorOf(peer.labels) };
  return { namespaceSelector: peer.namespace === "*" ? {} : { matchLabels: { [NAME_LABEL]: peer.namespace } }, ...pods };
}

function writtenPort(text: string): object {
  const [, protocol = "TCP", port = "", end] = /^\s*(?:(TCP|UDP|SCTP)[\s/]+)?([\w-]+?)(?:-(\d+))?\s*$/i.exec(text) ?? [];
  return { protocol: protocol.toUpperCase(), port: /^\d+$/.test(port) ? Number(port) : port, ...(end !== undefined && { endPort: Number(end) }) };
}
