import { expect, test } from "vitest";
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
