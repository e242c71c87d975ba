import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { definitionsMissing, fluxDefinitions } from "../tools/tools.mjs";
import type { KubectlResult } from "./cluster-client.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { buildSurroundings, namespace, pod, untilInForce, type List } from "./kf-world.js";
import { manifests, startSluice, type RunningSluice } from "./sluice.js";

/** examples/gitops on a real API server: what the tools ask it, in the order in which they do. */

interface Kustomization {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly path: string; readonly dependsOn?: readonly { readonly name: string }[] };
}

const gitops = fileURLToPath(new URL("../../examples/gitops/", import.meta.url));
const suffix = randomBytes(3).toString("hex");
const [shop, older] = [`shop-${suffix}`, `older-${suffix}`];
const flux = (manifests("examples/gitops/flux/shop.yaml") as Kustomization[]).filter(({ kind }) => kind === "Kustomization");
const STEPS = flux.map(({ spec }) => spec.path.replace("./shop/", ""));

const missing = await definitionsMissing();

describeWithCluster("a namespace from a repository", (cluster) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-gitops-"));
  let sluice: RunningSluice;

  beforeAll(async () => {
    await buildSurroundings(cluster);
    // Older than Sluice, with pods that run and no policy.
    await cluster.apply([namespace(older, { annotations: { "sluice.dev/baseline": "default-deny-dns" } }), pod(older, "web", { app: "web" })]);
    await cluster.patchPodStatus(older, "web", { phase: "Running", podIP: "10.30.1.7" });
    for (const name of [shop, older]) cpSync(join(gitops, "shop"), join(folder, name), { recursive: true });
    for (const name of [shop, older]) for (const file of readdirSync(join(folder, name), { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".yaml"))) {
      const text = readFileSync(join(folder, name, file), "utf8");
      writeFileSync(join(folder, name, file), text.replace(/namespace: shop$/gm, `namespace: ${name}`).replace(/^ {2}name: shop$/gm, `  name: ${name}`));
    }
    sluice = await startSluice(cluster);
    await untilInForce(cluster, suffix);
  });
  afterAll(async () => {
    await sluice?.stop();
    await cluster.kubectl(["delete", "namespace", shop, older, "--ignore-not-found", "--wait=false"]);
    await cluster.kubectl(["delete", "crd", "kustomizations.kustomize.toolkit.fluxcd.io", "gitrepositories.source.toolkit.fluxcd.io", "--ignore-not-found"]);
    rmSync(folder, { recursive: true, force: true });
  });

  const apply = (name: string, step: string, ...flags: readonly string[]): Promise<KubectlResult> => cluster.kubectl(["apply", "--server-side", "-R", "-f", join(folder, name, step), ...flags], { as: "developer" });
  const dryRun = (name: string, step = ""): Promise<KubectlResult> => apply(name, step, "--dry-run=server");

  /** Until the deny is there, the allowances are told that it is not. */
  const admitted = (step: string): object => expect.objectContaining({ code: 0, stderr: step === "allowances" ? expect.stringMatching(/^Warning: \[baseline\/default-deny\] .* has no default deny/) : "" }) as object;

  describe("that is new", () => {
    it("cannot be tried out as a whole: its policies have no namespace to be asked about in", async () => {
      const { code, stdout, stderr } = await dryRun(shop);
      expect([code, stdout]).toEqual([1, expect.stringContaining(`namespace/${shop} serverside-applied (server dry run)`)]);
      expect(stderr).toContain(`namespaces "${shop}" not found`);
    });

    it("can be once the namespace is there: while it is set up, the deny before its allowances is only warned about", async () => {
      expect(await apply(shop, "namespace")).toMatchObject({ code: 0 });
      const { code, stderr } = await dryRun(shop);
      expect([code, stderr]).toEqual([0, expect.stringContaining("Warning: [baseline/dns]")]);
    });

    it("comes up step by step, and its pods with the last one", async () => {
      for (const step of STEPS) expect([step, await apply(shop, step)]).toEqual([step, admitted(step)]);
      await cluster.waitFor("the pods", async () => (await cluster.get<List>("pods", "-n", shop))?.items.length === 2);
    });
  });

  describe("in which pods run already", () => {
    it("the deny alone is refused, and so is a dry run of everything: it is asked about on the state of now", async () => {
      for (const step of ["deny", ""]) expect(await dryRun(older, step)).toMatchObject({ code: 1, stderr: expect.stringContaining("[baseline/dns]") as string });
    });

    it("the allowances first, then the deny: both pass", async () => {
      for (const step of ["allowances", "deny"]) expect([step, await apply(older, step)]).toEqual([step, admitted(step)]);
    });

    it("taken back in the same order, the allowance for DNS is refused while the deny is there", async () => {
      const taken = await cluster.kubectl(["delete", "-f", join(folder, older, "allowances")], { as: "developer" });
      expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining("[baseline/dns]")]);
    });
  });

  it("Flux is given objects that it takes, each after the one before it, of folders that are there", async () => {
    for (const definition of await fluxDefinitions()) expect(await cluster.kubectl(["apply", "--server-side", "-f", "-"], { input: definition })).toMatchObject({ code: 0 });
    await cluster.waitFor("the kinds of Flux", async () => (await cluster.kubectl(["wait", "--for=condition=Established", "crd/kustomizations.kustomize.toolkit.fluxcd.io", "crd/gitrepositories.source.toolkit.fluxcd.io", "--timeout=10s"])).code === 0);
    const text = readFileSync(join(gitops, "flux/shop.yaml"), "utf8").replaceAll("namespace: flux-system", "namespace: default");
    expect(await cluster.kubectl(["apply", "--dry-run=server", "--validate=strict", "-f", "-"], { input: text })).toMatchObject({ code: 0, stderr: "" });
    expect(flux.map(({ spec }) => spec.dependsOn?.map(({ name }) => name))).toEqual([undefined, ...flux.slice(0, -1).map(({ metadata }) => [metadata.name])]);
    expect(STEPS).toEqual(["namespace", "allowances", "deny", "workloads"]);
    for (const { spec } of flux) expect(existsSync(join(gitops, spec.path))).toBe(true);
  });

  it("Argo CD is given one folder, whose waves are the same order", () => {
    const [application] = manifests("examples/gitops/argocd/shop.yaml") as { spec: { source: { path: string } } }[];
    const waves = STEPS.map((step) => new Set(readdirSync(join(gitops, application?.spec.source.path ?? "", step)).flatMap((file) => (manifests(`examples/gitops/shop/${step}/${file}`) as { metadata: { annotations: Record<string, string> } }[]).map(({ metadata }) => metadata.annotations["argocd.argoproj.io/sync-wave"]))));
    expect(waves.map((wave) => [...wave])).toEqual([["-3"], ["-2"], ["-1"], ["0"]]);
  });
}, { controllers: true, missing });
