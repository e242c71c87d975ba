import { expect, test } from "vitest";
import { decisionRow, DecisionRing } from "../../src/server/decision-ring.js";
import type { Judged } from "../../src/server/decision-log.js";
import { DENIED } from "./decisions.js";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

function judged(name: string): Judged {
  const request: Judged["request"] = {
    uid: name, kind: { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy" }, resource: { group: "networking.k8s.io", version: "v1", resource: "networkpolicies" },
    name, namespace: "shop", operation: "DELETE", userInfo: { username: "dev", groups: [] }, dryRun: false,
    oldObject: { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, annotations: { note: "private" } } },
  };
  return { request, route: "validate", decision: DENIED, milliseconds: 1.234, versions: {} };
}

test("keeps decisions without what the objects hold", () => {
  const ring = new DecisionRing();
  ring.decided(decisionRow(judged("allow-dns"), NOW));
  const { rows, last } = ring.after(0);
  expect(last).toBe(1);
  expect(rows).toEqual([{
    number: 1, time: "2026-01-02T03:04:05.000Z", allowed: false, route: "validate", operation: "DELETE", kind: "NetworkPolicy.networking.k8s.io", name: "shop/allow-dns", user: "dev", dryRun: false,
    rules: [...new Set(DENIED.violations.map(({ pack, rule, action }) => `${pack}/${rule}=${action}`))], messages: DENIED.violations.map(({ message }) => message), milliseconds: 1.23,
  }]);
  expect(JSON.stringify(rows)).not.toContain("private");
});

test("forgets the oldest, and gives the newest", () => {
  const ring = new DecisionRing();
  for (let i = 1; i <= 700; i++) ring.decided(decisionRow(judged(`p${i}`), NOW));
  const { rows, last } = ring.after(0);
  expect([last, rows.length, rows[0]?.number, rows.at(-1)?.number]).toEqual([700, 200, 501, 700]);
  expect(ring.after(699).rows.map(({ number }) => number)).toEqual([700]);
});

test("wakes who waits for the next one", async () => {
  const ring = new DecisionRing();
  const waiting = ring.next(0, 60_000, new AbortController().signal);
  ring.decided(decisionRow(judged("one"), NOW));
  expect((await waiting).rows).toHaveLength(1);
});

test("lets go of who went away, and of everybody when it closes", async () => {
  const ring = new DecisionRing();
  const gone = new AbortController();
  const [first, second] = [ring.next(0, 60_000, gone.signal), ring.next(0, 60_000, new AbortController().signal)];
  gone.abort();
  expect(await first).toEqual({ rows: [], last: 0 });
  ring.close();
  expect(await second).toEqual({ rows: [], last: 0 });
  expect(await ring.next(0, 60_000, new AbortController().signal)).toEqual({ rows: [], last: 0 });
});
