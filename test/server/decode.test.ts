import { describe, expect, test } from "vitest";
import { decode, decodeValue } from "../../src/server/decode.js";
import { DECODED, reviewOf, UID } from "./requests.js";

const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const problemsOf = (value: unknown) => {
  const decoded = decode(bytes(value));
  return decoded.ok ? [] : decoded.problems.map(({ code, path, message }) => `${code} ${path}: ${message}`);
};

describe("a request that can be read", () => {
  test("is read whole; null and unknown fields do not show", () => {
    expect(decode(bytes({ ...reviewOf({ unknown: [1], subResource: "" }), extra: {} }))).toEqual({ ok: true, request: DECODED });
  });

  test("A3: takes the name from oldObject, and from object, when the request has none", () => {
    const object = { apiVersion: "v1", kind: "Pod", metadata: { name: "second", namespace: "np1" } };
    const deleted = decodeValue(reviewOf({ name: undefined, namespace: "np1", operation: "DELETE", object: null, oldObject: object }));
    const created = decodeValue(reviewOf({ name: null, namespace: "np1", object }));
    expect(deleted).toMatchObject({ ok: true, request: { name: "second", oldObject: object } });
    expect(created).toMatchObject({ ok: true, request: { name: "second", namespace: "np1" } });
  });

  test("A3: has no name while the generated one is not known", () => {
    const object = { apiVersion: "v1", kind: "Pod", metadata: { generateName: "web-", creationTimestamp: null } };
    expect(decodeValue(reviewOf({ name: undefined, object }))).toMatchObject({ ok: true, request: { name: "" } });
  });

  test("takes the namespace of a review written by hand from the object", () => {
    const policy = reviewOf({ namespace: undefined });
    const namespace = reviewOf({ namespace: undefined, name: "blue", object: { apiVersion: "v1", kind: "Namespace", metadata: { name: "blue" } } });
    expect(decodeValue(policy)).toMatchObject({ request: { namespace: "demo" } });
    expect(decodeValue(namespace)).toMatchObject({ request: { namespace: "blue" } });
  });

  test("may lack user, groups and dryRun", () => {
    const decoded = decodeValue(reviewOf({ userInfo: null, dryRun: null }));
    expect(decoded).toMatchObject({ ok: true, request: { userInfo: { username: "", groups: [] }, dryRun: false } });
    expect(decodeValue(reviewOf({ userInfo: { username: "jane", groups: null } }))).toMatchObject({ ok: true });
  });

  test("has null lists in its metadata, and a null deletionTimestamp is no deletion", () => {
    const metadata = { name: "a", labels: null, annotations: null, ownerReferences: null, finalizers: null, deletionTimestamp: null, managedFields: null };
    const decoded = decodeValue(reviewOf({ object: { apiVersion: "v1", kind: "Pod", metadata } }));
    expect(decoded).toMatchObject({ ok: true, request: { object: { metadata: { name: "a" } } } });
    expect(decoded.ok && Object.keys(decoded.request.object?.metadata ?? {})).toEqual(["name"]);
  });

  test("has CONNECT options without metadata", () => {
    const object = { apiVersion: "v1", kind: "PodExecOptions", command: ["true"] };
    expect(decodeValue(reviewOf({ operation: "CONNECT", subResource: "exec", object }))).toMatchObject({ ok: true, request: { subResource: "exec", object: { metadata: {} } } });
  });

  test("has a key named __proto__ as a plain field", () => {
    const text = JSON.stringify(reviewOf()).replace('"podSelector":{}', '"__proto__":{"polluted":true}');
    expect(decode(bytes(text)).ok).toBe(true);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("may begin with a byte order mark", () => {
    expect(decode(Buffer.from(`\ufeff${JSON.stringify(reviewOf())}`)).ok).toBe(true);
  });
});

describe("a body that is no request", () => {
  test.each([
    ["", ["request/empty : the body is empty"]],
    ["null", ["request/wrong-type : must be an object, not nothing"]],
    ["[]", ["request/wrong-type : must be an object, not a list"]],
    ["{}", ["request/missing-field kind: is missing", "request/missing-field apiVersion: is missing", "request/missing-field request: is missing"]],
    ['{"request":', ["request/not-json : the body is not JSON: it ends too early, after 11 bytes"]],
    ["hello", ["request/not-json : the body is not JSON"]],
  ])("%j", (body, problems) => expect(problemsOf(body)).toEqual(problems));

  test("names what it has instead of the wanted kind and version, and keeps the uid", () => {
    const review = { ...reviewOf(), kind: "Review", apiVersion: "admission.k8s.io/v1beta1" };
    expect(problemsOf(review)).toEqual([
      "request/wrong-kind kind: must be `AdmissionReview`, not `Review`",
      "request/wrong-kind apiVersion: must be `admission.k8s.io/v1`, not `admission.k8s.io/v1beta1`",
    ]);
    expect(decodeValue(review)).toMatchObject({ ok: false, uid: UID });
  });

  test("is not UTF-8: the uid is read from its head", () => {
    const body = Buffer.concat([bytes(reviewOf()), Buffer.from([0xff])]);
    expect(decode(body)).toMatchObject({ ok: false, uid: UID, problems: [{ code: "request/not-utf8" }] });
  });

  test.each([[undefined, "is missing"], [null, "is missing"], ["", "is missing"], [7, "must be a string, not a number"]])("uid %j", (uid, message) => {
    const decoded = decodeValue(reviewOf({ uid }));
    expect(decoded).toEqual({ ok: false, problems: [{ code: message === "is missing" ? "request/missing-field" : "request/wrong-type", path: "request.uid", message }] });
  });

  test("has an object of another namespace than its own: the API server sends none", () => {
    const object = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "other" } };
    expect(problemsOf(reviewOf({ object }))).toEqual(["request/wrong-value request.object.metadata.namespace: is `other`, and the request is for namespace `demo`"]);
    expect(problemsOf(reviewOf({ operation: "DELETE", object: null, oldObject: object }))).toHaveLength(1);
  });

  test("has every wrong place named at once, and its uid", () => {
    const owner = { apiVersion: "v1", kind: "Pod", name: 3, uid: "u", controller: "yes" };
    const metadata = { name: 1, labels: { a: 2 }, annotations: [], ownerReferences: [owner, null], finalizers: "x" };
    const review = reviewOf({
      kind: { group: "", version: "", kind: 5 }, resource: null, name: {}, namespace: [], operation: "PATCH", subResource: 1,
      userInfo: { username: true, groups: ["a", 1] }, object: { kind: "Pod", metadata }, oldObject: "x", dryRun: "no",
    });
    const decoded = decodeValue(review);
    expect(decoded).toMatchObject({ ok: false, uid: UID });
    expect(decoded.ok || decoded.problems.map(({ path, message }) => `${path}: ${message}`).sort()).toEqual([
      "request.dryRun: must be true or false, not a string",
      "request.kind.kind: must be a string, not a number",
      "request.kind.version: is missing",
      "request.name: must be a string, not an object",
      "request.namespace: must be a string, not a list",
      "request.object.apiVersion: is missing",
      "request.object.metadata.annotations: must be an object, not a list",
      "request.object.metadata.finalizers: must be a list, not a string",
      'request.object.metadata.labels["a"]: must be a string, not a number',
      "request.object.metadata.name: must be a string, not a number",
      "request.object.metadata.ownerReferences[0].controller: must be true or false, not a string",
      "request.object.metadata.ownerReferences[0].name: must be a string, not a number",
      "request.object.metadata.ownerReferences[1]: must be an object, not nothing",
      "request.oldObject: must be an object, not a string",
      "request.operation: `PATCH` is none of CREATE, UPDATE, DELETE, CONNECT",
      "request.resource: is missing",
      "request.subResource: must be a string, not a number",
      "request.userInfo.groups[1]: must be a string, not a number",
      "request.userInfo.username: must be a string, not a boolean",
    ]);
  });

  test.each(["CREATE", "UPDATE"])("a %s without an object", (operation) => {
    expect(problemsOf(reviewOf({ operation, object: null }))).toEqual(["request/missing-field request.object: is missing"]);
  });

  test("a request that is a list, a text, a number", () => {
    for (const request of [[], "x", 7]) expect(decodeValue({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request })).toMatchObject({ ok: false, problems: [{ path: "request" }] });
  });

  test("a hundred thousand brackets deep", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(decode(bytes(JSON.stringify(reviewOf()).replace('"podSelector":{}', `"deep":${deep}`)))).toMatchObject({ ok: true });
    expect(decode(bytes("[".repeat(100_000)))).toMatchObject({ ok: false });
  });
});
