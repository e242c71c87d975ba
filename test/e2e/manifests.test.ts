import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { publishedDefinitions } from "../tools/tools.mjs";
import type { Cluster } from "./cluster-client.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { findHelm } from "./helm.js";
import { manifests } from "./sluice.js";

/** What kustomize and Helm make of the manifests: the same objects, which the API server takes without a word. */

interface Made {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: { readonly template?: { readonly spec: object } };
}

const CHART = ["template", "sluice", "deploy/helm/sluice", "--namespace", "sluice-system", "--set", "crds.keep=false"];
/** Overlays, and what is applied after them, with the values that mean the same. */
const SAME: readonly (readonly [overlay: string, values: readonly string[]])[] = [
  ["deploy/overlays/enforce", []],
  ["deploy/overlays/audit", ["profile=audit"]],
  ["deploy/overlays/warn", ["profile=warn"]],
  ["deploy/overlays/single", ["replicas=1"]],
  ["deploy/overlays/kf-gke-dataplane-v1", ["profile=gke-dataplane-v1", "provision.enabled=true"]],
  ["deploy/overlays/kf-gke-dataplane-v2", ["profile=gke-dataplane-v2", "provision.enabled=true"]],
  ["deploy/overlays/cert-manager + deploy/overlays/cert-manager/webhooks", ["certificates.provider=cert-manager"]],
  ["examples/install", ["image.repository=registry.example.com/sluice", "image.tag=0.1.0", "profile=gke-dataplane-v2\\,audit"]],
  ["test/e2e/fixtures/complete", ["record.enabled=true", "monitoring.serviceMonitor.enabled=true", "monitoring.alerts.enabled=true", "monitoring.dashboard.enabled=true"]],
];

const objectsOf = (text: string): Made[] => parseAllDocuments(text).map((document) => document.toJS() as Made | null).filter((one) => one !== null);
const keyOf = ({ kind, metadata }: Made): string => `${kind}/${metadata.namespace ?? ""}/${metadata.name}`;

/** Without what says who installs, by name; the namespace is Helm's `--create-namespace`, its hooks are for the end. */
function byName(objects: readonly Made[]): Record<string, object> {
  const own = objects.filter(({ kind, metadata }) => kind !== "Namespace" && metadata.annotations?.["helm.sh/hook"] === undefined);
  return Object.fromEntries(own.map((object) => {
    const { "helm.sh/chart": _, "app.kubernetes.io/managed-by": __, ...labels } = object.metadata.labels ?? {};
    return [keyOf(object), { ...object, metadata: { ...object.metadata, labels } }];
  }));
}

const { run: helm, remove, missing } = await findHelm();

describeWithCluster("the manifests", (cluster) => {
  const kustomized = async (overlays: string): Promise<string> => (await Promise.all(overlays.split(" + ").map(async (one) => printed(await cluster.kubectl(["kustomize", `${ROOT}${one}`]))))).join("---\n");
  const helmed = async (values: readonly string[]): Promise<string> => printed(await helm([...CHART, ...values.flatMap((value) => ["--set", value])]));
  const ROOT = new URL("../../", import.meta.url).pathname;

  beforeAll(async () => {
    for (const definition of await publishedDefinitions()) await must(cluster, ["apply", "--server-side", "-f", "-"], definition);
    await cluster.apply(manifests("deploy/base/namespace.yaml"));
    await must(cluster, ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
  });
  afterAll(async () => {
    const groups = ["certificates.cert-manager.io", "issuers.cert-manager.io", "servicemonitors.monitoring.coreos.com", "prometheusrules.monitoring.coreos.com"];
    await cluster.kubectl(["delete", "crd", ...groups, "--ignore-not-found"]);
    await remove();
  });

  describe.each(SAME)("%s, and the chart with %j", (overlay, values) => {
    it("are the same objects", async () => {
      const made = byName(objectsOf(await kustomized(overlay)));
      expect(byName(objectsOf(await helmed(values)))).toEqual(made);
      expect(Object.keys(made)).toContain("Deployment/sluice-system/sluice");
    });

    it("are taken by the API server as they are written, with no warning", async () => {
      const applied = await cluster.kubectl(["apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-f", "-"], { input: await kustomized(overlay) });
      expect([applied.code, applied.stderr]).toEqual([0, ""]);
    });
  });

  it("ask nothing of Sluice before it answers: webhook configurations are no part of an overlay", async () => {
    const overlays = SAME.map(([overlay]) => overlay.split(" + ")[0] ?? "");
    const kinds = (await Promise.all(overlays.map(kustomized))).flatMap((text) => objectsOf(text).map(({ kind }) => kind));
    expect(kinds.filter((kind) => kind === "Deployment")).toHaveLength(overlays.length);
    expect(kinds.filter((kind) => kind.endsWith("WebhookConfiguration"))).toEqual([]);
  });

  it("make pods that the namespace's own rules let in", async () => {
    const [deployment] = objectsOf(await kustomized("deploy/overlays/cert-manager")).filter(({ kind }) => kind === "Deployment");
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "tried", namespace: "sluice-system" }, spec: { ...deployment?.spec?.template?.spec, priorityClassName: undefined } };
    expect(await cluster.kubectl(["create", "--dry-run=server", "-f", "-"], { input: JSON.stringify(pod) })).toMatchObject({ code: 0, stderr: "" });
    const root = await cluster.kubectl(["create", "--dry-run=server", "-f", "-"], { input: JSON.stringify({ ...pod, spec: { ...pod.spec, securityContext: {} } }) });
    expect(root.stderr).toContain('violates PodSecurity "restricted:latest"');
  });

  it("helm finds nothing wrong with the chart", async () => {
    expect(await helm(["lint", "--strict", "deploy/helm/sluice", "--namespace", "sluice-system"])).toMatchObject({ code: 0 });
  });

  it.each([
    ["replicas=0", /replicas/],
    ["profile=../x", /profile/],
    ["replcas=3", /replcas/],
    ["certificates.provider=vault", /provider/],
    ["extraArgs={serve}", /extraArgs/],
  ])("the chart refuses %s", async (value, about) => {
    const { code, stderr } = await helm([...CHART, "--set", value]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(about)]);
  });

  it("the chart goes nowhere but where the packs expect it", async () => {
    expect((await helm(["template", "sluice", "deploy/helm/sluice", "--namespace", "elsewhere"])).stderr).toContain("in the namespace sluice-system");
  });

  it("what is in the chart was made from the manifests", async () => {
    const checked = await new Promise<string>((resolve) => execFile(process.execPath, ["scripts/chart.mjs", "--check"], { cwd: ROOT }, (error, _, stderr) => resolve(error ? stderr : "")));
    expect(checked).toBe("");
  });
}, { missing });

async function must(cluster: Cluster, args: readonly string[], input = ""): Promise<string> {
  return printed(await cluster.kubectl(args, { input }));
}

function printed({ code, stdout, stderr }: { readonly code: number; readonly stdout: string; readonly stderr: string }): string {
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
