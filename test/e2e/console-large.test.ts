import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startBrowser } from "./browser.js";
import { writeCluster } from "./console-cluster.js";
import { describeWithBrowser, isDrawn, open, picture, serveState, type Served } from "./console-served.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-console-large-"));

describeWithBrowser("the console of 2,000 pods", () => {
  let large: Served;
  let browser: Browser;

  beforeAll(async () => {
    writeCluster(folder, { namespaces: 40, pods: 50 });
    browser = await startBrowser();
    large = await serveState(folder);
  });
  afterAll(async () => {
    await large?.stop();
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("draws at most 300 nodes, and says how soon", async () => {
    const { page, watched } = await open(browser, large.url);
    await isDrawn(page);
    const first = await page.evaluate<number>("performance.getEntriesByName('picture')[0].startTime");
    const hint = await page.getByText(/pods, .* policies/).innerText();
    expect(hint).toContain("41 namespaces, 2,001 pods");
    await picture(page, "connectivity-2000-pods");
    const times = await clickTimes(page);
    times.sort((a, b) => a - b);
    const p95 = times[Math.floor(times.length * 0.95)] ?? 0;
    console.log(`2,000 pods: first picture after ${Math.round(first)} ms; click to repaint p95 ${p95} ms of ${times.length} clicks`);
    expect(times.length).toBeGreaterThan(20);
    expect(watched).toEqual({ complaints: [], elsewhere: [] });
    await page.context().close();
  });
});

/** How long from a click in the picture to the next one on the screen, as the browser itself measures it (Event Timing, rounded to 8 ms). */
async function clickTimes(page: Page): Promise<number[]> {
  await page.evaluate(`
    window.times = [];
    const clicks = ({ name }) => name === "pointerdown" || name === "pointerup" || name === "click";
    new PerformanceObserver((list) => window.times.push(...list.getEntries().filter(clicks).map(({ duration }) => duration))).observe({ type: "event", durationThreshold: 16 });
  `);
  const box = await page.getByRole("application").boundingBox();
  if (!box) throw new Error("no picture");
  for (let i = 0; i < 40; i++) {
    await page.mouse.click(box.x + box.width * (0.15 + 0.7 * ((i * 7) % 10) / 10), box.y + box.height * (0.15 + 0.7 * (Math.floor(i / 4) / 10)));
    await page.waitForTimeout(120);
  }
  return page.evaluate<number[]>("window.times");
}
