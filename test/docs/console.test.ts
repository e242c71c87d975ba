import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { Snapshot } from "../../src/model/snapshot.js";
import { consoleOf } from "../../src/commands/serve-console.js";
import type { ConsoleSubject } from "../../src/commands/serve-console.js";

const page = readFileSync(resolve(import.meta.dirname, "../../docs/console.md"), "utf8");

test("docs/console.md names every question of the API, and no other", () => {
  const { answers } = consoleOf({ live: { current: Snapshot.EMPTY } } as unknown as ConsoleSubject);
  const table = page.slice(page.indexOf("| path |"), page.indexOf("One answer is worked on"));
  const told = [...table.matchAll(/`(?:GET |POST )?\/(?:console\/v1\/)?([a-z-]+)/g)].map(([, name]) => name);
  expect([...new Set(told)].sort()).toEqual([...Object.keys(answers.get), ...Object.keys(answers.post)].sort());
});

test("who may read the console may ask all of its questions", () => {
  const { answers } = consoleOf({ live: { current: Snapshot.EMPTY } } as unknown as ConsoleSubject);
  const rights = readFileSync(resolve(import.meta.dirname, "../../deploy/base/rbac.yaml"), "utf8");
  const asked = new Set([...rights.matchAll(/\/console\/v1\/([a-z-]+)/g)].map(([, name]) => name));
  expect([...asked].sort()).toEqual([...Object.keys(answers.get), ...Object.keys(answers.post)].sort());
});
