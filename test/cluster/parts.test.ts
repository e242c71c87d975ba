import { describe, expect, test } from "vitest";
import { ClusterError } from "../../src/cluster/connection.js";
import { reasonOf } from "../../src/log.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { LineCutter } from "../../src/cluster/lines.js";
import { strip } from "../../src/cluster/strip.js";
import { DEFAULT_TIMING, limited, pauseAfter } from "../../src/cluster/timing.js";
import { keptLog } from "../server/small-app.js";

describe("strip", () => {
  const metadata = { name: "a", labels: { a: "b" }, ownerReferences: [] };
  const container = { name: "main", image: "x", env: [], ports: [{ containerPort: 1 }], restartPolicy: "Always" };
  const kept = { name: "main", ports: [{ containerPort: 1 }], restartPolicy: "Always" };

  test.each([
    ["Pod", "v1", { containers: [container], initContainers: [container], hostNetwork: true, tolerations: [] }, { containers: [kept], initContainers: [kept], hostNetwork: true }],
    ["Deployment", "apps/v1", { replicas: 2, template: { metadata, spec: { containers: [container] } } }, { replicas: 2, template: { metadata, spec: { containers: [kept] } } }],
    ["CronJob", "batch/v1", { jobTemplate: { spec: { template: { spec: { containers: [container] } } } } }, { jobTemplate: { spec: { template: { spec: { containers: [kept] } } } } }],
    ["Job", "example.com/v1", { template: { spec: { containers: [container] } } }, { template: { spec: { containers: [container] } } }],
    ["NetworkPolicy", "networking.k8s.io/v1", { podSelector: {} }, { podSelector: {} }],
  ])("of a %s in %s", (kind, apiVersion, spec, left) => {
    expect(strip({ apiVersion, kind, metadata: { ...metadata, managedFields: [{}] } as KubeObject["metadata"], spec })).toEqual({ apiVersion, kind, metadata, spec: left });
  });

  test("leaves what has another shape to whoever reads it", () => {
    for (const spec of [null, "x", 3, [], { containers: "x" }, { containers: [null, 3] }]) {
      const object: KubeObject = { apiVersion: "v1", kind: "Pod", metadata: {}, spec, status: 7 };
      expect(strip(object)).toEqual(object);
    }
  });

  test("does not write to what it was given", () => {
    const object = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, managedFields: [{}] } as KubeObject["metadata"], spec: { containers: [container] } };
    const before = structuredClone(object);
    strip(object);
    expect(object).toEqual(before);
  });
});

describe("lines", () => {
  test("are the same however the text is cut", () => {
    const text = Buffer.from('{"a":"é"}\n\n{"b":"😀"}\n{"c":');
    for (let size = 1; size <= text.length; size++) {
      const cutter = new LineCutter();
      const lines: string[] = [];
      for (let at = 0; at < text.length; at += size) lines.push(...cutter.push(text.subarray(at, at + size)));
      expect(lines).toEqual(['{"a":"é"}', '{"b":"😀"}']);
    }
  });

  test("do not grow for ever", () => {
    const cutter = new LineCutter();
    const megabyte = Buffer.alloc(1_024 * 1_024, "x");
    for (let times = 0; times < 16; times++) expect(cutter.push(megabyte)).toEqual([]);
    expect(() => cutter.push(megabyte)).toThrow("longer than");
  });
});

test("pauses double up to the longest, each with a random half", () => {
  for (let times = 0; times < 100; times++) {
    for (const [failures, full] of [[1, 500], [2, 1_000], [5, 8_000], [7, 30_000], [1_000, 30_000]] as const) {
      const pause = pauseAfter(failures, DEFAULT_TIMING);
      expect(pause).toBeGreaterThanOrEqual(full / 2);
      expect(pause).toBeLessThanOrEqual(full);
    }
  }
});

describe("limited work", () => {
  const never = (signal: AbortSignal) => new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(new Error("what the connection says"))));

  test("ends with its time, and says so", async () => expect(limited({ parent: new AbortController().signal, ms: 5, message: "too long" }, never)).rejects.toThrow("too long"));

  test("ends with its parent, also one that has ended before", async () => {
    const parent = new AbortController();
    const work = limited({ parent: parent.signal, ms: 1_000, message: "too long" }, never);
    parent.abort(new Error("stopped"));
    await expect(work).rejects.toThrow("stopped");
    await expect(limited({ parent: parent.signal, ms: 1_000, message: "too long" }, async (signal) => signal.throwIfAborted())).rejects.toThrow("stopped");
  });

  test("goes on while it is alive", async () => {
    const work = limited({ parent: new AbortController().signal, ms: 40, message: "too long" }, async (signal, alive) => {
      for (let times = 0; times < 5 && !signal.aborted; times++) {
        await new Promise((resolve) => setTimeout(resolve, 15));
        alive();
      }
      return signal.aborted;
    });
    expect(await work).toBe(false);
  });
});

test("an error of the API server is logged without what was answered", () => {
  const { log, text } = keptLog();
  const error = new ClusterError(502, "the API server answered 502: <html>", { body: "<html>a whole page</html>" });
  log.warn({ err: error }, "failed");
  expect(text()).toContain("answered 502");
  expect(text()).not.toContain("a whole page");
  expect(error.body).toContain("a whole page");
  expect(reasonOf(new Error("x".repeat(100_000)))).toHaveLength(201);
});
