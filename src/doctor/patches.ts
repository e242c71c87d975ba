import { isRecord, recordsIn, textsIn, type KubeObject } from "../model/kubernetes.js";
import { NAME_LABEL } from "../model/endpoint.js";
import { nameOf, webhooksOf } from "./stored.js";

/** One operation of a JSON Patch (RFC 6902). */
export interface PatchOperation {
  readonly op: "test" | "add" | "replace" | "remove";
  readonly path: string;
  readonly value?: unknown;
}

type Webhook = Readonly<Record<string, unknown>>;

/** What guards packs and exceptions: it lies in no namespace, and no rule asks for it. */
const OF_PACKS = "packs.sluice.dev";

/** Every operation is about the webhook that it names: the patch fails when somebody has put another one in its place. */
function each(configuration: KubeObject, change: (webhook: Webhook, path: string) => readonly PatchOperation[]): readonly PatchOperation[] {
  // From the end, so that one that is taken out moves none that is still to come.
  return webhooksOf(configuration).map((webhook, i) => ({ webhook, path: `/webhooks/${i}` })).reverse().flatMap(({ webhook, path }) => {
    const operations = change(webhook, path);
    return operations.length === 0 ? [] : [{ op: "test", path: `${path}/name`, value: nameOf(webhook) } as const, ...operations];
  });
}

/** Fail becomes Ignore. */
export function failingOpen(configuration: KubeObject): readonly PatchOperation[] {
  return each(configuration, (webhook, path) => (webhook["failurePolicy"] === "Ignore" ? [] : [{ op: "replace", path: `${path}/failurePolicy`, value: "Ignore" }]));
}

/** One more namespace that is left alone. */
export function exempting(configuration: KubeObject, namespace: string): readonly PatchOperation[] {
  return each(configuration, (webhook, path) => {
    if (nameOf(webhook) === OF_PACKS) return [];
    const selector = isRecord(webhook["namespaceSelector"]) ? webhook["namespaceSelector"] : {};
    const expressions = recordsIn(selector["matchExpressions"]);
    const named = expressions.findIndex(({ key, operator }) => key === NAME_LABEL && operator === "NotIn");
    if (named < 0) return [{ op: "add", path: `${path}/namespaceSelector`, value: { ...selector, matchExpressions: [...expressions, { key: NAME_LABEL, operator: "NotIn", values: [namespace] }] } }];
    const known = textsIn(expressions[named]?.["values"]);
    return known.includes(namespace) ? [] : [{ op: "add", path: `${path}/namespaceSelector/matchExpressions/${named}/values/-`, value: namespace }];
  });
}

/** Nothing is sent any more that only rules in dry run ask for: everything, without `wanted`. Packs can be changed while Sluice is away. */
export function withoutRules(configuration: KubeObject, wanted?: { readonly before: KubeObject | undefined; readonly after: KubeObject | undefined }): readonly PatchOperation[] {
  return each(configuration, (webhook, path) => {
    if (nameOf(webhook) === OF_PACKS) return webhook["failurePolicy"] === "Ignore" ? [] : [{ op: "replace", path: `${path}/failurePolicy`, value: "Ignore" }];
    if (!wanted) return [{ op: "remove", path }];
    const [before, after] = [wanted.before, wanted.after].map((one) => new Set((one ? webhooksOf(one) : []).filter((other) => nameOf(other) === nameOf(webhook)).flatMap(asksOf).map(keyOf)));
    const asks = asksOf(webhook);
    const kept = asks.filter((ask) => !before?.has(keyOf(ask)) || after?.has(keyOf(ask)) === true);
    if (kept.length === asks.length) return [];
    return kept.length === 0 ? [{ op: "remove", path }] : [{ op: "replace", path: `${path}/rules`, value: kept.map(asRule) }];
  });
}

interface Ask {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly operation: string;
  readonly scope: string;
}

function asksOf(webhook: Webhook): readonly Ask[] {
  return recordsIn(webhook["rules"]).flatMap(({ apiGroups, apiVersions, resources, operations, scope }) =>
    textsIn(apiGroups).flatMap((group) => textsIn(apiVersions).flatMap((version) => textsIn(resources).flatMap((resource) => textsIn(operations).map((operation) => ({ group, version, resource, operation, scope: String(scope ?? "*") }))))));
}

function keyOf({ group, version, resource, operation }: Ask): string {
  return `${operation} ${resource}.${version}.${group}`;
}

function asRule({ group, version, resource, operation, scope }: Ask): object {
  return { apiGroups: [group], apiVersions: [version], resources: [resource], operations: [operation], scope };
}
