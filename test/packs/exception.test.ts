import { describe, expect, it } from "vitest";
import { endOf } from "../../src/model/instant.js";
import { formatProblem } from "../../src/model/result.js";
import { countStates, idlePatterns, isInScope, parseException, stateOf } from "../../src/packs/exception.js";
import { one } from "../rules/inline-pack.js";

const at = (text: string): number => Date.parse(text);
const spec = "owner: payments, reason: moving out, expires: 2027-01-31, rules: ['kf/*'], namespaces: [shop]";
const exception = (fields = spec, metadata = "name: x") => parseException(one(`{apiVersion: sluice.dev/v1alpha1, kind: PolicyException, metadata: {${metadata}}, spec: {${fields}}}`));
const problems = (fields: string, metadata?: string): string[] => exception(fields, metadata).problems.map(formatProblem);

describe("the end of a day and of a time (RFC 3339)", () => {
  it.each([
    ["2027-01-31", "2027-02-01T00:00:00Z"],
    ["2028-02-29", "2028-03-01T00:00:00Z"],
    ["2027-01-31T18:00:00Z", "2027-01-31T18:00:00Z"],
    ["2027-01-31t18:00:00.5z", "2027-01-31T18:00:00.5Z"],
    ["2027-01-31T18:00:00+02:00", "2027-01-31T16:00:00Z"],
  ])("%s", (text, instant) => expect(endOf(text)).toBe(at(instant)));
  it.each(["", "never", "2027-02-29", "2027-1-31", "31.1.2027", "2027-01-31T18:00:00", "2027-01-31T25:00:00Z", "2027-02-30T00:00:00Z", "2027-01-31 18:00:00Z", "99999-01-01"])("%s is none", (text) => expect(endOf(text)).toBeUndefined());
});

describe("what is refused", () => {
  it.each<[string, string, string[]]>([
    ["no owner", "reason: r, expires: 2027-01-31, rules: ['kf/*']", ["spec.owner: nobody answers for it: give its `owner`"]],
    ["a blank owner", "owner: ' ', reason: r, expires: 2027-01-31, rules: ['kf/*']", ["spec.owner: nobody answers for it: give its `owner`"]],
    ["an owner that is no text", "owner: 7, reason: r, expires: 2027-01-31, rules: ['kf/*']", ["spec.owner: nobody answers for it: give its `owner`"]],
    ["no reason", "owner: o, expires: 2027-01-31, rules: ['kf/*']", ["spec.reason: it says no `reason`"]],
    ["no end", "owner: o, reason: r, rules: ['kf/*']", ["spec.expires: it has no end: give `expires`"]],
    ["no date", "owner: o, reason: r, expires: soon, rules: ['kf/*']", ["spec.expires: `soon` is neither a date (`2027-01-31`) nor a time with its zone (`2027-01-31T18:00:00Z`)"]],
    ["no rule", "owner: o, reason: r, expires: 2027-01-31, rules: []", [expect.stringMatching(/^spec\.rules: must NOT have fewer than 1 items/) as string]],
    ["every rule there is", "owner: o, reason: r, expires: 2027-01-31, rules: ['*']", [expect.stringMatching(/^spec\.rules\[0\]: must match pattern/) as string]],
    ["a label selector", "owner: o, reason: r, expires: 2027-01-31, rules: ['kf/*'], matchLabels: {a: b}", ["spec.matchLabels: unknown field `matchLabels`"]],
    ["an empty list of namespaces, which would cover nothing", "owner: o, reason: r, expires: 2027-01-31, rules: ['kf/*'], namespaces: []", [expect.stringMatching(/^spec\.namespaces: must NOT have fewer/) as string]],
  ])("%s", (_what, fields, expected) => expect(problems(fields)).toEqual(expected));
  it("one that lies in a namespace: whoever may write there could except himself", () => {
    expect(problems(spec, "name: x, namespace: shop")).toEqual(["metadata.namespace: an exception lies in no namespace; list those that it is for in `spec.namespaces`"]);
  });
  it("a good one has no problem", () => expect(exception()).toMatchObject({ name: "x", owner: "payments", expires: "2027-01-31", problems: [], scope: { rules: ["kf/*"], namespaces: ["shop"] } }));
});

