import { describe, expect, test } from "vitest";
import { workloads } from "../../src/engine/workloads.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { cluster, pod } from "./cluster.js";

function owned(fullName: string, owner: Record<string, unknown>, labels: Record<string, string> = {}): KubeObject {
  const object = pod(fullName, { labels });
  // Owners as they are found, not as they should be.
  return { ...object, metadata: { ...object.metadata, ownerReferences: [{ apiVersion: "apps/v1", uid: "u", controller: true, ...owner }] } } as unknown as KubeObject;
}

function workload(apiVersion: string, kind: string, fullName: string, { template = {}, metadata = {}, spec = {} }: Record<string, Record<string, unknown>> = {}): KubeObject {
  const [namespace, name = ""] = fullName.split("/");
  const made = { metadata: { labels: { app: name } }, spec: { containers: [{ name: "main" }] }, ...template };
  const inner = kind === "CronJob" ? { jobTemplate: { spec: { template: made } } } : { template: made };
  return { apiVersion, kind, metadata: { namespace, name, ...metadata }, spec: { ...inner, ...spec } } as KubeObject;
}

function names(...objects: readonly KubeObject[]): readonly string[] {
  return workloads(cluster(...objects)).map(({ name }) => name);
}

describe("workloads", () => {
  test("a pod without owner is itself", () => {
    expect(names(pod("x/a"), pod("b"))).toEqual(["default/b[Pod]", "x/a[Pod]"]);
  });

  test("replicas of one owner are one, in each namespace", () => {
    const owner = { kind: "ReplicaSet", name: "web-1" };
    const found = workloads(cluster(owned("x/a", owner), owned("x/b", owner), owned("y/a", owner)));
    expect(found.map(({ name, pods }) => [name, pods.length])).toEqual([["x/web-1[ReplicaSet]", 2], ["y/web-1[ReplicaSet]", 1]]);
  });

  test("an owner that is no controller, and a node, are no owners", () => {
    expect(names(owned("x/a", { kind: "ReplicaSet", name: "web", controller: false }))).toEqual(["x/a[Pod]"]);
    expect(names(owned("kube-system/etcd-n1", { kind: "Node", name: "n1" }))).toEqual(["kube-system/etcd-n1[Pod]"]);
  });

  test("an owner that does not say its kind is taken for a pod", () => {
    expect(names(owned("a", { kind: undefined, name: "internal" }), owned("b", { kind: undefined, name: "internal" }))).toEqual(["default/internal[Pod]"]);
  });

  test.each([
    ["apps/v1", "Deployment"], ["apps/v1", "StatefulSet"], ["apps/v1", "DaemonSet"], ["apps/v1", "ReplicaSet"],
    ["batch/v1", "Job"], ["batch/v1", "CronJob"], ["v1", "ReplicationController"], ["extensions/v1beta1", "Deployment"],
  ])("%s %s is represented by its template, whatever its number of replicas", (apiVersion, kind) => {
    const [found] = workloads(cluster(workload(apiVersion, kind, "x/w", { spec: { replicas: 0 } })));
    expect(found).toMatchObject({ name: `x/w[${kind}]`, namespace: "x" });
    expect(found?.pods).toMatchObject([{ labels: { app: "w" }, origin: "workload", addresses: [] }]);
  });

  test("the template's ports are read, those of init containers that stay included", () => {
    const containers = [{ name: "main", ports: [{ containerPort: 80 }, { containerPort: 53, protocol: "UDP", name: "dns" }, { containerPort: 70_000 }, null] }];
    const initContainers = [{ name: "proxy", restartPolicy: "Always", ports: [{ containerPort: 15_001 }] }, { name: "once", ports: [{ containerPort: 1 }] }];
    const [found] = workloads(cluster(workload("apps/v1", "Deployment", "x/w", { template: { spec: { containers, initContainers } } })));
    expect(found?.pods[0]?.ports).toEqual([
      { port: 80, protocol: "TCP", container: "main" },
      { name: "dns", port: 53, protocol: "UDP", container: "main" },
      { port: 15_001, protocol: "TCP", container: "proxy" },
    ]);
  });

  test("without a namespace a workload is in `default`; without a pod template it is none", () => {
    expect(names({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "w" }, spec: { template: { spec: { containers: [] } } } })).toEqual(["default/w[Deployment]"]);
    expect(names({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "w" }, spec: {} })).toEqual([]);
  });

  test("pods stand for their workload in place of its template", () => {
    const found = workloads(cluster(workload("apps/v1", "StatefulSet", "x/db"), owned("x/db-0", { kind: "StatefulSet", name: "db" }, { app: "old" })));
    expect(found.map(({ name, pods }) => [name, pods.map(({ labels }) => labels)])).toEqual([["x/db[StatefulSet]", [{ app: "old" }]]]);
  });

  test("a ReplicaSet is folded into its Deployment when the snapshot has both", () => {
    const deployment = workload("apps/v1", "Deployment", "x/web");
    const replicaSet = workload("apps/v1", "ReplicaSet", "x/web-1", { metadata: { ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "u", controller: true }] } });
    const replica = owned("x/web-1-a", { kind: "ReplicaSet", name: "web-1" });
    expect(names(deployment, replicaSet, replica)).toEqual(["x/web[Deployment]"]);
    expect(names(deployment, replicaSet)).toEqual(["x/web[Deployment]"]);
    expect(names(replicaSet, replica)).toEqual(["x/web-1[ReplicaSet]"]);
    expect(names(replica)).toEqual(["x/web-1[ReplicaSet]"]);
  });

  test("finished pods are no endpoints, and their Job is none through its template either", () => {
    const done = { ...owned("x/job-1", { apiVersion: "batch/v1", kind: "Job", name: "job" }), status: { phase: "Succeeded" } };
    expect(names(workload("batch/v1", "Job", "x/job"), done)).toEqual([]);
    expect(names(workload("batch/v1", "Job", "x/job"))).toEqual(["x/job[Job]"]);
  });

  test("a pod on the host's network is read as the pod it says it is", () => {
    const [found] = workloads(cluster(pod("x/a", { spec: { hostNetwork: true } })));
    expect(found?.pods[0]?.hostNetwork).toBe(false);
  });
});
