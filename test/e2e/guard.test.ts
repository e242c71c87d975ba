import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Cluster } from "./cluster-client.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { manifests, startSluice, type RunningSluice } from "./sluice.js";

/** Sluice between the real kubectl and the real API server: what a person sees. */

interface Named {
  readonly metadata: { readonly name: string; readonly uid: string; readonly labels?: Record<string, string> };
}
interface List {
  readonly items: readonly Named[];
}

const suffix = randomBytes(3).toString("hex");
const ALLOWANCES = ["allow-dns", "default-deny", "allow-gateway", "allow-apps", "allow-google-apis", "allow-workload-identity", "allow-mesh", "allow-builds"];

describeWithCluster("sluice in front of the API server", (cluster) => {
  let sluice: RunningSluice;
  const closed = `closed-${suffix}`;
  const open = `open-${suffix}`;

  beforeAll(async () => {
    await buildCluster(cluster);
    await makeSpace(cluster, closed, "DenyAll");
    await makeSpace(cluster, open, "PermitAll");
    sluice = await startSluice(cluster);
    await cluster.waitFor("the webhooks to be in force", async () => {
      const tried = await cluster.kubectl(["create", "namespace", `probe-${suffix}`, "--dry-run=server"], { as: "developer" });
      return tried.code !== 0;
    });
  });
  afterAll(async () => {
    await sluice?.stop();
    await cluster.kubectl(["delete", "namespace", closed, open, "--wait=false"]);
  });

  it("refuses a namespace that declares no baseline, with the line to add", async () => {
    const name = `shop-${suffix}`;
    const refused = await cluster.kubectl(["create", "namespace", name], { as: "developer" });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toBe(
      `Error from server (Forbidden): admission webhook "deny.sluice.dev" denied the request: [baseline/declared] namespace \`${name}\` declares no baseline (default deny plus DNS); ` +
        "add the annotation `sluice.dev/baseline: default-deny-dns` and apply its policies next (at `metadata.annotations`)\n",
    );
  });

  it("holds pods of a declared namespace until its policies exist, and then its Deployment heals by itself", async () => {
    const name = `shop-${suffix}`;
    await cluster.apply(namespaceOf(name), "developer");
    await cluster.apply(deployment(name), "developer");
    const message = await cluster.waitFor("the ReplicaSet to be refused", async () => {
      const deployed = await cluster.get<{ status: { conditions?: { type: string; message: string }[] } }>("deployment", "web", "-n", name);
      return deployed?.status.conditions?.find(({ type }) => type === "ReplicaFailure")?.message;
    });
    expect(message).toContain(`[baseline/default-deny] the pod is held: namespace \`${name}\` has no default deny`);
    await cluster.apply(policiesOf("default-deny-dns", name), "developer");
    const pod = await cluster.waitFor("the Deployment to heal", async () => (await cluster.get<List>("pods", "-n", name))?.items[0], 60_000);
    expect(pod.metadata.labels?.["kf.dev/networkpolicy"]).toBeUndefined();
    await cluster.kubectl(["delete", "namespace", name, "--wait=false"]);
  });

  it("labels the pods of a Kf app", async () => {
    await cluster.apply(podOf(open, "app", { "app.kubernetes.io/component": "app-server" }), "developer");
    expect((await cluster.get<Named>("pod", "app", "-n", open))?.metadata.labels?.["kf.dev/networkpolicy"]).toBe("app");
    await cluster.apply(podOf(open, "build", { "tekton.dev/taskRun": "x" }), "tekton-controller");
    expect((await cluster.get<Named>("pod", "build", "-n", open))?.metadata.labels?.["kf.dev/networkpolicy"]).toBe("build");
  });

  it.each([
    ["allow-workload-identity", "kf/workload-identity", "`169.254.169.252` on TCP 988"],
    ["allow-google-apis", "kf/google-apis", "`199.36.153.8` on TCP 443"],
    ["allow-builds", "kf/buildpacks", "on TCP 443"],
  ])("refuses to delete %s of a DenyAll Space, with the flow, a pod and what to do", async (policy, rule, flow) => {
    const refused = await cluster.kubectl(["delete", "networkpolicy", policy, "-n", closed], { as: "developer" });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`Error from server (Forbidden): admission webhook "deny.sluice.dev" denied the request: [${rule}]`);
    expect(refused.stderr).toContain(flow);
    expect(refused.stderr).toMatch(/fix \(verified\): apply \{"apiVersion"/);
  });

  it("admits the same deletes in a PermitAll Space", async () => {
    for (const policy of ["allow-workload-identity", "allow-google-apis", "allow-builds"]) {
      expect(await cluster.kubectl(["delete", "networkpolicy", policy, "-n", open], { as: "developer" })).toMatchObject({ code: 0 });
    }
  });

  it("shows the refusal of an update in its first and its last line", async () => {
    const [deny] = policyManifests(closed, ["allow-workload-identity"]);
    const narrowed = { ...deny, spec: { podSelector: { matchLabels: { "kf.dev/networkpolicy": "build" } }, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "169.254.169.252/32" } }], ports: [{ protocol: "TCP", port: 988 }] }] } };
    const refused = await cluster.kubectl(["apply", "-f", "-"], { as: "developer", input: JSON.stringify(narrowed) });
    expect(refused.code).toBe(1);
    const [before, message] = refused.stderr.split("denied the request: ");
    // kubectl prints the whole patch first: what a person sees last has to be enough.
    expect(before).toMatch(/^Error from server \(Forbidden\): error when applying patch:\n\{[\s\S]*\}\nto:\nResource: "networking.k8s.io\/v1, Resource=networkpolicies"[\s\S]*for: "STDIN": error when patching "STDIN": admission webhook "deny.sluice.dev" $/);
    const fix = {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "allow-workload-identity-of-apps-egress", namespace: closed },
      spec: { podSelector: { matchLabels: { "kf.dev/networkpolicy": "app" } }, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "169.254.169.252/32" } }], ports: [{ protocol: "TCP", port: 988 }] }] },
    };
    expect(message).toBe(
      `[kf/workload-identity] Workload Identity of apps breaks for pods of namespace \`${closed}\`: a pod with labels \`kf.dev/networkpolicy=app\` in \`${closed}\` to \`169.254.169.252\` on TCP 988: ` +
        `egress denied by \`${closed}/default-deny\`, \`${closed}/space-app-policy\` and 4 more\n` +
        "  to do: allow egress to the metadata server: 169.254.169.252 TCP 988 (Dataplane V1) or 169.254.169.254 TCP 80 (V2)\n" +
        `  fix (verified): apply ${JSON.stringify(fix)}\n` +
        "refused by kf/workload-identity\n",
    );
  });

  it("refuses a policy in kube-system that cuts DNS", async () => {
    const cut = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "cut", namespace: "kube-system" }, spec: { podSelector: { matchLabels: { "k8s-app": "kube-dns" } }, policyTypes: ["Ingress"] } };
    const refused = await cluster.kubectl(["apply", "-f", "-"], { as: "admin", input: JSON.stringify(cut) });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('admission webhook "exempt.sluice.dev" denied the request: [baseline/dns] DNS breaks');
    expect(refused.stderr).toContain("ingress denied by `kube-system/cut`");
  });

  it("never blocks Kf's own writes", async () => {
    await makeSpace(cluster, `new-${suffix}`, "DenyAll", []);
    const policies = await cluster.get<List>("networkpolicies", "-n", `new-${suffix}`);
    expect(policies?.items.map(({ metadata }) => metadata.name).sort()).toEqual(["space-app-policy", "space-build-policy"]);
  });

  it("lets a Space and its namespace go, with the policies in it", async () => {
    const name = `new-${suffix}`;
    expect(await cluster.kubectl(["delete", "space", name], { as: "kf-controller" })).toMatchObject({ code: 0 });
    await cluster.waitFor("the namespace to go", async () => (await cluster.get("namespace", name)) === undefined, 60_000);
  });

  it("logs one line per decision and counts it", async () => {
    const decisions = sluice.log().split("\n").filter((line) => line.includes('"uid"'));
    expect(decisions.length).toBeGreaterThan(10);
    const metrics = await sluice.get("/metrics");
    expect(metrics.text).toMatch(/^sluice_[a-z_]+\{[^}]*\} [0-9]/m);
  });
}, { controllers: true });

