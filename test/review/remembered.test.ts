import { expect, test } from "vitest";
import { remembering } from "../../src/review/remembered.js";
import { reviewValidation } from "../../src/review/review.js";
import { kfCluster, objectsInFolder, request, shippedPacks } from "./world.js";

const dns = objectsInFolder("examples/kf-cluster").find(({ metadata: { name, namespace } }) => name === "allow-dns" && namespace === "space-closed");
if (!dns) throw new Error("the example has no DNS policy");
const exception = { name: "one", owner: "a@example.com", reason: "r", expires: "2026-11-03T00:00:00Z", ends: Date.parse("2026-11-03T00:00:00Z"), scope: { rules: ["*"] }, becomes: "warn" as const, problems: [] };
const packs = { ...shippedPacks(), exceptions: [exception] };
const [before, end] = [exception.ends - 1, exception.ends];
const deletion = request("DELETE", dns);

test("asked again about the same parts, it answers with what it knows, until something that counts is another one", () => {
  let made = 0;
  const known = remembering((asked, context) => (made++, reviewValidation(asked, context)));
  const snapshot = kfCluster();
  const ask = (changes: object, context: object) => known({ ...deletion, ...changes }, { snapshot, packs, now: end, ...context });
  const refused = ask({}, {});
  expect(refused.allowed).toBe(false);
  expect([ask({ uid: "v" }, {}), ask({}, { now: end + 1e9 }), made]).toEqual([refused, refused, 1]);
  expect(ask({ dryRun: true }, {})).toEqual(refused);
  expect(ask({}, { fixes: false }).violations.map(({ fix }) => fix)).toEqual(refused.violations.map(() => undefined));
  expect(made).toBe(3);
  expect(ask({}, { now: before }).allowed).toBe(true);
  expect(ask({}, {}).allowed).toBe(false);
  expect(ask({}, { packs: { ...packs, rules: [] } }).allowed).toBe(true);
  expect(ask({}, { snapshot: snapshot.with([{ remove: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "space-closed", name: "default-deny" } }]) })).not.toEqual(refused);
  expect(made).toBe(7);
});

test("a request without an object is decided each time", () => {
  let made = 0;
  const known = remembering((asked, context) => (made++, reviewValidation(asked, context)));
  const { oldObject: _none, ...bare } = deletion;
  for (const _ of [1, 2]) known(bare, { snapshot: kfCluster(), packs, now: end });
  expect(made).toBe(2);
});
