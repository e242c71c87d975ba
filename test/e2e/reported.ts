import type { Cluster } from "./cluster-client.js";
import { policy } from "./kf-world.js";

/** What is reported of a namespace and of what lies in none, until the writer of reports has done all that it can do to them. */

interface Reports {
  readonly items: readonly { readonly results?: readonly { readonly rule: string }[] }[];
}

/** Exempt from what is shipped: nothing else is reported of it. */
const PLACE = "kube-public";

/** Rules that are broken by `broken`, once each. */
export const RULES = [
  { id: "open", check: "forbid-allow-all", enforcementAction: "warn" },
  { id: "never", check: "cel-expression", enforcementAction: "warn", match: { kinds: ["AdminNetworkPolicy"], operations: ["CREATE"] }, with: { expression: "false", says: "'it is there'" } },
];

function broken(number: number): readonly object[] {
  const spec = { priority: number, subject: { namespaces: { matchLabels: { nobody: "here" } } }, ingress: [] };
  const open = policy(PLACE, `open-${number}`, { podSelector: { matchLabels: { app: "nobody" } }, policyTypes: ["Ingress"], ingress: [{}] });
  return [{ apiVersion: "policy.networking.k8s.io/v1alpha1", kind: "AdminNetworkPolicy", metadata: { name: `never-${number}` }, spec }, open];
}

/** Reports are made, changed after somebody else wrote them, and taken away. */
export async function driveReports(cluster: Cluster, [namespaced, clusterwide]: readonly [namespaced: string, clusterwide: string]): Promise<void> {
  const told = async (kind: string, rule: string): Promise<number> => ((await cluster.get<Reports>(kind, "-A"))?.items ?? []).flatMap(({ results = [] }) => results).filter((one) => one.rule === rule).length;
  const until = (count: number): Promise<boolean> => cluster.waitFor(`${count} to be in ${namespaced} and ${clusterwide}`, async () => (await told(namespaced, "open")) === count && (await told(clusterwide, "never")) === count, 60_000);
  for (const number of [1, 2]) {
    if (number === 2) for (const kind of [`${namespaced} -n ${PLACE}`, clusterwide]) await cluster.kubectl(["annotate", ...kind.split(" "), "--all", "--overwrite", "touched=yes"]);
    await cluster.apply(broken(number));
    await until(number);
  }
  await cluster.kubectl(["delete", "-f", "-"], { input: [1, 2].flatMap(broken).map((one) => JSON.stringify(one)).join("\n---\n") });
  await until(0);
}