/** What stands round the Spaces: DNS, the gateway, the addresses of the API server. */
async function buildCluster(cluster: Cluster): Promise<void> {
  await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "asm-gateways" } });
  const system = manifests("examples/kf-cluster/10-system.yaml") as { kind: string; metadata: { name: string; namespace?: string }; status?: object }[];
  for (const object of system.filter(({ metadata }) => ["kube-system", "asm-gateways"].includes(metadata.namespace ?? ""))) {
    const { status, ...spec } = object;
    await cluster.apply(object.kind === "Service" ? withoutAddress(spec) : spec);
    if (object.kind === "Pod" && status) await cluster.patchPodStatus(object.metadata.namespace ?? "", object.metadata.name, status);
  }
}

/** The API server of the tests has a range of its own for Services. */
function withoutAddress(service: object): object {
  const { spec, ...rest } = service as { spec: object };
  const { clusterIP: _ip, clusterIPs: _ips, ...kept } = spec as { clusterIP?: string; clusterIPs?: string[] };
  return { ...rest, spec: kept };
}

/** A Space as Kf makes it, by Kf, and then the allowances of the example's closed Space, by its developer. */
async function makeSpace(cluster: Cluster, name: string, value: "PermitAll" | "DenyAll", allowances = ALLOWANCES): Promise<void> {
  const both = { ingress: value, egress: value };
  await cluster.apply({ apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name }, spec: { networkConfig: { appNetworkPolicy: both, buildNetworkPolicy: both } } }, "kf-controller");
  const space = await cluster.get<Named>("space", name);
  const ownerReferences = [{ apiVersion: "kf.dev/v1alpha1", kind: "Space", name, uid: space?.metadata.uid, controller: true }];
  const labels = { "app.kubernetes.io/managed-by": "kf" };
  await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels, ownerReferences } }, "kf-controller");
  const rules = value === "PermitAll" ? [{}] : [];
  for (const kind of ["app", "build"]) {
    const spec = { podSelector: { matchLabels: { "kf.dev/networkpolicy": kind } }, policyTypes: ["Egress", "Ingress"], ingress: rules, egress: rules };
    await cluster.apply({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: `space-${kind}-policy`, namespace: name, labels, ownerReferences }, spec }, "kf-controller");
  }
  if (allowances.length > 0) await cluster.apply(policyManifests(name, allowances), "developer");
}

function policyManifests(namespace: string, names: readonly string[]): { metadata: object }[] {
  const all = manifests("examples/kf-cluster/30-space-closed.yaml") as { kind: string; metadata: { name: string } }[];
  return names.flatMap((name) => all.filter((object) => object.kind === "NetworkPolicy" && object.metadata.name === name)).map((object) => ({ ...object, metadata: { name: object.metadata.name, namespace } }));
}

function policiesOf(baseline: string, namespace: string): object[] {
  expect(baseline).toBe("default-deny-dns");
  return policyManifests(namespace, ["allow-dns", "default-deny"]);
}

function namespaceOf(name: string): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, annotations: { "sluice.dev/baseline": "default-deny-dns" } } };
}

function podOf(namespace: string, name: string, labels: object): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace, labels }, spec: { containers: [{ name: "main", image: "main" }] } };
}

function deployment(namespace: string): object {
  const labels = { app: "web" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "web", image: "web" }] } };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace }, spec: { replicas: 1, selector: { matchLabels: labels }, template } };
}
