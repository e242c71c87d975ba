import { describe, inject, it } from "vitest";
import { connectCluster, type Cluster, type ClusterAddress } from "./cluster-client.js";
import type {} from "./global-setup.js";

const nowhere: ClusterAddress = { binaries: "", directory: "", server: "", controllers: false };

export interface Needs {
  readonly controllers?: boolean;
  /** Why something else that the suite needs is not there. */
  readonly missing?: string | undefined;
}

/**
 * A suite against the API server that all e2e tests share: give each test namespaces of its own.
 * Without a server its tests count as skipped, and in CI as one failure.
 */
export function describeWithCluster(name: string, body: (cluster: Cluster) => void, needs: Needs = {}): void {
  const address = inject("cluster");
  const missing = "missing" in address ? address.missing : whatLacks(address, needs);
  if (missing === undefined) {
    describe(name, () => body(connectCluster("missing" in address ? nowhere : address)));
  } else if (process.env["CI"] === "true") {
    it(`${name}: has an API server`, () => {
      throw new Error(missing);
    });
  } else {
    describe.skip(`${name} (skipped: ${missing})`, () => body(connectCluster(nowhere)));
  }
}

function whatLacks(address: ClusterAddress, needs: Needs): string | undefined {
  return needs.controllers && !address.controllers ? "the folder of KUBEBUILDER_ASSETS has no kube-controller-manager" : needs.missing;
}
