/** Policies to begin with, as people write them. */
export interface Starter {
  readonly title: string;
  yaml(namespace: string): string;
}

const HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n";

export const STARTERS: readonly Starter[] = [
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
    title: "Allow DNS",
    yaml: (namespace) => `${HEAD}metadata:
  name: allow-dns
  namespace: ${namespace}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector: {}
      ports:
        - protocol: UDP
          port: 53
        - protocol: TCP
          port: 53
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
