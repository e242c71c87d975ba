import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import request from "supertest";
import { describe, expect, test } from "vitest";
import { decode } from "../../src/server/decode.js";
import { smallApp } from "./small-app.js";

const folder = fileURLToPath(new URL("../../../shared/conformance/admission/reviews", import.meta.url));
const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")) : [];

describe.runIf(files.length > 0)("recorded reviews", () => {
  const app = smallApp();

  test("are all there", () => expect(files.length).toBeGreaterThanOrEqual(83));

  test.each(files)("%s is answered without an error, with its uid", async (file) => {
    const body = readFileSync(`${folder}/${file}`);
    const recorded = JSON.parse(body.toString()) as { request: { uid: string; name?: string; operation: string; object: unknown; oldObject: unknown } };
    const path = file.endsWith(".mutating.json") ? "/mutate?timeout=10s" : "/validate?timeout=10s";
    const answer = await request(app).post(path).set("content-type", "application/json").send(body.toString());
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid: recorded.request.uid, allowed: true } });
    expect(answer.body.response).not.toHaveProperty("warnings");
  });

  test.each(files)("%s loses nothing when it is decoded", (file) => {
    const body = readFileSync(`${folder}/${file}`);
    const { request: recorded } = JSON.parse(body.toString()) as { request: Record<string, unknown> };
    const decoded = decode(body);
    if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
    const { uid, operation, kind, resource, dryRun, object, oldObject, namespace, subResource } = decoded.request;
    expect({ uid, operation, kind, resource, dryRun, namespace, subResource }).toEqual(
      { uid: recorded["uid"], operation: recorded["operation"], kind: recorded["kind"], resource: recorded["resource"], dryRun: recorded["dryRun"], namespace: recorded["namespace"], subResource: recorded["subResource"] });
    expect(object?.["spec"]).toEqual((recorded["object"] as Record<string, unknown> | null)?.["spec"]);
    expect(oldObject?.metadata.labels).toEqual((recorded["oldObject"] as { metadata?: { labels?: unknown } } | null)?.metadata?.labels);
  });
});

if (files.length === 0) test.skip(`recorded reviews are not here: ${folder}`);
