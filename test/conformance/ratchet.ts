import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Known failures: family, then case, then why it cannot pass: a U number or how the upstream case deviates. */
export type Ratchet = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** At most this part of a family may be listed; more only where every entry is an upstream case that contradicts the specification. */
const SHARE = 0.03;
const CONTRADICTED: Readonly<Record<string, number>> = { packets: 4 };

export const ratchet = JSON.parse(readFileSync(join(import.meta.dirname, "ratchet.json"), "utf8")) as Ratchet;

/** One test per case. A listed case must fail: when it passes, its entry has to go. */
export function runRatcheted<T extends { readonly name: string }>(family: string, cases: readonly T[], check: (item: T) => void): void {
  const listed = ratchet[family] ?? {};
  test.each(cases.map((item) => [item.name, item] as const))("%s", (name, item) => {
    if (!Object.hasOwn(listed, name)) return check(item);
    expect(() => check(item), `${family}/${name} is listed in ratchet.json (${listed[name]}) but passes: remove the entry`).toThrow();
  });
  test("the ratchet lists cases that exist, few, each with a reason", () => {
    const names = new Set(cases.map(({ name }) => name));
    expect(Object.keys(listed).filter((name) => !names.has(name))).toEqual([]);
    expect(Object.values(listed).filter((reason) => !/\bU\d+\b|upstream/.test(reason))).toEqual([]);
    expect(Object.keys(listed).length).toBeLessThanOrEqual(CONTRADICTED[family] ?? Math.floor(cases.length * SHARE));
  });
}
