import { describe, expect, test } from "vitest";
import { errored, malformed, respond } from "../../src/server/respond.js";
import { ALLOWED, DENIED, DNS } from "./decisions.js";

const TO = { uid: "u-1", mutating: false };
const envelope = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };
const PATCH = [{ op: "add", path: "/metadata/labels", value: { a: "b" } }] as const;

describe("allowed", () => {
  test("says no more than that", () => expect(respond(ALLOWED, TO)).toEqual({ ...envelope, response: { uid: "u-1", allowed: true } }));

  test("carries a patch from a mutating webhook only", () => {
    const decision = { ...ALLOWED, patch: PATCH };
    expect(respond(decision, { ...TO, mutating: true }).response).toEqual({ uid: "u-1", allowed: true, patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(PATCH)).toString("base64") });
    expect(respond(decision, TO).response).toEqual({ uid: "u-1", allowed: true });
  });

  test("warns of what is only warned, and tells the audit log", () => {
    const decision = { ...ALLOWED, violations: [{ ...DNS, action: "warn" as const }, { ...DNS, rule: "quiet", action: "dryrun" as const }], warnings: ["being set up"] };
    expect(respond(decision, { ...TO, annotations: { "packs/digest": "sha256:1" } }).response).toEqual({
      uid: "u-1",
      allowed: true,
      warnings: [
        "[baseline/dns] pods of namespace `demo` lose DNS (at `spec.egress[0]`): `demo/web` to `kube-system/dns` on UDP 53 (2 running pods affected)",
        "being set up",
      ],
      auditAnnotations: { warn: "baseline/dns", dryrun: "baseline/quiet", packs_digest: "sha256:1" },
    });
  });
});

describe("denied", () => {
  test("A8: has code, reason, message and every violation as a cause; never a patch", () => {
    const second = { ...DNS, rule: "default-deny", message: "second", path: "" };
    const { response } = respond({ ...DENIED, violations: [DNS, second], patch: PATCH }, { ...TO, mutating: true });
    expect(response).toEqual({
      uid: "u-1",
      allowed: false,
      status: {
        code: 403,
        reason: "Forbidden",
        message: expect.stringMatching(/^\[baseline\/dns\] pods of namespace `demo` lose DNS[^]*\[baseline\/default-deny\] second/),
        details: {
          causes: [
            { reason: "baseline/dns", field: "spec.egress[0]", message: "[baseline/dns] pods of namespace `demo` lose DNS (at `spec.egress[0]`): `demo/web` to `kube-system/dns` on UDP 53 (2 running pods affected)" },
            { reason: "baseline/default-deny", message: expect.stringContaining("second") },
          ],
        },
      },
      auditAnnotations: { deny: "baseline/dns,baseline/default-deny" },
    });
  });

  test("A9: with code 429 asks the client to come back", () => {
    expect(respond({ ...DENIED, code: 429 }, TO).response.status).toMatchObject({ code: 429, reason: "TooManyRequests", details: { retryAfterSeconds: 1, causes: [{}] } });
  });

  test("never without an explanation", () => expect(respond({ ...DENIED, violations: [] }, TO).response.status).toEqual({ code: 403, reason: "Forbidden", message: "refused" }));

  test("shows control characters of user input instead of sending them", () => {
    const message = "evil \u001b[31mred\u0007\u202e `a\r\nb\tc` \u009b";
    const { response } = respond({ ...DENIED, violations: [{ ...DNS, message, path: "a\u001b" }] }, TO);
    const text = JSON.stringify(response.status);
    expect(response.status?.details?.causes?.[0]?.message).toContain("evil \\x1b[31mred\\x07\\u202e `a b c` \\x9b");
    expect(response.status?.message).toContain("evil \\x1b[31mred\\x07\\u202e `a b c` \\x9b");
    expect(response.status?.details?.causes?.[0]?.field).toBe("a\\x1b");
    expect(text).not.toMatch(/\\u00[01]|\\u001b|\\t|\\r/);
  });
});

describe("warnings", () => {
  const warningsFor = (warnings: string[]) => respond({ ...ALLOWED, warnings }, TO).response.warnings;

  test("A13: no control character, none empty, none twice", () => {
    expect(warningsFor(["a\nb", " \n ", "tab\there", "esc\u001b", "a b"])).toEqual(["a b", "tab here", "esc\\x1b"]);
  });

  test("stay whole while the API server would send them whole", () => {
    const warnings = ["a".repeat(1_000), "b".repeat(3_096)];
    expect(warningsFor(warnings)).toEqual(warnings);
  });

  test("are cut below 256 characters once they are more than 4,096 together, and counted when some have no room", () => {
    const two = warningsFor(["a".repeat(4_000), "é".repeat(97)]);
    expect(two).toEqual([`${"a".repeat(252)}...`, "é".repeat(97)]);
    const many = warningsFor(Array.from({ length: 40 }, (_, index) => `${index} ${"x".repeat(300)}`)) ?? [];
    expect(many.every((line) => line.length < 256)).toBe(true);
    expect(many.join("").length).toBeLessThanOrEqual(4_096);
    expect(many.at(-1)).toBe(`${40 - (many.length - 1)} more warnings are not shown`);
    expect(many.length).toBeGreaterThan(15);
  });

  test("are cut between characters, not inside one", () => {
    const [first = ""] = warningsFor([`x${"😀".repeat(300)}`, "y".repeat(4_000)]) ?? [];
    expect([...first].length).toBe(255);
    expect(Buffer.from(first).toString()).toBe(first);
  });
});

describe("no decision", () => {
  const trouble = { code: 403, message: "an error\ninside" } as const;

  test("is a refusal with the reason, or an admission with a warning, by failure mode", () => {
    expect(errored("u-1", "Deny", trouble).response).toEqual({ uid: "u-1", allowed: false, status: { code: 403, reason: "Forbidden", message: "[sluice] an error inside" } });
    expect(errored("u-1", "Allow", trouble).response).toEqual({ uid: "u-1", allowed: true, warnings: ["[sluice] an error inside; admitted without a check"] });
  });

  test("A9: overload asks to come back", () => {
    expect(errored("u-1", "Deny", { code: 429, message: "busy" }).response.status).toEqual({ code: 429, reason: "TooManyRequests", message: "[sluice] busy", details: { retryAfterSeconds: 1 } });
  });

  test("names the first places of a body that cannot be read", () => {
    const problems = Array.from({ length: 7 }, (_, index) => ({ code: "x", path: `p${index}`, message: "wrong" }));
    expect(malformed(problems)).toEqual({ code: 400, message: "the AdmissionReview cannot be read: p0: wrong; p1: wrong; p2: wrong; p3: wrong; p4: wrong; and 2 more" });
  });
});