describe("state", () => {
  it.each([
    ["2026-12-01", "active"],
    ["2027-01-17T23:59:59Z", "active"],
    ["2027-01-18T00:00:01Z", "expiring"],
    ["2027-01-31T23:59:59Z", "expiring"],
    ["2027-02-01T00:00:00Z", "expired"],
  ])("at %s: %s", (now, state) => expect(stateOf(exception(), at(now))).toBe(state));
  it("refused, whatever the time", () => expect(stateOf(exception("owner: o"), 0)).toBe("refused"));
  it("is counted", () => {
    const all = [exception(), exception("owner: o"), exception(spec.replace("2027-01-31", "2026-01-01"))];
    expect(countStates(all, at("2027-01-30"))).toEqual({ active: 0, expiring: 1, expired: 1, refused: 1 });
  });
});

describe("scope: all that is given must fit", () => {
  const pod = { group: "", kind: "Pod", name: "web-1", namespace: "shop" };
  const user = { username: "jane", groups: ["devs"] };
  const offence = { rule: "kf/dns", namespace: "shop", object: pod, user };
  const inScope = (fields: string, more = {}): boolean => isInScope(exception(`owner: o, reason: r, expires: 2027-01-31, ${fields}`), { ...offence, ...more });
  it.each<[string, boolean, object?]>([
    ["rules: [kf/dns]", true],
    ["rules: ['kf/*']", true],
    ["rules: ['*/dns']", true],
    ["rules: [kf/d]", false],
    ["rules: [baseline/dns]", false],
    ["rules: ['kf/*'], namespaces: [shop]", true],
    ["rules: ['kf/*'], namespaces: ['sh*']", true],
    ["rules: ['kf/*'], namespaces: [shop2, sho]", false],
    ["rules: ['kf/*'], objects: [{kind: Pod, name: 'web-*'}]", true],
    ["rules: ['kf/*'], objects: [{kind: Pod}]", true],
    ["rules: ['kf/*'], objects: [{kind: Pod.apps}]", false],
    ["rules: ['kf/*'], objects: [{kind: NetworkPolicy, name: 'web-*'}]", false],
    ["rules: ['kf/*'], users: [jane]", true],
    ["rules: ['kf/*'], users: ['group:devs']", true],
    ["rules: ['kf/*'], users: [devs]", false],
    ["rules: ['kf/*'], namespaces: [shop], users: [joe]", false],
  ])("%s: %s", (fields, expected) => expect(inScope(fields)).toBe(expected));
  it("a user who is named like a group is not in it", () => expect(inScope("rules: ['kf/*'], users: ['group:devs']", { user: { username: "devs", groups: [] } })).toBe(false));
  it("with namespaces: nothing outside of any, and no namespace that does not exist yet", () => {
    const { namespace: _, ...nowhere } = offence;
    const everywhere = exception("owner: o, reason: r, expires: 2027-01-31, rules: ['kf/*'], namespaces: ['*']");
    expect(isInScope(everywhere, nowhere)).toBe(false);
    expect(isInScope(exception("owner: o, reason: r, expires: 2027-01-31, rules: ['kf/*']"), nowhere)).toBe(true);
  });
});

it("patterns that fit no rule are told", () => {
  const found = idlePatterns(exception(spec.replace("'kf/*'", "'kf/*', kf/dsn, 'base/*'")), ["kf/dns", "baseline/dns"]);
  expect(found.map(formatProblem)).toEqual(["spec.rules[1]: no pack in force has a rule `kf/dsn`; known are kf/dns, baseline/dns", "spec.rules[2]: no pack in force has a rule `base/*`; known are kf/dns, baseline/dns"]);
});
