import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import request from "supertest";
import { afterAll, describe, expect, test } from "vitest";
import { failed, ok } from "../../src/model/result.js";
import type { ConsoleAnswers } from "../../src/server/console.js";
import { ConsoleAssets } from "../../src/server/console-assets.js";
import { byToken, type Access } from "../../src/server/access.js";
import { smallApp } from "./small-app.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-console-"));
writeFileSync(join(folder, "index.html"), "<!doctype html><title>Sluice</title>");
writeFileSync(join(folder, "main-ABCDEFGH.js"), "export {};");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const answers: ConsoleAnswers = {
  get: {
    about: async (query) => ok({ asked: query.get("name") }),
    busy: async () => undefined,
    wrong: async () => failed({ code: "use/x", path: "", message: "`x` is no end" }),
  },
  post: { "what-if": async (body) => ok({ body: body as object }) },
};

function app(access?: Access) {
  return smallApp({ console: async () => ({ answers, assets: new ConsoleAssets(folder) }), ...(access && { access }) });
}

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

describe("the page", () => {
  test("is sent with a policy that lets nothing in from elsewhere", async () => {
    const { status, headers, text } = await request(app()).get("/");
    expect({ status, text, type: headers["content-type"] }).toEqual({ status: 200, text: "<!doctype html><title>Sluice</title>", type: "text/html; charset=utf-8" });
    expect(headers).toMatchObject({ "content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cross-origin-opener-policy": "same-origin", "x-frame-options": "DENY", "cache-control": "no-cache" });
  });

  test("is not sent again when it is known", async () => {
    const { headers } = await request(app()).get("/");
    expect((await request(app()).get("/").set("if-none-match", String(headers["etag"]))).status).toBe(304);
  });

  test("keeps files for ever whose names say their content", async () => {
    const { headers } = await request(app()).get("/main-ABCDEFGH.js");
    expect(headers).toMatchObject({ "cache-control": "max-age=31536000, immutable", "content-type": "text/javascript; charset=utf-8", "content-encoding": "gzip", "content-security-policy": POLICY });
  });

  test("has no other files", async () => {
    for (const path of ["/package.json", "/../package.json", "/%2e%2e/package.json", "/main.js"]) expect((await request(app()).get(path)).status).toBe(404);
  });

  test("is for those who may look, and for those who have not said yet who they are", async () => {
    expect((await request(app(async () => 401)).get("/")).status).toBe(200);
    expect((await request(app(async () => 403)).get("/")).status).toBe(403);
  });
});

describe("the console", () => {
  test("is made when somebody asks for it first, once for all, and again when that went wrong", async () => {
    let made = 0;
    const served = smallApp({
      console: async () => {
        made += 1;
        if (made === 1) throw new Error("too many open files");
        return { answers, assets: new ConsoleAssets(folder) };
      },
    });
    await request(served).get("/readyz");
    expect(made).toBe(0);
    expect(await request(served).get("/")).toMatchObject({ status: 500, body: { error: "internal error" } });
    const pages = await Promise.all([request(served).get("/"), request(served).get("/console/v1/about")]);
    expect([made, ...pages.map(({ status }) => status)]).toEqual([2, 200, 200]);
  });
});

describe("questions", () => {
  test("are answered as JSON that nobody keeps", async () => {
    const { status, headers, body } = await request(app()).get("/console/v1/about?name=a%26b");
    expect({ status, body }).toEqual({ status: 200, body: { asked: "a&b" } });
    expect(headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store", "content-security-policy": POLICY });
  });

  test("that are wrong are told so", async () => {
    expect(await request(app()).get("/console/v1/wrong")).toMatchObject({ status: 400, body: { error: "`x` is no end" } });
    expect(await request(app()).get("/console/v1/nothing")).toMatchObject({ status: 404, body: { error: "not found", path: "/console/v1/nothing" } });
    expect(await request(app()).post("/console/v1/about")).toMatchObject({ status: 405, body: { allow: ["GET"] } });
  });

  test("wait for another moment when there are too many", async () => {
    expect(await request(app()).get("/console/v1/busy")).toMatchObject({ status: 429 });
  });

  test("need a token that the API server grants the path", async () => {
    const asked: string[] = [];
    const access = byToken(async (token, path) => {
      asked.push(`${token} ${path}`);
      return token === "reader" ? "granted" : 403;
    });
    expect(await request(app(access)).get("/console/v1/about")).toMatchObject({ status: 401, headers: { "www-authenticate": "Bearer" } });
    expect(await request(app(access)).get("/console/v1/about").set("authorization", "Bearer other")).toMatchObject({ status: 403 });
    expect(await request(app(access)).get("/console/v1/about?name=x").set("authorization", "Bearer reader")).toMatchObject({ status: 200 });
    expect(await request(app(access)).post("/console/v1/what-if").send({})).toMatchObject({ status: 401 });
    expect(asked).toEqual(["other /console/v1/about", "reader /console/v1/about"]);
  });

  test("of other sites are not answered", async () => {
    expect(await request(app()).get("/console/v1/about").set("sec-fetch-site", "cross-site")).toMatchObject({ status: 403, body: { error: "another site asked" } });
    expect(await request(app()).get("/console/v1/about").set("sec-fetch-site", "same-site")).toMatchObject({ status: 403 });
    expect(await request(app()).post("/console/v1/what-if").set("origin", "https://elsewhere.example").send({})).toMatchObject({ status: 403 });
    expect(await request(app()).get("/console/v1/about").set("sec-fetch-site", "same-origin")).toMatchObject({ status: 200 });
  });
});

describe("long questions", () => {
  test("are JSON of a megabyte at most", async () => {
    expect(await request(app()).post("/console/v1/what-if").send({ apply: [] })).toMatchObject({ status: 200, body: { body: { apply: [] } } });
    expect(await request(app()).post("/console/v1/what-if").set("content-type", "text/plain").send("{}")).toMatchObject({ status: 415 });
    expect(await request(app()).post("/console/v1/what-if").set("content-type", "application/json").send("{")).toMatchObject({ status: 400 });
    expect(await request(app()).post("/console/v1/what-if").set("content-type", "application/json").send(`"${"x".repeat(1024 * 1024)}"`)).toMatchObject({ status: 413 });
    expect(await request(app()).get("/console/v1/what-if")).toMatchObject({ status: 405, body: { allow: ["POST"] } });
  });
});
