import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { connectTo, policyWriter } from "../../src/cluster/cluster.js";

const LABEL = { key: "app.kubernetes.io/managed-by", value: "sluice" };
const PATH = "/apis/networking.k8s.io/v1/namespaces/demo/networkpolicies/allow-dns";
const POLICY = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "allow-dns", namespace: "demo", labels: { [LABEL.key]: LABEL.value } }, spec: { podSelector: {} } };
const OURS = [{ manager: "sluice", operation: "Apply" }];
const stored = (labels: object, managedFields: object[]): Answer => [200, { ...POLICY, metadata: { ...POLICY.metadata, labels, managedFields } }];
const MISSING: Answer = [404, { message: "not found" }];
const MADE: Answer = [201, { ...POLICY, metadata: { ...POLICY.metadata, managedFields: OURS } }];

type Answer = readonly [status: number, body: object, headers?: Record<string, string>];
let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Writes the policy to an API server that gives these answers to GET and PATCH. */
async function write(get: Answer, patch: Answer = MADE, policy: KubeObject = POLICY) {
  const requests: { method: string; path: string; type: string | undefined; body: string }[] = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ method: request.method ?? "", path: request.url ?? "", type: request.headers["content-type"], body });
      const [status, answer, headers] = request.method === "GET" ? get : patch;
      response.writeHead(status, headers).end(JSON.stringify(answer));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const connection = connectTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const written = await policyWriter(connection, LABEL)(policy, new AbortController().signal);
  connection.close();
  return { written, requests, methods: requests.map(({ method }) => method) };
}

test("a policy that does not exist is applied under the field manager, without force", async () => {
  const { written, requests } = await write(MISSING);
  expect(written).toEqual({ result: "written" });
  expect(requests).toEqual([
    { method: "GET", path: PATH, type: undefined, body: "" },
    { method: "PATCH", path: `${PATH}?fieldManager=sluice`, type: "application/apply-patch+yaml", body: JSON.stringify(POLICY) },
  ]);
});

test("one of its own is applied again: nothing changes, or what the pack says now comes in", async () => {
  expect((await write(stored(POLICY.metadata.labels, OURS), [200, POLICY])).written).toEqual({ result: "written" });
});

describe("an object of that name that is not ours is not touched", () => {
  test.each([
    ["neither label nor manager", {}, [{ manager: "kubectl", operation: "Apply" }]],
    ["the label alone", POLICY.metadata.labels, [{ manager: "kubectl", operation: "Apply" }]],
    ["the manager alone", {}, OURS],
    ["the manager's name by another way of writing", POLICY.metadata.labels, [{ manager: "sluice", operation: "Update" }]],
  ])("%s", async (_what, labels, managedFields) => {
    const { written, methods } = await write(stored(labels, managedFields));
    expect(written).toEqual({ result: "foreign", detail: "`demo/allow-dns` exists and is not Sluice's" });
    expect(methods).toEqual(["GET"]);
  });

  test("and one that somebody else made in between is told of", async () => {
    const { written } = await write(MISSING, stored(POLICY.metadata.labels, [...OURS, { manager: "kubectl", operation: "Update" }]));
    expect(written).toEqual({ result: "foreign", detail: "`demo/allow-dns` was made by somebody else at the same time" });
  });
});

test.each([
  ["a conflict", 409, "conflict with \"somebody\"", {}, { result: "conflict" }],
  ["no right", 403, "cannot patch resource", {}, { result: "refused" }],
  ["a policy that makes no sense", 422, "invalid", {}, { result: "refused" }],
  ["a namespace that goes", 403, "unable to create new content in namespace demo because it is being terminated", {}, { result: "failed" }],
  ["too many requests", 429, "not ready yet", { "retry-after": "1" }, { result: "failed", retryAfterMs: 1_000 }],
  ["an error inside", 500, "failed calling webhook", {}, { result: "failed" }],
] as const)("the API server answers with %s", async (_what, status, message, headers, expected) => {
  const { written } = await write(MISSING, [status, { message }, headers]);
  expect(written).toEqual({ ...expected, detail: `the API server answered ${status}: ${message}` });
});

test("a read that fails is no missing object", async () => {
  const { written, methods } = await write([500, { message: "etcd" }]);
  expect([written.result, methods]).toEqual(["failed", ["GET"]]);
});

test("what is no policy of a namespace is refused before it is sent", async () => {
  const { written, methods } = await write(MISSING, MADE, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x", namespace: "demo" } });
  expect([written.result, methods]).toEqual(["refused", []]);
});
