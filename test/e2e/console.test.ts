import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startBrowser } from "./browser.js";
import { barriers, describeWithBrowser, isDrawn, open, picture, root, serveState, until, type Served } from "./console-served.js";

/** The console in a real browser, clicked through. */

const folder = mkdtempSync(join(tmpdir(), "sluice-console-"));

let browser: Browser;

const PAGES = [["Connectivity", "Connectivity"], ["Reach", "Can A reach B?"], ["Namespaces", "Namespaces"], ["What if", "What if?"], ["Audit", "Audit"], ["Decisions", "Decisions as they happen"], ["Rules", "Rules and exceptions in force"]] as const;

describeWithBrowser("the console in a browser", () => {
  let small: Served;
  const state = join(folder, "kf-cluster");

  beforeAll(async () => {
    cpSync(join(root, "examples/kf-cluster"), state, { recursive: true });
    browser = await startBrowser();
    small = await serveState(state);
  });
  afterAll(async () => {
    await small?.stop();
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([["light", 1280], ["dark", 1280], ["light", 400]] as const)("has pages that anybody can use, %s, %i wide", async (colorScheme, width) => {
    const { page, watched } = await open(browser, small.url, { colorScheme, viewport: { width, height: 800 } });
    for (const [link, heading] of PAGES) {
      await page.getByRole("navigation").getByRole("link", { name: link, exact: true }).click();
      await page.getByRole("heading", { level: 1, name: heading }).waitFor();
      if (link === "Connectivity") await isDrawn(page);
      if (link === "What if") await page.getByText("would be admitted").waitFor();
      await until(page, "document.querySelectorAll('.waiting').length === 0");
      expect(await barriers(page), link).toEqual([]);
      expect(await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth"), `${link} is too wide`).toBeLessThanOrEqual(0);
      await picture(page, `${link.toLowerCase().replace(" ", "-")}-${colorScheme}-${width}`);
    }
    expect(watched).toEqual({ complaints: [], elsewhere: [] });
    await page.context().close();
  });

  it("changes its colours, and keeps what was chosen", async () => {
    const { page } = await open(browser, small.url);
    const ground = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const light = await ground();
    await page.getByRole("button", { name: "dark theme" }).click();
    await page.getByRole("button", { name: "light theme" }).waitFor();
    const dark = await ground();
    expect(dark).not.toBe(light);
    await page.reload();
    await page.getByRole("button", { name: "light theme" }).waitFor();
    expect(await ground()).toBe(dark);
    await page.context().close();
  });

  it("unfolds a namespace, and tells what reaches it, by keyboard alone", async () => {
    const { page, watched } = await open(browser, small.url);
    await isDrawn(page);
    const graph = page.getByRole("application");
    await graph.focus();
    const seen = new Set<string>();
    for (let i = 0; i < 12 && !seen.has("space-closed, closed in both directions"); i++) {
      await page.keyboard.press("ArrowRight");
      seen.add(await page.getByRole("status").first().innerText());
    }
    expect([...seen]).toContain("space-closed, closed in both directions");
    const panel = page.getByRole("region", { name: "details of space-closed" });
    expect(await panel.getByRole("region", { name: "what reaches space-closed", exact: true }).innerText()).toContain("TCP 8080");
    // The picture of README and docs/console.md.
    await page.screenshot({ path: join(root, ".sluice/screenshots/console.png"), clip: { x: 0, y: 0, width: 1280, height: 750 } });
    await graph.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "space-closed/billing-7b5d" }).waitFor();
    await page.getByRole("button", { name: "Table" }).press("Enter");
    expect(await page.getByRole("region", { name: "who can reach whom" }).innerText()).toMatch(/space-closed\/billing-7b5d\s+kube-system\s+TCP 53, UDP 53/);
    await page.getByRole("button", { name: "Fold all" }).press("Enter");
    await page.getByLabel("Find a namespace").fill("space");
    await until(page, "!document.body.innerText.includes('kube-system')");
    expect(watched).toEqual({ complaints: [], elsewhere: [] });
    await page.context().close();
  });

  it("says whether A reaches B, as `sluice explain` does", async () => {
    const { page } = await open(browser, `${small.url}/#/reach`);
    await page.getByLabel("From").fill("space-closed/billing-7b5d-k8k2");
    await page.getByLabel("To").fill("kf/webhook-66c4");
    await page.getByLabel("Port").fill("8443");
    await page.keyboard.press("Enter");
    await page.getByText("isolated, and no rule allows it").first().waitFor();
    await page.getByText("as sluice explain prints it").click();
    const printed = spawnSync(process.execPath, ["dist/main.js", "explain", "examples/kf-cluster", "--from", "space-closed/billing-7b5d-k8k2", "--to", "kf/webhook-66c4", "--port", "8443"], { cwd: root, encoding: "utf8" }).stdout;
    // Files have lines, a cluster has not.
    expect(await page.locator("details pre").innerText()).toBe(printed.replace(/ \(examples[^)]*\)/g, ""));
    await page.getByLabel("To").fill("nobody/here");
    await page.getByRole("button", { name: "Ask" }).click();
    await page.getByRole("alert").filter({ hasText: "is no pod or workload" }).waitFor();
    await page.context().close();
  });

  it("shows a namespace: its baseline, its flows, its policies in words, who gets in", async () => {
    const { page } = await open(browser, `${small.url}/#/namespaces`);
    await page.getByRole("link", { name: "space-closed" }).click();
    await page.getByText("baseline/default-deny").waitFor();
    const text = await page.getByRole("main").innerText();
    for (const words of ["holds", "kf/ingress-gateway", "isolates them for ingress and allows none", "Who gets in", "asm-gateways", "169.254.169.252"]) expect(text).toContain(words);
    expect(await barriers(page)).toEqual([]);
    await picture(page, "namespace-light-1280");
    await page.context().close();
  });

  it("tries a policy before it is applied: what closes, what breaks, and the fix", async () => {
    const { page, watched } = await open(browser, `${small.url}/#/what-if?kind=NetworkPolicy.networking.k8s.io&namespace=space-closed&name=allow-dns`);
    await page.getByText("no traffic changes").waitFor();
    const ports = page.getByRole("group", { name: "egress rule 1" }).getByLabel("on ports");
    expect(await ports.inputValue()).toBe("UDP 53, TCP 53");
    await ports.fill("UDP 5353");
    await ports.press("Tab");
    await page.getByText("would be refused").waitFor();
    const editor = page.getByRole("textbox", { name: "policies as YAML" });
    expect(await editor.innerText()).toContain("port: 5353");
    const happens = page.getByRole("region", { name: "what would happen" });
    expect(await happens.innerText()).toMatch(/baseline\/dns[\s\S]*TCP 53, UDP 53\s+UDP 5353/);
    await picture(page, "what-if-refused");
    await page.getByRole("button", { name: "Add it and try again" }).click();
    await page.getByText("would be admitted").waitFor();
    expect(await page.getByRole("group", { name: "which document" }).getByRole("button").count()).toBeGreaterThan(1);
    expect(watched).toEqual({ complaints: [], elsewhere: [] });
    await page.context().close();
  });

  it("keeps picture, form and YAML in step", async () => {
    const { page } = await open(browser, `${small.url}/#/what-if`);
    await page.getByRole("button", { name: "Frontend to backend" }).click();
    await page.getByRole("img", { name: /policy frontend-to-backend for app=backend.*app=frontend, this namespace, TCP 8080/ }).waitFor();
    const editor = page.getByRole("textbox", { name: "policies as YAML" });
    await editor.click();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.insertText("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: typed, namespace: kf}\nspec:\n  podSelector: {}\n  policyTypes: [Egress]\n  egress:\n    - to: [{ipBlock: {cidr: 192.0.2.0/24}}]\n      ports: [{port: 443}]\n");
    await page.getByRole("img", { name: /policy typed for every pod of kf.*192.0.2.0\/24, addresses, TCP 443/ }).waitFor();
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("typed");
    await page.getByLabel("deny all other ingress").check();
    await until(page, "document.querySelector('.editor').shadowRoot.textContent.includes('[ Ingress, Egress ]')");
    await editor.click();
    await page.keyboard.press("ControlOrMeta+End");
    await page.keyboard.insertText("  broken: [");
    await page.getByRole("alert").waitFor();
    await page.context().close();
  });

  it("shows decisions as they are made", async () => {
    const { page } = await open(browser, `${small.url}/#/decisions`);
    await page.getByText("none yet").waitFor();
    const review = JSON.parse(readFileSync(join(root, "examples/reviews/delete-workload-identity.json"), "utf8")) as object;
    await send(`${small.url}/validate`, review);
    await page.getByRole("cell", { name: "denied" }).waitFor();
    const row = await page.getByRole("row").nth(1).innerText();
    expect(row).toMatch(/denied\s+DELETE\s+NetworkPolicy space-closed\//);
    expect(row).toContain("kf/workload-identity: deny");
    expect(await barriers(page)).toEqual([]);
    await page.context().close();
  });

  it("shows what broke behind its back", async () => {
    const { page } = await open(browser, `${small.url}/#/audit`);
    await page.getByText("nothing: every rule holds").waitFor();
    const file = join(state, "30-space-closed.yaml");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, before.split("\n---\n").filter((document) => !document.includes("name: allow-dns")).join("\n---\n"));
    const started = performance.now();
    await page.getByRole("region", { name: "newly broken" }).getByText("baseline/dns").waitFor();
    console.log(`a namespace broken behind its back is shown after ${Math.round(performance.now() - started)} ms`);
    await picture(page, "audit-broken");
    expect(await barriers(page)).toEqual([]);
    writeFileSync(file, before);
    await page.getByText("nothing: every rule holds").waitFor();
    await page.context().close();
  });
});

function send(url: string, body: object): Promise<void> {
  return new Promise((done, reject) => {
    const call = request(url, { method: "POST", rejectUnauthorized: false, headers: { "content-type": "application/json" } }, (response) => response.resume().on("end", () => done()));
    call.on("error", reject).end(JSON.stringify(body));
  });
}
