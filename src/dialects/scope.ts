import { kindKey } from "../model/kubernetes.js";

/** Namespaced kinds that no dialect reads and that packs or workloads need: without a namespace they are in `default`. */
const NAMESPACED: ReadonlySet<string> = new Set([
  ...["ConfigMap", "Endpoints", "PersistentVolumeClaim", "PodTemplate", "ReplicationController", "Secret", "Service", "ServiceAccount", "LimitRange", "ResourceQuota"],
  ...["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ControllerRevision"].map((kind) => kindKey({ group: "apps", kind })),
  ...["Job", "CronJob"].map((kind) => kindKey({ group: "batch", kind })),
  ...["Ingress"].flatMap((kind) => ["networking.k8s.io", "extensions"].map((group) => kindKey({ group, kind }))),
  ...["Gateway", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute"].map((kind) => kindKey({ group: "gateway.networking.k8s.io", kind })),
  ...["Role", "RoleBinding"].map((kind) => kindKey({ group: "rbac.authorization.k8s.io", kind })),
  "EndpointSlice.discovery.k8s.io", "PodDisruptionBudget.policy", "HorizontalPodAutoscaler.autoscaling", "Lease.coordination.k8s.io",
  "Route.route.openshift.io", "Rollout.argoproj.io",
]);

/** True for built-in namespaced kinds; custom resources keep the namespace they state. */
export function isNamespaced(ref: { readonly group: string; readonly kind: string }): boolean {
  return NAMESPACED.has(kindKey(ref));
}
