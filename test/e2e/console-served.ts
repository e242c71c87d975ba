import { AxeBuilder } from "@axe-core/playwright";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { describe } from "vitest";
import { browserPath, watch, type Watched } from "./browser.js";
import { freePorts } from "./free-ports.js";
import { waitFor } from "./wait-for.js";

/** What the tests of the console share. Pictures of its pages go to .sluice/screenshots. */

export const root = resolve(import.meta.dirname, "../..");
const pictures = join(root, ".sluice/screenshots");

/** Skipped without a browser; in CI that is a failure. */
export const describeWithBrowser = browserPath === undefined && process.env["CI"] !== "true" ? describe.skip : describe;

export interface Served {
  readonly url: string;
  stop(): Promise<void>;
}

/** A `sluice serve` on files. */
export async function serveState(state: string): Promise<Served> {
  const [port = 0] = await freePorts();
  const certDir = mkdtempSync(join(tmpdir(), "sluice-console-"));
  const args = ["dist/main.js", "serve", "--state", state, "--port", String(port), "--cert-dir", certDir];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await waitFor(`sluice to serve ${state}`, async () => said.includes("console: "), 30_000);
  return { url: `https://127.0.0.1:${port}`, stop: () => ended(child).finally(() => rmSync(certDir, { recursive: true, force: true })) };
}

async function ended(child: ChildProcess): Promise<void> {
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill("SIGKILL");
  await exited;
}

export interface Opened {
  readonly page: Page;
  readonly watched: Watched;
}

/** A page that nobody has seen before. */
export async function open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, colorScheme: "light", reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const watched = watch(page, new URL(url).origin);
  await page.goto(url);
  return { page, watched };
}

/** What axe finds that keeps people out. */
export async function barriers(page: Page): Promise<readonly string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary ?? ""}`));
}

/** A picture of what is on the screen, for people. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/** The graph is on the screen. */
export async function isDrawn(page: Page): Promise<void> {
  await until(page, "performance.getEntriesByName('picture').length > 0");
}

/** Waits for an expression to be true in the page; by the debugger's hand, because the page's policy lets no page evaluate text. */
export async function until(page: Page, expression: string): Promise<void> {
  await waitFor(expression, () => page.evaluate<boolean>(expression));
}
