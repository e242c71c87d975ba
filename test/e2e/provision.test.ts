import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeWithCluster } from "./describe-with-cluster.js";
import { allowancesIn, buildSurroundings, deployment, makeSpace, makeSpaceNamespace, namespace, pod, policy, tryApply, untilInForce, writeKfPolicies, type List, type Named } from "./kf-world.js";
import { manifests, startSluice, type RunningSluice } from "./sluice.js";

/** Sluice as a writer: first without the right to write, then with it. */

const suffix = randomBytes(3).toString("hex");
const WRITES = "deploy/overlays/provision/rbac.yaml";
const SELECTS_ALL = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };
const named = (name: string): string => `${name}-${suffix}`;

describeWithCluster("sluice gives namespaces their policies", (cluster) => {
  let sluice: RunningSluice;
  const [old, bare, busy, met, foreign, edited] = ["old", "bare", "busy", "met", "foreign", "edited"].map(named) as [string, string, string, string, string, string];
  const [older, made, shop, covered] = ["older", "made", "shop", "covered"].map(named) as [string, string, string, string];

  beforeAll(async () => {
    await buildSurroundings(cluster);
    await makeSpace(cluster, old, "PermitAll");
    await makeSpaceNamespace(cluster, bare, "PermitAll");
    await makeSpace(cluster, busy, "PermitAll");
    await runPod(busy, "stray");
    await makeSpace(cluster, met, "PermitAll");
    await cluster.apply(allowancesIn(met, ["allow-dns", "default-deny"]).map((object) => ({ ...object, metadata: { namespace: met, name: `my-${object.metadata.name}` } })), "developer");
    await makeSpace(cluster, foreign, "PermitAll");
    await cluster.apply(policy(foreign, "default-deny", { podSelector: {}, policyTypes: ["Ingress"] }), "developer");
    await makeSpace(cluster, edited, "PermitAll");
    await applyAs("sluice", policy(edited, "default-deny", SELECTS_ALL, { labels: { "app.kubernetes.io/managed-by": "sluice" } }));
    await applyAs("somebody", policy(edited, "default-deny", { podSelector: {}, policyTypes: ["Ingress"] }));
    await cluster.apply(namespace(older), "developer");
    await runPod(older, "web");
    await cluster.kubectl(["delete", "clusterrolebinding", "sluice-provisioner", "--ignore-not-found"]);
    sluice = await startSluice(cluster, { args: ["--set", "onNamespaceCreate=Provision"] });
    await untilInForce(cluster, suffix);
  });
  afterAll(async () => {
    if (process.env["SHOW_LOG"]) console.log(sluice?.log());
    await sluice?.stop();
    await cluster.kubectl(["delete", "clusterrolebinding,clusterrole", "sluice-provisioner", "--ignore-not-found"]);
    await cluster.kubectl(["delete", "spaces", old, bare, busy, met, foreign, edited, made, "--ignore-not-found", "--wait=false"]);
    await cluster.kubectl(["delete", "namespace", older, shop, covered, "--ignore-not-found", "--wait=false"]);
  });

  async function runPod(inNamespace: string, name: string): Promise<void> {
    await cluster.apply(pod(inNamespace, name));
    await cluster.patchPodStatus(inNamespace, name, { phase: "Running", podIP: "10.30.0.7" });
  }
  async function applyAs(manager: string, object: object): Promise<void> {
    const applied = await tryApply(cluster, object, "admin", ["--server-side", "--force-conflicts", `--field-manager=${manager}`]);
    expect(applied.stderr).toBe("");
  }
  const policies = async (name: string): Promise<readonly Named[]> => (await cluster.get<List>("networkpolicies", "-n", name, "--show-managed-fields"))?.items ?? [];
  const namesOf = async (name: string): Promise<readonly string[]> => (await policies(name)).map(({ metadata }) => metadata.name);
  const lines = (name: string): Record<string, unknown>[] =>
    sluice.log().split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line["ns"] === name || line["namespace"] === name || String(line["policy"]).startsWith(`${name}/`));
  const told = (name: string, text: string): boolean => lines(name).some(({ msg }) => String(msg).includes(text));
  const metric = async (line: string): Promise<number> => Number((await sluice.get("/metrics")).text.split("\n").find((one) => one.startsWith(`${line} `))?.split(" ")[1] ?? Number.NaN);
  /** Anything that happens to a namespace makes Sluice look at it again; a person who grants the right has a way to say so. */
  const touch = (name: string) => cluster.kubectl(["annotate", "namespace", name, `touched-by=${suffix}`, "--overwrite"]);

  describe("without the right to write", () => {
    it("tells of the Spaces that lack their baseline, once each, and writes nothing", async () => {
      for (const name of [old, bare, edited]) await cluster.waitFor(`sluice to tell of ${name}`, async () => told(name, "are not written"));
      expect(String(lines(old).find(({ msg }) => String(msg).includes("are not written"))?.["reason"])).toContain('User "system:serviceaccount:sluice-system:sluice" cannot patch resource "networkpolicies"');
      expect(await namesOf(old)).toEqual(["space-app-policy", "space-build-policy"]);
      expect(lines(old).filter(({ msg }) => String(msg).includes("are not written"))).toHaveLength(1);
      const left = await metric('sluice_provision_namespaces_left{reason="refused"}');
      expect(left).toBeGreaterThanOrEqual(4);
      // One write per namespace: each stopped at its first policy.
      expect(await metric('sluice_provision_writes_total{result="refused"}')).toBe(left);
      expect(await metric('sluice_provision_namespaces_left{reason="cuts-off"}')).toBeGreaterThanOrEqual(1);
    });

    it("tells which running pod an older Space would cut off", async () => {
      await cluster.waitFor("sluice to tell", async () => lines(busy).some(({ reason }) => reason === `it would cut off running pods: ${busy}/stray`));
    });

    it("holds the pods of a namespace that was to be given its policies", async () => {
      await cluster.apply(namespace(named("held")), "developer");
      const held = await tryApply(cluster, pod(named("held"), "web"), "developer");
      expect(held.code).toBe(1);
      expect(held.stderr).toContain("[baseline/default-deny] the pod is held");
      await cluster.kubectl(["delete", "namespace", named("held"), "--wait=false"]);
    });

    it("a developer may not write into a new Space what Sluice writes there", async () => {
      const refused = await tryApply(cluster, policy(bare, "default-deny", SELECTS_ALL, { labels: { "app.kubernetes.io/managed-by": "sluice" } }), "developer", ["--dry-run=server"]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('admission webhook "deny.sluice.dev" denied the request: [kf/');
    });
  });

  describe("with it", () => {
    beforeAll(async () => {
      await cluster.apply(manifests(WRITES));
      for (const name of [old, bare, busy, met, foreign, edited, older]) await touch(name);
      await cluster.waitFor("the older Space to have its policies", async () => (await namesOf(old)).length === 4);
    });

    it("writes the policies of an older Space in their order, as its own, owned by nobody", async () => {
      const written = (await policies(old)).filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/managed-by"] === "sluice");
      expect([...written].sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion)).map(({ metadata }) => metadata.name)).toEqual(["allow-dns", "default-deny"]);
      for (const { metadata } of written) {
        expect(metadata.managedFields?.map(({ manager, operation }) => [manager, operation])).toEqual([["sluice", "Apply"]]);
        expect(metadata.ownerReferences).toBeUndefined();
      }
    });

    it("passes its own webhook where a developer does not", async () => {
      await cluster.waitFor("the bare Space to have its policies", async () => (await namesOf(bare)).join() === "allow-dns,default-deny");
      const own = (): Record<string, unknown>[] => lines(bare).filter((line) => String(line["user"]).startsWith("sa:sluice") && line["kind"] === "NetworkPolicy" && line["route"] === "deny");
      await cluster.waitFor("both lines of the log", async () => own().length === 2);
      expect(own().map((line) => [line["name"], line["op"], line["msg"]])).toEqual([["allow-dns", "CREATE", "allowed"], ["default-deny", "CREATE", "allowed"]]);
    });

    it("leaves a policy of that name alone that is somebody else's", async () => {
      await cluster.waitFor("the rest to be written", async () => (await namesOf(foreign)).includes("allow-dns"));
      await cluster.waitFor("sluice to tell", async () => told(foreign, "is left as it is"));
      const [theirs] = (await policies(foreign)).filter(({ metadata }) => metadata.name === "default-deny");
      expect(theirs).toMatchObject({ spec: { policyTypes: ["Ingress"] } });
      expect(theirs?.metadata.labels).toBeUndefined();
      expect(theirs?.metadata.managedFields?.map(({ manager }) => manager)).toEqual(["kubectl-client-side-apply"]);
    });

    it("leaves its own policy alone where somebody else has changed it", async () => {
      await cluster.waitFor("sluice to tell", async () => told(edited, "is left as it is"));
      expect(String(lines(edited).find(({ msg }) => String(msg).includes("is left as it is"))?.["reason"])).toContain('conflict with "somebody"');
      expect((await policies(edited)).find(({ metadata }) => metadata.name === "default-deny")).toMatchObject({ spec: { policyTypes: ["Ingress"] } });
    });

    it("gives a new namespace its policies before its pods, all in one file", async () => {
      const applied = await tryApply(cluster, [namespace(shop), pod(shop, "bare"), deployment(shop, "web")], "developer");
      expect(applied).toMatchObject({ code: 0 });
      expect(applied.stderr).not.toContain("Error");
      await cluster.waitFor("the pods", async () => (await cluster.get<List>("pods", "-n", shop))?.items.length === 2);
      expect(await namesOf(shop)).toEqual(["allow-dns", "default-deny"]);
    });

    it("gives a new Space its policies, and Kf writes its own beside them", async () => {
      await makeSpaceNamespace(cluster, made, "DenyAll");
      await writeKfPolicies(cluster, made, "DenyAll");
      await cluster.waitFor("the policies", async () => (await namesOf(made)).join() === "allow-dns,default-deny,space-app-policy,space-build-policy");
    });

    it("writes nothing for a dry run", async () => {
      expect(await tryApply(cluster, namespace(named("dry")), "developer", ["--dry-run=server"])).toMatchObject({ code: 0 });
      expect(told(named("dry"), "baseline provided")).toBe(false);
    });

    it("does not restore what was deleted", async () => {
      await cluster.apply(namespace(covered), "developer");
      await cluster.waitFor("the policies", async () => (await namesOf(covered)).length === 2);
      const [dns] = allowancesIn(covered, ["allow-dns"]);
      await cluster.apply({ ...dns, metadata: { namespace: covered, name: "my-dns" } }, "developer");
      expect(await cluster.kubectl(["delete", "networkpolicy", "allow-dns", "-n", covered], { as: "developer" })).toMatchObject({ code: 0 });
      // Sluice looks at namespaces in the order in which they change: when this one has its policies, the other was looked at.
      await cluster.apply(namespace(named("next")), "developer");
      await cluster.waitFor("the next namespace", async () => (await namesOf(named("next"))).length === 2);
      expect(await namesOf(covered)).toEqual(["default-deny", "my-dns"]);
      await cluster.kubectl(["delete", "namespace", named("next"), "--wait=false"]);
    });

    it("leaves alone what is older and no Space, what would cut off a pod, and what has its baseline by other policies", async () => {
      expect(await namesOf(older)).toEqual([]);
      expect(await namesOf(busy)).toEqual(["space-app-policy", "space-build-policy"]);
      expect(await namesOf(met)).toEqual(["my-allow-dns", "my-default-deny", "space-app-policy", "space-build-policy"]);
    });

    it("writes once the pod that would be cut off is gone", async () => {
      await cluster.kubectl(["delete", "pod", "stray", "-n", busy, "--force", "--grace-period=0"]);
      await cluster.waitFor("the policies", async () => (await namesOf(busy)).length === 4);
    });

    it("lets a Space go with the policies that Sluice wrote", async () => {
      expect(await cluster.kubectl(["delete", "space", made], { as: "kf-controller" })).toMatchObject({ code: 0 });
      await cluster.waitFor("the namespace to go", async () => (await cluster.get("namespace", made)) === undefined, 60_000);
      expect(told(made, "could not be written")).toBe(false);
    });
  });
}, { controllers: true });
