import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLog } from "../../src/log.js";
import { keptLog } from "./small-app.js";

test("an event is one JSON line with its time", () => {
  const { log, text, lines } = keptLog();
  log.info({ uid: "u-1", name: "a\nb\u001b" }, "decision");
  log.error({ err: new Error("no") }, "failed");
  expect(text().split("\n").length).toBe(3);
  expect(lines()).toMatchObject([{ level: "info", uid: "u-1", name: "a\nb\u001b", msg: "decision", time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) }, { level: "error", err: { message: "no" }, msg: "failed" }]);
  expect(text()).not.toContain("\u001b");
});

test("what nobody should log is dropped all the same", () => {
  const { log, text } = keptLog();
  log.info({ token: "hunter2", key: "hunter2", object: { a: "hunter2" }, request: { object: "hunter2", oldObject: ["hunter2"], authorization: "hunter2" }, kept: 1 }, "event");
  expect(text()).not.toContain("hunter2");
  expect(text()).toContain('"kept":1');
});

test("what nobody reads is lost past 8 MiB, and told when it is read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-log-"));
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  // Both ends: neither opening nor writing waits for the other one.
  const fd = openSync(pipe, constants.O_RDWR);
  const log = createLog({ fd });
  const LINES = 40_000;
  for (let line = 0; line < LINES; line++) log.info({ line, text: "x".repeat(250) }, "decision");
  const reader = await open(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  let text = "";
  for (const part = Buffer.alloc(65_536); !text.includes('"lost"'); ) {
    const { bytesRead } = await reader.read(part).catch(() => ({ bytesRead: 0 }));
    text += part.toString("latin1", 0, bytesRead);
    if (bytesRead === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await reader.close();
  closeSync(fd);
  rmSync(folder, { recursive: true });
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line) as { readonly msg: string; readonly lost?: number });
  expect(text.length).toBeLessThan(9 * 1_024 * 1_024);
  expect(lines.at(-1)).toMatchObject({ level: "warn", lost: LINES - (lines.length - 1) });
});
