import type { AdmissionRequest } from "../../src/model/admission.js";

/** An AdmissionReview as the API server writes it; `changes` replace fields of its request. */
export function reviewOf(changes: Record<string, unknown> = {}): { apiVersion: string; kind: string; request: Record<string, unknown> } {
  const request = {
    uid: "11111111-2222-3333-4444-555555555555",
    kind: { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy" },
    resource: { group: "networking.k8s.io", version: "v1", resource: "networkpolicies" },
    name: "allow-dns",
    namespace: "demo",
    operation: "CREATE",
    userInfo: { username: "jane", groups: ["developers", "system:authenticated"] },
    object: { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "allow-dns", namespace: changes["namespace"] ?? "demo" }, spec: { podSelector: {} } },
    oldObject: null,
    dryRun: false,
    options: null,
  };
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { ...request, ...changes } };
}

export const UID = "11111111-2222-3333-4444-555555555555";

/** What `decode` makes of `reviewOf()`. */
export const DECODED: AdmissionRequest = {
  uid: UID,
  kind: { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy" },
  resource: { group: "networking.k8s.io", version: "v1", resource: "networkpolicies" },
  name: "allow-dns",
  namespace: "demo",
  operation: "CREATE",
  userInfo: { username: "jane", groups: ["developers", "system:authenticated"] },
  object: { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "allow-dns", namespace: "demo" }, spec: { podSelector: {} } },
  dryRun: false,
};
