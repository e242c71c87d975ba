import { join } from "node:path";
import { kubeconfigFile } from "./cluster-client.js";

/** Of etcd's clients and of the API server. */
export interface Ports {
  readonly etcd: number;
  readonly secure: number;
}

/** A cluster of one that may forget everything when the machine goes down. */
export function etcdFlags(directory: string, ports: Ports): string[] {
  const client = `http://127.0.0.1:${ports.etcd}`;
  return [
    "--data-dir", join(directory, "etcd"),
    "--listen-client-urls", client,
    "--advertise-client-urls", client,
    // Nobody ever connects here.
    "--listen-peer-urls", "http://127.0.0.1:0",
    "--log-level", "warn",
    "--unsafe-no-fsync",
  ];
}

/** No pods of a control plane exist: tokens from a file, no default ServiceAccount, nobody reaches it but on loopback. */
export function apiServerFlags(directory: string, ports: Ports): string[] {
  return [
    "--etcd-servers", `http://127.0.0.1:${ports.etcd}`,
    "--bind-address", "127.0.0.1",
    "--advertise-address", "127.0.0.1",
    // Nothing is to reach the server through the `kubernetes` Service, and a loopback address is no valid endpoint.
    "--endpoint-reconciler-type", "none",
    "--secure-port", String(ports.secure),
    "--cert-dir", join(directory, "certificates"),
    "--authorization-mode", "RBAC",
    "--token-auth-file", join(directory, "tokens.csv"),
    "--service-account-issuer", "https://sluice.test",
    "--service-account-key-file", join(directory, "service-account.pub"),
    "--service-account-signing-key-file", join(directory, "service-account.key"),
    "--service-cluster-ip-range", "10.0.0.0/24",
    // Pods are made without the ServiceAccount that the admission plugin would ask for.
    "--disable-admission-plugins", "ServiceAccount",
    "--allow-privileged",
  ];
}

/** Only the controllers whose work the tests look at. */
export function controllerManagerFlags(directory: string): string[] {
  return [
    "--kubeconfig", kubeconfigFile(directory, "controller-manager"),
    "--use-service-account-credentials",
    "--controllers", "deployment-controller,replicaset-controller,namespace-controller,garbage-collector-controller,clusterrole-aggregation-controller",
    "--leader-elect=false",
    "--secure-port", "0",
    "--kube-api-qps", "200",
    "--kube-api-burst", "400",
  ];
}
