import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { toPolicy } from "../../src/dialects/index.js";
import { endpointOf } from "../../src/engine/endpoints.js";
import { evaluate } from "../../src/engine/evaluate.js";
import { trafficPoint, type Protocol } from "../../src/model/traffic.js";
import { conformanceFile, describeFamily, readExpected, readSnapshot, readYaml } from "./cases.js";

interface Query {
  readonly src: string;
  readonly dst: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly allowed: boolean;
  readonly egressAllowed?: boolean;
  readonly ingressAllowed?: boolean;
}

describeFamily("walkthroughs", ({ folder }) => {
  const snapshot = readSnapshot(folder);
  const { queries } = readExpected<{ queries: readonly Query[] }>(folder);
  for (const { src: from, dst: to, protocol, port, allowed, egressAllowed, ingressAllowed } of queries) {
    const [src, dst] = [endpointOf(snapshot, from), endpointOf(snapshot, to)];
    if (!src || !dst) throw new Error(`no such end: ${from}, ${to}`);
    const verdict = evaluate(snapshot, { src, dst, traffic: trafficPoint(protocol, port) }, { cidrSelectsPods: true });
    const found = { allowed: verdict.allowed, egressAllowed: verdict.egress.allowed, ingressAllowed: verdict.ingress.allowed };
    const expected = { allowed, egressAllowed: egressAllowed ?? found.egressAllowed, ingressAllowed: ingressAllowed ?? found.ingressAllowed };
    expect(found, `${from} to ${to} on ${protocol} ${port}`).toEqual(expected);
  }
  expect(queries.length).toBeGreaterThan(0);
});

describe("conformance/walkthroughs/front-end.invalid.yaml", () => {
  const file = conformanceFile("walkthroughs", "front-end.invalid.yaml");
  test.skipIf(!existsSync(file))("`ports:` outside of a rule is named, with what was meant", () => {
    const [object] = readYaml(file);
    const { policy, problems } = object ? toPolicy(object) : { problems: [] };
    expect(problems.map(({ code, path }) => ({ code, path }))).toEqual([{ code: "object/unknown-field", path: "spec.ports" }]);
    expect(problems[0]?.message).toMatch(/belongs into a rule.*`ingress`/);
    expect(policy?.isolates).toEqual({ ingress: true, egress: false });
  });
});
