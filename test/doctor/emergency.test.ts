import { expect, test } from "vitest";
import { GRADES, planFor, type Emergency } from "../../src/doctor/emergency.js";
import { lease, wanted } from "./healthy.js";

/** What is printed for somebody in a hurry; test/e2e/doctor.test.ts carries it out. */

const EMERGENCY: Emergency = {
  configurations: wanted(), lease: lease(1_000), certSecret: { namespace: "sluice-system", name: "sluice-certificates" }, hasExceptions: true, isExcepted: false,
  namespace: "shop", rules: "*/*", owner: "me", reason: "it burns", expires: "2026-11-28", at: "2026-11-21T12:00:00Z",
};
const notes = (emergency: Emergency) => GRADES.map((grade) => [grade, planFor(grade, emergency).notes.join("; ")] as const);

test("where nothing refuses anything, that is all that is said", () => {
  const nothing = notes({ ...EMERGENCY, configurations: [], lease: undefined });
  for (const [grade, said] of nothing) expect(said).toMatch(grade === "back" ? /^no replica keeps the webhook configurations: apply them/ : /^no webhook configuration of Sluice's is there: nothing of Sluice's refuses anything$/);
});

test("every way says how to come back: by the leader, or by hand where there is none", () => {
  for (const [grade, said] of notes(EMERGENCY)) expect(said).toContain(grade === "back" ? "the leader needs a moment" : "to come back: `sluice doctor --emergency --grade back --apply`");
  for (const [, said] of notes({ ...EMERGENCY, lease: undefined })) expect(said).toContain("`sluice webhooks --service NAMESPACE/NAME --ca-bundle FILE | kubectl apply -f -`");
});
