import type { KubeObject } from "../model/kubernetes.js";
import { yamlOf } from "./policy-document.js";

/** A policy to begin with. */
export interface Starter {
  readonly title: string;
  yaml(namespace: string): string;
}

/** Those that everybody needs, and between them what the packs in force allow: only they know where DNS is. */
export function startersWith(policies: readonly KubeObject[]): readonly Starter[] {
  const [deny, ...others] = WRITTEN;
  const told = policies.map((policy): Starter => ({ title: titled(policy.metadata.name ?? ""), yaml: (namespace) => yamlOf([{ ...policy, metadata: { ...policy.metadata, namespace } }]) }));
  return [...(deny ? [deny] : []), ...told, ...others];
}

/** `allow-dns`: Allow dns. */
function titled(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll("-", " ")}`;
}

const HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n";

/** As people write them. */
const WRITTEN: readonly Starter[] = [
  {
    title: "Deny all",
    yaml: (namespace) => `${HEAD}metadata:
  name: default-deny
  namespace: ${namespace}
spec:
  # every pod of the namespace, both directions: what no other policy allows is denied
  podSelector: {}
  policyTypes: [Ingress, Egress]
`,
  },
  {
    title: "Frontend to backend",
    // A policy at one end only is the commonest mistake: both ends must allow.
    yaml: (namespace) => `${HEAD}metadata:
  name: frontend-to-backend
  namespace: ${namespace}
spec:
  podSelector:
    matchLabels:
      app: backend
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: frontend
      ports:
        - protocol: TCP
          port: 8080
---
${HEAD}metadata:
  name: frontend-to-backend-egress
  namespace: ${namespace}
spec:
  podSelector:
    matchLabels:
      app: frontend
  policyTypes: [Egress]
  egress:
    - to:
        - podSelector:
            matchLabels:
              app: backend
      ports:
        - protocol: TCP
          port: 8080
`,
  },
];
