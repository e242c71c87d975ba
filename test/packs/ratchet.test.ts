import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { formatProblem } from "../../src/model/result.js";
import type { RulePack } from "../../src/packs/pack.js";
import { parsePack } from "../../src/packs/parse.js";
import { parseProfile } from "../../src/packs/profile.js";
import { weakenings } from "../../src/packs/ratchet.js";
import { one } from "../rules/inline-pack.js";

const RULE = "{id: open, check: forbid-allow-all, enforcementAction: warn, match: {namespaces: mine}}";

function pack(rules: string, more = ""): RulePack {
  const object = one(`{apiVersion: sluice.dev/v1alpha1, kind: RulePack, metadata: {name: p}, spec: {rollout: monotonic, namespaces: {mine: {names: [a]}}, exemptNamespaces: [x], rules: [${rules}], ${more}}}`) as KubeObject;
  const profile = parseProfile({});
  const parsed = parsePack(object, {}, profile.ok ? profile.value : {});
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join());
  return parsed.value.pack;
}

const weaker = (after: RulePack[], before = pack(RULE)): string[] => weakenings([before], after).map(formatProblem);

describe("the ratchet", () => {
  it.each([
    ["nothing", pack(RULE)],
    ["another rule", pack(`${RULE}, {id: more, check: forbid-allow-all, enforcementAction: deny}`)],
    ["another order", pack(`{id: more, check: forbid-allow-all, enforcementAction: deny}, ${RULE}`)],
    ["a stronger action", pack(RULE.replace("warn", "deny"))],
    ["a hold", pack(RULE.replace("warn,", "warn, hold: deny,"))],
    ["better words", pack(RULE.replace("warn,", "warn, description: d, message: m, remediation: r, link: 'https://example.com/l',"))],
    ["one exempt namespace fewer", pack(RULE, "exemptNamespaces: []".replace("exemptNamespaces", "description: x, provisions"))],
  ])("lets pass %s", (_, after) => expect(weaker([after])).toEqual([]));

  it.each([
    ["a rule less", pack(""), "spec.rules: rule `open` is taken away"],
    ["a weaker action", pack(RULE.replace("warn", "dryrun")), "spec.rules[0].enforcementAction: rule `open` does less: `enforcementAction` from `warn` to `dryrun`"],
    ["a condition", pack(RULE.replace("namespaces: mine", "namespaces: mine, conditions: ['true']")), "spec.rules[0].match: rule `open` asks something else: `match` changes"],
    ["another check", pack(RULE.replace("forbid-allow-all", "forbid-anomaly")), "spec.rules[0].check: rule `open` asks something else: `check` changes"],
    ["other errors", pack(RULE, "failureMode: Allow"), "spec.failureMode: errors are admitted from now on"],
    ["an exemption", pack(RULE, "exemptions: [{rules: ['*'], becomes: 'off', match: {kinds: [Pod]}}]"), "spec.exemptions[0]: an exemption is added or changed"],
  ])("tells of %s", (_, after, problem) => expect(weaker([after])).toEqual([problem]));

  it("tells of the pack that goes, and of a ratchet that is let go", () => {
    expect(weaker([])).toEqual(["pack `p` is taken away"]);
    const free = pack(RULE);
    expect(weaker([{ ...free, spec: { ...free.spec, rollout: "free" } }])).toEqual(["spec.rollout: `rollout` is no longer `monotonic`"]);
    expect(weaker([], { ...free, spec: { ...free.spec, rollout: "free" } })).toEqual([]);
  });

  it("counts rules of one id one by one, and what their names stand for", () => {
    const before = pack(`${RULE}, ${RULE.replace("warn", "deny")}`);
    expect(weaker([pack(RULE)], before)).toEqual(["spec.rules: rule `open` is taken away"]);
    const free = pack(RULE);
    expect(weaker([{ ...free, spec: { ...free.spec, namespaces: { mine: { names: [] } }, exemptNamespaces: ["x", "y"] } }])).toEqual(["spec.namespaces.mine: what `mine` stands for changes", "spec.exemptNamespaces: namespace `y` becomes exempt"]);
  });
});
