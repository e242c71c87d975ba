import { expect, test } from "vitest";
import { provisionRights, reportRights, settingsTold } from "../../src/doctor/features.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { packs } from "./healthy.js";

/** Rights are asked about only where what they are for is on. */

const KINDS = { group: "openreports.io", resources: ["reports", "clusterreports"] };
const [baseline] = [...packs.baselines.values()];
const provisioning = (conditions: readonly string[]) => ({ provisions: baseline ? [{ entry: { baseline: "any", match: { conditions } } as never, baseline, applies: () => ({ ok: true, value: true }) as const }] : [] });

function running(container: object): { readonly value: readonly KubeObject[] } {
  return { value: [{ apiVersion: "v1", kind: "Pod", metadata: { name: "sluice-1", labels: { "app.kubernetes.io/name": "sluice" } }, spec: { containers: [container] } }] };
}

test("reports: where the cluster knows them, and nobody says that none be written", () => {
  const asked = reportRights(KINDS, running({ args: ["serve", "--cluster"] }));
  expect(asked).toHaveLength(10);
  expect(asked).toContainEqual({ group: "openreports.io", resource: "clusterreports", verb: "delete", feature: "reports" });
  expect(reportRights(undefined, running({}))).toEqual([]);
  for (const container of [{ args: ["--reports=off"] }, { args: ["--reports", "off"] }, { env: [{ name: "SLUICE_REPORTS", value: "off" }] }]) expect(reportRights(KINDS, running(container))).toEqual([]);
  expect(reportRights(KINDS, { problem: "forbidden" })).toHaveLength(10);
});

test("settings: as flags or the environment of the pods tell them, but for files that are theirs", () => {
  expect(settingsTold(running({ args: ["serve", "--profile=gke-dataplane-v2,audit", "--set=a.b=c=d", "--set", "x=", "--set=wrong"] }))).toEqual({ profile: "gke-dataplane-v2,audit", set: [{ name: "a.b", value: "c=d" }, { name: "x", value: "" }] });
  expect(settingsTold(running({ args: ["--profile=/etc/sluice/profile.yaml"] }))).toEqual({ set: [] });
  expect(settingsTold(running({ env: [{ name: "SLUICE_PROFILE", value: "warn" }] }))).toEqual({ profile: "warn", set: [] });
  expect(settingsTold({ problem: "forbidden" })).toEqual({ set: [] });
});

test("provision: where the packs provide something, and the mode writes", () => {
  const asked = provisionRights(provisioning([]), "enforce");
  expect(asked.map(({ group, resource, verb }) => `${verb} ${resource}.${group}`)).toEqual(["get", "create", "patch"].map((verb) => `${verb} networkpolicies.networking.k8s.io`));
  expect(provisionRights({ provisions: [] }, "enforce")).toEqual([]);
  expect(provisionRights(provisioning(["controller.exists"]), "enforce")).toEqual([]);
  expect(provisionRights(provisioning([]), "audit")).toEqual([]);
});
