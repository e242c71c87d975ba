import { join } from "node:path";
import { version, type Config } from "../config.js";
import type { LiveSnapshot } from "../server/live-snapshot.js";
import type { RunningServer } from "../server/serve.js";
import type { PacksWatch } from "../sources/packs-watch.js";

export interface Greeted {
  readonly packs: PacksWatch;
  readonly live: LiveSnapshot;
  readonly server: RunningServer;
}

/** What is guarded, where, and one line to try. */
export function greeting(config: Config, { packs: { inForce }, live, server }: Greeted): string {
  const { packs } = inForce.loaded;
  const { namespaces } = live.current;
  const count = (each: Iterable<unknown>): number => [...each].length;
  const what = config.cluster
    ? "the cluster of the current kubeconfig"
    : `${namespaces.size} namespaces, ${count(live.current.pods())} pods and ${count(live.current.policies())} policies${config.state.length === 0 ? " (an empty cluster in memory)" : ` of ${config.state.join(", ")}`}`;
  const url = `https://${server.host.includes(":") ? `[${server.host}]` : server.host}:${server.port}`;
  const [namespace, name] = config.certSecret?.split("/") ?? [];
  const ca = name === undefined ? join(config.certDir, "ca.crt") : `<(kubectl get secret -n ${namespace} ${name} -o jsonpath='{.data.ca\\.crt}' | base64 -d)`;
  const lines = [
    `sluice ${version()} guards ${what}`,
    `with the packs ${packs.names.join(", ")} (${packs.rules.length} rules)`,
    `at ${url}: POST /validate, /mutate; GET /livez, /readyz, /metrics`,
    `console: ${url}/`,
    "try:",
    `  curl --silent --cacert ${ca} ${url}/validate --data '${EXAMPLE}'`,
  ];
  return `${lines.join("\n")}\n`;
}

/** A namespace without a baseline, as a dry run: it is refused, and nothing changes. */
const EXAMPLE = JSON.stringify({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "try-1",
    kind: { group: "", version: "v1", kind: "Namespace" },
    resource: { group: "", version: "v1", resource: "namespaces" },
    name: "demo",
    namespace: "demo",
    operation: "CREATE",
    userInfo: { username: "you" },
    object: { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } },
    dryRun: true,
  },
});
