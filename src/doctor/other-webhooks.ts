import { isRecord, recordsIn, textsIn, type KubeObject } from "../model/kubernetes.js";
import { readLabelSelector } from "../model/label-selector.js";
import { NAME_LABEL } from "../model/endpoint.js";
import { CONFIGURATION_NAMES } from "../review/webhooks.js";
import { failure, orElse, warning, whenRead, type Check, type Finding } from "./check.js";
import { nameOf, webhooksOf } from "./stored.js";
import { count, listed } from "./words.js";

/** Webhooks of others that can keep Sluice or the cluster's own pods from starting, or that rewrite Sluice's. */
export const otherWebhooks: Check = {
  id: "other webhooks",
  judge: ({ own, others: read, namespaces, service }) =>
    whenRead(read, (others) =>
      whenRead(namespaces, (known) => {
        const homes = [service.namespace, "kube-system"].map((name) => ({ name, labels: { ...known.find(({ metadata }) => metadata.name === name)?.metadata.labels, [NAME_LABEL]: name } }));
        return orElse([...("value" in own ? own.value : []).flatMap(rewritten), ...others.flatMap((one) => blocking(one, homes))], `${count(others.length, "other configuration")}, none in the way${laterMutators(others)}`);
      }),
    ),
};

/** Selectors that Sluice never writes: somebody else does, again and again. */
function rewritten(configuration: KubeObject): readonly Finding[] {
  const keys = webhooksOf(configuration).flatMap(({ namespaceSelector }) => recordsIn(isRecord(namespaceSelector) ? namespaceSelector["matchExpressions"] : []).map(({ key }) => String(key)));
  const foreign = [...new Set(keys.filter((key) => key !== NAME_LABEL))];
  if (foreign.length === 0) return [];
  const { name = "" } = configuration.metadata;
  return [failure(`somebody rewrites \`${name}\`: its namespaceSelector names ${listed(foreign)}`, `an admission enforcer of the cloud does so: annotate the configuration so that it is left alone (\`kubectl annotate ${configuration.kind.toLowerCase()} ${name} admissions.enforcer/disabled=true\`)`)];
}

interface Home {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A webhook that fails closed where it cannot be reached, on the pods that would have to start first. */
function blocking(configuration: KubeObject, homes: readonly Home[]): readonly Finding[] {
  const { name = "" } = configuration.metadata;
  return webhooksOf(configuration).flatMap((webhook) => {
    if (webhook["failurePolicy"] !== "Fail" || !concernsPods(webhook) || selectsObjects(webhook)) return [];
    const matched = homes.filter(({ labels }) => readLabelSelector(webhook["namespaceSelector"], "").box.matches(labels)).map((home) => home.name);
    if (matched.length === 0) return [];
    const conditions = recordsIn(webhook["matchConditions"]).length > 0 ? " (unless its matchConditions say otherwise)" : "";
    return [warning(`\`${nameOf(webhook)}\` of \`${name}\` fails closed for pods in ${listed(matched)}${conditions}: while its server is away, nothing starts there`, "exempt these namespaces in its `namespaceSelector`, or let it fail open")];
  });
}

/** Only chosen objects: whether the pods of these namespaces are among them is not known. */
function selectsObjects({ objectSelector }: Readonly<Record<string, unknown>>): boolean {
  return isRecord(objectSelector) && Object.keys(objectSelector).length > 0;
}

function concernsPods(webhook: Readonly<Record<string, unknown>>): boolean {
  return recordsIn(webhook["rules"]).some(({ apiGroups, resources, operations }) =>
    has(apiGroups, "") && (has(resources, "pods") || textsIn(resources).includes("*/*")) && has(operations, "CREATE"));
}

function has(list: unknown, value: string): boolean {
  const texts = textsIn(list);
  return texts.includes(value) || texts.includes("*");
}

/** Mutating webhooks run one after the other by name; what a later one takes away again is noticed when the pod is validated. */
function laterMutators(others: readonly KubeObject[]): string {
  const later = others.filter(({ kind, metadata }) => kind === "MutatingWebhookConfiguration" && (metadata.name ?? "") > CONFIGURATION_NAMES.mutating).filter((one) => webhooksOf(one).some(concernsPods));
  return later.length === 0 ? "" : `; ${listed(later.map(({ metadata }) => metadata.name ?? ""))} may change pods after Sluice has labelled them`;
}
