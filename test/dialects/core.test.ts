import { describe, expect, test } from "vitest";
import { readObject, readTemplate } from "../../src/dialects/index.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { parseAddress } from "../../src/sets/ip-set.js";

function valueOf(object: KubeObject): unknown {
  const { facts, problems } = readObject(object);
  expect(problems).toEqual([]);
  return facts[0]?.value;
}

const core = (kind: string, rest: Record<string, unknown>): KubeObject => ({ apiVersion: "v1", kind, metadata: {}, ...rest });

describe("core objects", () => {
  test("a namespace has the label the API server forces, whatever it states", () => {
    const labels = { team: "x", "kubernetes.io/metadata.name": "forged" };
    expect(valueOf(core("Namespace", { metadata: { name: "shop", labels } }))).toMatchObject({
      name: "shop", labels: { team: "x", "kubernetes.io/metadata.name": "shop" }, terminating: false,
    });
  });

  test.each([{ metadata: { name: "n", deletionTimestamp: "2026-01-01T00:00:00Z" } }, { metadata: { name: "n" }, status: { phase: "Terminating" } }])(
    "a namespace that is going: %j",
    (rest) => {
      expect(valueOf(core("Namespace", rest))).toMatchObject({ terminating: true });
    },
  );

  test("a pod with addresses, ports, node, owner and service account", () => {
    const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-1", uid: "u", controller: true };
    const pod = core("Pod", {
      metadata: { name: "web", labels: { app: "web" }, ownerReferences: [{ ...owner, controller: false, name: "other" }, owner] },
      spec: {
        nodeName: "n1", serviceAccountName: "runner",
        containers: [{ name: "main", ports: [{ name: "http", containerPort: 80 }, { containerPort: 53, protocol: "UDP" }] }],
        initContainers: [{ name: "once", ports: [{ containerPort: 1 }] }, { name: "side", restartPolicy: "Always", ports: [{ containerPort: 9 }] }],
      },
      status: { phase: "Running", podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }] },
    });
    expect(valueOf(pod)).toMatchObject({
      namespace: "default", name: "web", labels: { app: "web" }, hostNetwork: false, finished: false, origin: "pod", nodeName: "n1", serviceAccount: "runner", owner,
      addresses: [parseAddress("10.0.0.1"), parseAddress("fd00::1")],
      ports: [
        { name: "http", port: 80, protocol: "TCP", container: "main" }, { port: 53, protocol: "UDP", container: "main" }, { port: 9, protocol: "TCP", container: "side" },
      ],
    });
  });

  test("a node's addresses are those that are addresses", () => {
    const addresses = [{ type: "InternalIP", address: "192.168.0.1" }, { type: "Hostname", address: "n1" }, { type: "ExternalIP", address: "fd00::9" }];
    expect(valueOf(core("Node", { metadata: { name: "n1" }, status: { addresses } }))).toMatchObject({ addresses: [parseAddress("192.168.0.1"), parseAddress("fd00::9")] });
  });

  test("labels that are no texts are left out, and named", () => {
    const { facts, problems } = readObject(core("Pod", { metadata: { name: "p", labels: { app: "web", tier: 1 } } }));
    expect(facts[0]?.value).toMatchObject({ labels: { app: "web" } });
    expect(problems).toMatchObject([{ code: "object/label", path: "metadata.labels.tier" }]);
  });
});

describe("the pod a workload makes", () => {
  const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "main", ports: [{ containerPort: 80 }] }] } };

  test.each([
    ["apps/v1", "Deployment", { template }],
    ["batch/v1", "CronJob", { jobTemplate: { spec: { template } } }],
  ])("%s %s", (apiVersion, kind, spec) => {
    const { pod, problems } = readTemplate({ apiVersion, kind, metadata: { name: "web", namespace: "shop" }, spec });
    expect(problems).toEqual([]);
    expect(pod).toMatchObject({
      namespace: "shop", name: "web", labels: { app: "web" }, addresses: [], ports: [{ port: 80 }], origin: "workload", owner: { apiVersion, kind, name: "web", controller: true },
    });
  });

  test("other objects make none", () => {
    expect(readTemplate({ apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec: {} }).pod).toBeUndefined();
  });
});
