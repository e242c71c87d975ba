import { describe, expect, it } from "vitest";
import { parseOverlay, type EnforcedEntry } from "../../src/packs/overlay.js";
import { compilePacks, type CompiledPacks } from "../../src/packs/compile.js";
import { parseProfile } from "../../src/packs/profile.js";
import { auditMutation, auditValidation, inAuditMode, isEnforced } from "../../src/review/audit-mode.js";
import { deletionOf, requestOf, userInfo } from "../../src/review/proposed.js";
import { reviewMutation, reviewValidation } from "../../src/review/review.js";
import { kfCluster, objectsInFolder } from "./world.js";

const now = 0;
const snapshot = kfCluster();

function packsWith(enforced: readonly EnforcedEntry[]): CompiledPacks {
  const profile = parseProfile({});
  const compiled = profile.ok ? compilePacks(objectsInFolder("policies").filter(({ kind }) => kind === "RulePack"), { settings: {}, profile: profile.value, enforced }) : profile;
  if (!compiled.ok) throw new Error(compiled.problems[0]?.message);
  return compiled.value;
}

const stored = [...snapshot.policies()].find(({ ref }) => ref.name === "allow-workload-identity" && ref.namespace === "space-closed")?.object;
if (!stored) throw new Error("the example cluster has no such policy");
const deletion = deletionOf(stored, userInfo("ann"));
const pod = requestOf({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "space-open", labels: { app: "x" } }, spec: { containers: [{ name: "main" }] } }, userInfo("ann"));
const decided = (enforced: readonly EnforcedEntry[], warns = false) => auditValidation(deletion, { snapshot, packs: packsWith(enforced), now }, { warns });

describe("a decision in mode audit", () => {
  it("refuses nothing, and tells what would be refused", () => {
    const decision = decided([]);
    expect(reviewValidation(deletion, { snapshot, packs: packsWith([]), now }).allowed).toBe(false);
    expect(decision.allowed).toBe(true);
    expect(decision.violations).toContainEqual(expect.objectContaining({ rule: "workload-identity", action: "dryrun", wouldDeny: true, message: expect.stringMatching(/^would be refused: Workload Identity of apps breaks/) }));
  });
  it("warns where somebody wants that", () => {
    expect(decided([], true).violations.filter(({ wouldDeny }) => wouldDeny).map(({ action }) => action)).toEqual(["warn"]);
  });
  it.each<readonly [boolean, EnforcedEntry]>([
    [false, { rules: ["kf/*"] }],
    [false, { rules: ["kf/workload-identity"], namespaces: ["space-*"] }],
    [true, { rules: ["kf/workload-identity"], namespaces: ["space-open"] }],
    [true, { rules: ["baseline/*"] }],
  ])("is allowed: %s, where %j is enforced", (allowed, entry) => {
    expect(decided([entry]).allowed).toBe(allowed);
  });
  it("keeps the code of a refusal only where it is one", () => {
    const refused = { ...reviewValidation(deletion, { snapshot, packs: packsWith([]), now }), code: 429 };
    expect(inAuditMode(refused, { request: deletion, enforced: [], warns: false })).not.toHaveProperty("code");
    expect(inAuditMode(refused, { request: deletion, enforced: [{ rules: ["*"] }], warns: false })).toEqual(refused);
  });
  it("changes no object but by rules that are enforced", () => {
    const context = (enforced: readonly EnforcedEntry[]) => ({ snapshot, packs: packsWith(enforced), now });
    const { patch } = reviewMutation(pod, context([]));
    expect(patch.length).toBe(1);
    expect(auditMutation(pod, context([])).patch).toEqual([]);
    expect(auditMutation(pod, context([{ rules: ["kf/pod-label"], namespaces: ["space-closed"] }])).patch).toEqual([]);
    expect(auditMutation(pod, context([{ rules: ["kf/pod-label"], namespaces: ["space-open"] }])).patch).toEqual(patch);
  });
  it("asks a list of namespaces of nothing that lies in none", () => {
    expect([isEnforced("a/b", undefined, [{ rules: ["*"], namespaces: ["*"] }]), isEnforced("a/b", undefined, [{ rules: ["a/*"] }])]).toEqual([false, true]);
  });
});

describe("what overlays enforce", () => {
  const overlay = (enforce: unknown) => parseOverlay({ apiVersion: "sluice.dev/v1alpha1", kind: "PackOverlay", metadata: { name: "o" }, spec: { enforce } });
  it("is rules, and namespaces", () => {
    const parsed = overlay([{ rules: ["kf/*"], namespaces: ["shop"] }]);
    expect(parsed.ok && parsed.value.enforced).toEqual([{ rules: ["kf/*"], namespaces: ["shop"] }]);
  });
  it.each([[[{ namespaces: ["shop"] }]], [[{ rules: [] }]], [[{ rules: ["a/b"], packs: ["a"] }]]])("is not %j", (enforce) => {
    expect(overlay(enforce).ok).toBe(false);
  });
});
