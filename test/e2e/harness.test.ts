import { expect, it } from "vitest";
import { describeWithCluster } from "./describe-with-cluster.js";

interface List {
  readonly items: readonly { readonly metadata: { readonly name: string; readonly ownerReferences?: readonly { readonly kind: string }[] } }[];
}

describeWithCluster("the API server of the tests", (cluster) => {
  it("runs a Deployment up to its Pod objects and deletes the namespace with all that is in it", async () => {
    const namespace = await cluster.freshNamespace("harness");
    await cluster.apply(deployment(namespace), "developer");
    const pod = await cluster.waitFor("a Pod", async () => (await cluster.get<List>("pods", "-n", namespace))?.items[0]);
    expect(pod.metadata.ownerReferences?.[0]?.kind).toBe("ReplicaSet");

    await cluster.patchPodStatus(namespace, pod.metadata.name, { phase: "Running", podIP: "10.1.0.7" });
    expect(await cluster.get("pod", "-n", namespace, pod.metadata.name)).toMatchObject({ status: { podIP: "10.1.0.7" } });

    const deleted = await cluster.kubectl(["delete", "namespace", namespace, "--timeout=60s"], { as: "developer" });
    expect(deleted).toMatchObject({ code: 0, stderr: "" });
    expect(await cluster.get("namespace", namespace)).toBeUndefined();
  });

  it("garbage collects the namespace of a Space", async () => {
    const name = `space-${Date.now().toString(36)}`;
    await cluster.apply({ apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name }, spec: {} }, "kf-controller");
    const space = await cluster.get<{ metadata: { uid: string } }>("space", name);
    const owner = { apiVersion: "kf.dev/v1alpha1", kind: "Space", name, uid: space?.metadata.uid, controller: true };
    await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, ownerReferences: [owner] } }, "kf-controller");
    await cluster.kubectl(["delete", "space", name], { as: "kf-controller" });
    await cluster.waitFor("the namespace to go", async () => (await cluster.get("namespace", name)) === undefined, 60_000);
  });
}, { controllers: true });

describeWithCluster("the users of the tests", (cluster) => {
  it("are who they say they are", async () => {
    const who = await cluster.kubectl(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"], { as: "kf-controller" });
    expect(who.stdout).toBe("system:serviceaccount:kf:controller");
  });

  it("see a refusal as a person sees it", async () => {
    const refused = await cluster.kubectl(["create", "clusterrole", "x", "--verb=get", "--resource=pods"], { as: "developer" });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Error from server (Forbidden): clusterroles.rbac.authorization.k8s.io is forbidden: User "developer" cannot create');
  });

  it("include the accounts of programs, with real tokens", async () => {
    const namespace = await cluster.freshNamespace("harness");
    await cluster.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace } });
    const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, "robot");
    const who = await cluster.kubectl(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"], { as: { kubeconfig } });
    expect(who.stdout).toBe(`system:serviceaccount:${namespace}:robot`);
    await cluster.kubectl(["delete", "namespace", namespace, "--wait=false"]);
  });
});

function deployment(namespace: string): object {
  const labels = { app: "web" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "web", image: "web" }] } };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace }, spec: { replicas: 1, selector: { matchLabels: labels }, template } };
}
