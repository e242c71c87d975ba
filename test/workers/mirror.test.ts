import { deserialize, serialize } from "node:v8";
import { afterEach, expect, test, vi } from "vitest";
import { LiveSnapshot } from "../../src/server/live-snapshot.js";
import { loadPacks } from "../../src/sources/packs.js";
import { Mirror } from "../../src/workers/mirror.js";
import type { ToWorker } from "../../src/workers/messages.js";

afterEach(() => void vi.useRealTimers());

/** As the channel between processes copies it. */
const copied = (told: ToWorker): ToWorker => deserialize(serialize(told)) as ToWorker;
const certificate = (fingerprint: string) => ({ certificate: "", key: "", notBefore: 0, notAfter: 0, fingerprint, throwAway: true });

test("compiles the packs that it is told of to the same rules", async () => {
  const loaded = await loadPacks({ packs: "policies", set: [{ name: "dataplane", value: "v2" }] }, [
    { apiVersion: "sluice.dev/v1alpha1", kind: "PolicyException", metadata: { name: "for-a-while" }, spec: { owner: "me", reason: "because", expires: "2099-01-01", rules: ["baseline/default-deny"], namespaces: ["shop"] } },
  ]);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { packs, source, digest } = loaded.value;
  const mirror = new Mirror(new LiveSnapshot(), () => undefined);
  expect(() => mirror.loaded).toThrow("internal");
  mirror.hear(copied({ packs: { ...source, digest } }));
  expect(mirror.loaded.digest).toBe(digest);
  expect(mirror.loaded.packs.rules.map(({ id }) => id)).toEqual(packs.rules.map(({ id }) => id));
  expect(mirror.loaded.packs.exceptions).toEqual(packs.exceptions);
  expect(mirror.loaded.packs.profile).toEqual(packs.profile);
});

test("is ready as the primary is, and not when that has fallen silent", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const mirror = new Mirror(new LiveSnapshot(), () => undefined);
  mirror.hear({ conditions: [{ name: "sync Pod", ok: false, detail: "" }] });
  expect(mirror.readiness().ready).toBe(false);
  mirror.hear({ conditions: [{ name: "sync Pod", ok: true, detail: "" }] });
  expect(mirror.readiness().ready).toBe(true);
  vi.advanceTimersByTime(11_000);
  expect(mirror.readiness()).toMatchObject({ ready: false, conditions: [{ ok: true }, { name: "told by the primary", ok: false, detail: "nothing for 11 s" }] });
  mirror.hear({ versions: {} });
  expect(mirror.readiness().ready).toBe(true);
});

test("applies changes in their order, and tells whoever waits for them", () => {
  const live = new LiveSnapshot();
  const seen: (string | undefined)[] = [];
  const mirror: Mirror = new Mirror(live, () => void seen.push(`${[...live.current.namespaces.keys()].join()} ${mirror.versions()["Namespace"]}`));
  mirror.hear({ changes: [{ put: { apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } } }], versions: { Namespace: "3" } });
  mirror.hear({ whole: true, versions: { Namespace: "4" } });
  mirror.hear({ changes: [{ remove: { group: "", kind: "Namespace", name: "a" } }], versions: { Namespace: "5" } });
  mirror.hear({ versions: {} });
  expect(seen).toEqual([" 3", "a 4", " 5", " undefined"]);
});

test("shows the newest certificate, also one that came before anybody listened", () => {
  const mirror = new Mirror(new LiveSnapshot(), () => undefined);
  mirror.hear({ certificate: certificate("one") });
  const shown: string[] = [];
  mirror.hear({ certificate: certificate("two") });
  mirror.start(({ fingerprint }) => void shown.push(fingerprint));
  mirror.hear({ certificate: certificate("three") });
  expect(shown).toEqual(["two", "three"]);
  expect(mirror.served.fingerprint).toBe("three");
});
