import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { browserPath, startBrowser } from "./browser.js";
import { barriers, isDrawn, open, picture } from "./console-served.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { startProgram, type Program } from "./sluice.js";

/** In a cluster the API server says who may look at the console. */

describeWithCluster("the console in a cluster", (cluster) => {
  const certDir = mkdtempSync(join(tmpdir(), "sluice-login-"));
  let program: Program;
  let browser: Browser;
  let namespace: string;

  beforeAll(async () => {
    namespace = await cluster.freshNamespace("looking");
    await cluster.apply([
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "reader", namespace } },
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "stranger", namespace } },
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: namespace }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sluice-console-reader" }, subjects: [{ kind: "ServiceAccount", name: "reader", namespace }] },
    ]);
    program = await startProgram(cluster, { certDir, args: ["--own-namespace", "sluice-system"] });
    if (browserPath !== undefined || process.env["CI"] === "true") browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await program?.stop();
    await cluster.kubectl(["delete", "clusterrolebinding", namespace]);
    rmSync(certDir, { recursive: true, force: true });
  });

  const tokenOf = async (name: string): Promise<string> => (await cluster.kubectl(["create", "token", "-n", namespace, name])).stdout.trim();

  it("grants its questions to those whom the API server grants the paths, and its page to everybody", async () => {
    const asked = async (token: string | undefined): Promise<number> => (await program.get("/console/v1/namespaces", token === undefined ? {} : { authorization: `Bearer ${token}` })).status;
    expect([await asked(undefined), await asked("nonsense"), await asked(await tokenOf("stranger")), await asked(await tokenOf("reader"))]).toEqual([401, 401, 403, 200]);
    expect((await program.get("/")).status).toBe(200);
  });

  it.skipIf(browserPath === undefined && process.env["CI"] !== "true")("asks for a token, and keeps it in the page alone", async () => {
    const { page, watched } = await open(browser, program.url);
    const field = page.getByLabel("Bearer token");
    await field.fill("nonsense");
    await page.getByRole("button", { name: "Look" }).click();
    await page.getByRole("alert").filter({ hasText: "the server does not know this token" }).waitFor();
    expect(await barriers(page)).toEqual([]);
    await picture(page, "login");
    await field.fill(await tokenOf("reader"));
    await page.getByRole("button", { name: "Look" }).click();
    await isDrawn(page);
    await page.getByRole("link", { name: "Namespaces" }).click();
    await page.getByRole("link", { name: namespace, exact: true }).waitFor();
    expect(await page.evaluate<string>("JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie")).toBe("{}");
    expect(watched.elsewhere).toEqual([]);
    await page.reload();
    await field.waitFor();
    await page.context().close();
  });
});
