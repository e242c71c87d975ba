import { isRecord, kindKey, refOf, type KubeObject } from "../model/kubernetes.js";

// kubectl's copy of the whole object, which doubles the text of a policy.
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const CONTAINER_FIELDS = ["name", "ports", "restartPolicy"];
const POD_SPEC_FIELDS = ["hostNetwork", "nodeName", "serviceAccountName"];
const POD_STATUS_FIELDS = ["phase", "podIP", "podIPs"];

/** Kinds whose pods or templates are most of a cluster's memory. */
const WITH_TEMPLATE: ReadonlySet<string> = new Set([
  "ReplicationController", "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "Job.batch", "CronJob.batch",
]);

/**
 * The object without what nothing here reads: managed fields, kubectl's copy, and of pods and pod templates everything but names, ports,
 * network and addresses. The recorded pods shrink to a fifth (2.9 KB to 0.5 KB; ../shared/conformance/admission). Labels, annotations and owners stay: packs may read them.
 */
export function strip(object: KubeObject): KubeObject {
  const { status, ...rest } = { ...object, metadata: stripMetadata(object.metadata) } as KubeObject;
  const kind = kindKey(refOf(object));
  if (kind === "Pod") return { ...rest, spec: stripPodSpec(object["spec"]), status: pick(status, POD_STATUS_FIELDS) } as KubeObject;
  if (kind === "Node") return { ...rest, status: pick(status, ["addresses"]) } as KubeObject;
  if (WITH_TEMPLATE.has(kind)) return { ...rest, spec: stripWorkloadSpec(object["spec"]) } as KubeObject;
  return { ...rest, ...(status !== undefined && { status }) } as KubeObject;
}

function stripMetadata(metadata: KubeObject["metadata"]): KubeObject["metadata"] {
  const { managedFields: _, ...kept } = metadata as KubeObject["metadata"] & { managedFields?: unknown };
  if (!isRecord(kept.annotations) || !Object.hasOwn(kept.annotations, LAST_APPLIED)) return kept;
  const { [LAST_APPLIED]: __, ...annotations } = kept.annotations;
  return { ...kept, annotations };
}

function stripWorkloadSpec(spec: unknown): unknown {
  if (!isRecord(spec)) return spec;
  const { template, jobTemplate } = spec;
  return {
    ...spec,
    ...(isRecord(template) && { template: { ...template, spec: stripPodSpec(template["spec"]) } }),
    ...(isRecord(jobTemplate) && { jobTemplate: { ...jobTemplate, spec: stripWorkloadSpec(jobTemplate["spec"]) } }),
  };
}

function stripPodSpec(spec: unknown): unknown {
  if (!isRecord(spec)) return spec;
  const lists = (["containers", "initContainers"] as const).filter((list) => spec[list] !== undefined).map((list) => [list, stripContainers(spec[list])] as const);
  return { ...(pick(spec, POD_SPEC_FIELDS) as object), ...Object.fromEntries(lists) };
}

function stripContainers(containers: unknown): unknown {
  return Array.isArray(containers) ? containers.map((container: unknown) => pick(container, CONTAINER_FIELDS)) : containers;
}

/** Some fields of a record; another value as it is, so that what reads it can say what is wrong. */
function pick(value: unknown, fields: readonly string[]): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(fields.filter((field) => value[field] !== undefined).map((field) => [field, value[field]]));
}
