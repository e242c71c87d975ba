import type { TestProject } from "vitest/node";
import { apiServerBinaries } from "../apiserver/binaries.mjs";
import type { ClusterAddress } from "./cluster-client.js";
import { startCluster, type StartedCluster } from "./cluster.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The API server that the e2e tests share, or why there is none. */
    cluster: ClusterAddress | { readonly missing: string };
  }
}

let cluster: StartedCluster | undefined;

/** Called by vitest before the first e2e test. */
export async function setup(project: TestProject): Promise<void> {
  const binaries = await apiServerBinaries();
  if ("missing" in binaries) {
    process.stderr.write(`end-to-end tests need an API server: ${binaries.missing}\n`);
    project.provide("cluster", binaries);
    return;
  }
  cluster = await startCluster(binaries);
  const { directory, server, controllers } = cluster;
  project.provide("cluster", { binaries: binaries.dir, directory, server, controllers });
}

/** Called by vitest after the last e2e test. */
export async function teardown(): Promise<void> {
  await cluster?.stop();
}
