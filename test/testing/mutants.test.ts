import { describe, expect, it } from "vitest";
import { mutantsOf } from "../../src/testing/mutants.js";
import { objectsIn } from "../review/world.js";

function mutants(spec: string) {
  const [pack] = objectsIn(`{apiVersion: sluice.dev/v1alpha1, kind: RulePack, metadata: {name: p}, spec: ${spec}}`);
  return mutantsOf(pack as NonNullable<typeof pack>);
}

const told = (spec: string): string[] => mutants(spec).map(({ operator, path, change }) => `${operator} ${path}: ${change}`);

describe("mutantsOf", () => {
  it("changes one thing at a time and leaves the rest as it was", () => {
    const spec = "{rules: [{id: a, check: c, enforcementAction: deny, with: {ports: [53/UDP]}}]}";
    const [pack] = objectsIn(`{apiVersion: sluice.dev/v1alpha1, kind: RulePack, metadata: {name: p}, spec: ${spec}}`);
    const port = mutants(spec).find(({ operator, change }) => operator === "port" && change.includes("54"));
    expect(port).toMatchObject({ pack: "p", rule: "p/a", path: "spec.rules[0].with.ports[0]", change: "`53/UDP` becomes `54/UDP`" });
    expect(JSON.stringify(port?.object)).toBe(JSON.stringify(pack).replace("53/UDP", "54/UDP"));
  });
  it("names actions, operators, protocols, switches, numbers and names", () => {
    expect(told("{rules: [{id: a, enforcementAction: deny, hold: warn, match: {operations: [CREATE]}}]}")).toEqual([
      "drop spec.rules[0]: `a` is left out",
      "action spec.rules[0].enforcementAction: `deny` becomes `warn`",
      "action spec.rules[0].enforcementAction: `deny` becomes `off`",
      "drop spec.rules[0].hold: `warn` is left out",
      "action spec.rules[0].hold: `warn` becomes `deny`",
      "action spec.rules[0].hold: `warn` becomes `off`",
      "drop spec.rules[0].match: `{\"operations\":[\"CREATE\"]}` is left out",
      "drop spec.rules[0].match.operations: `[\"CREATE\"]` is left out",
      "drop spec.rules[0].match.operations[0]: `CREATE` is left out",
    ]);
    const namespaces = told("{namespaces: {a: {exempt: false, matchExpressions: [{key: k, operator: In, values: [v]}]}}}");
    expect(namespaces).toContain("flip spec.namespaces.a.exempt: `false` becomes `true`");
    expect(namespaces).toContain("opposite spec.namespaces.a.matchExpressions[0].operator: `In` becomes `NotIn`");
    expect(namespaces).toContain("text spec.namespaces.a.matchExpressions[0].key: `k` becomes `k-other`");
  });
  it("leaves texts, and what no request shows, alone", () => {
    expect(told("{description: d, failureMode: Deny, unproven: $(params.u), watches: [{kind: A}], parameters: {u: {type: string, enum: [a, b], default: a, description: d}}}")).toEqual([]);
  });
  it("changes the default of a parameter that something reads", () => {
    expect(told("{parameters: {u: {type: string, enum: [a, b], default: a, description: d}}, exemptNamespaces: [$(params.u)]}")).toContain("default spec.parameters.u.default: `a` becomes `b`");
  });
});
