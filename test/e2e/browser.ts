import { chromium, type Browser, type Page } from "playwright-core";
import { existsSync } from "node:fs";

/** Where Debian, and others, put the browser. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser of this machine; undefined when it has none. */
export const browserPath = process.env["CHROMIUM"] ?? PLACES.find((path) => existsSync(path));

/** A real browser without a window, which asks nobody but the page's server. */
export function startBrowser(): Promise<Browser> {
  if (browserPath === undefined) throw new Error("no chromium on this machine: `apt-get install chromium`, or name it in CHROMIUM");
  return chromium.launch({
    executablePath: browserPath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** What a page did that it should not: complaints of the browser, and requests to anybody else. */
export interface Watched {
  readonly complaints: string[];
  readonly elsewhere: string[];
}

/** Writes down what a page complains of and whom it asks. */
export function watch(page: Page, origin: string): Watched {
  const watched: Watched = { complaints: [], elsewhere: [] };
  page.on("console", (message) => void (["error", "warning"].includes(message.type()) && watched.complaints.push(message.text())));
  page.on("pageerror", (error) => void watched.complaints.push(String(error)));
  page.on("request", (request) => void (!request.url().startsWith(origin) && !request.url().startsWith("data:") && watched.elsewhere.push(request.url())));
  return watched;
}
