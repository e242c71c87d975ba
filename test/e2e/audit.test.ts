import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildProgram, type Program, type Ran } from "../commands/program.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { namespace, pod, policy } from "./kf-world.js";

/** `sluice audit` and what would change under other packs, on a real API server with nobody guarding it. */

const suffix = randomBytes(3).toString("hex");
const [bare, good] = [`bare-${suffix}`, `good-${suffix}`];

describeWithCluster("an audit of the API server", (cluster) => {
  let program: Program;
  let folder = "";

  beforeAll(async () => {
    program = await buildProgram();
    folder = await mkdtemp(join(tmpdir(), "sluice-audit-"));
    for (const name of [bare, good]) {
      await cluster.apply(namespace(name), "admin");
      await cluster.apply(pod(name, "web"), "admin");
    }
    await cluster.apply(policy(good, "allow-dns", { podSelector: {}, policyTypes: ["Egress"], egress: [{ ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] }] }), "admin");
    await cluster.apply(policy(good, "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }), "admin");
  });
  afterAll(async () => {
    await program?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const audit = (...args: readonly string[]): Promise<Ran> => program.run(["audit", "--cluster", ...args], { env: { KUBECONFIG: cluster.kubeconfig("admin") } });

  it("tells what no admission has seen, by the rule and the namespace", async () => {
    const { stdout, stderr, code } = await audit("-o", "json");
    const found = JSON.parse(stdout) as { complete: boolean; violations: { rule: string; object: { name: string; namespace?: string } }[] };
    const of = (name: string) => found.violations.filter(({ object }) => [object.namespace, object.name].includes(name)).map(({ rule }) => rule);
    expect([code, stderr]).toEqual([1, expect.not.stringContaining("    at ")]);
    expect(of(bare)).toContain("default-deny");
    expect(of(good)).toEqual([]);
  });

  it("tells what other packs would newly refuse, before anyone switches", async () => {
    await writeFile(join(folder, "labels.yaml"), "apiVersion: sluice.dev/v1alpha1\nkind: RulePack\nmetadata: {name: labels}\nspec:\n  rules:\n    - {id: team, check: require-label, enforcementAction: deny, match: {kinds: [Namespace]}, with: {labels: [{key: team}]}}\n");
    const { stdout, code } = await audit("--packs", folder, "--compare", "policies");
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`newly (denied|refused)[\\s\\S]*${good}`, "i"));
  });

  it("says what it could not look at, and tells the rest", async () => {
    const { stdout, code } = await program.run(["audit", "--cluster", "-o", "json"], { env: { KUBECONFIG: cluster.kubeconfig("developer") } });
    const found = JSON.parse(stdout) as { complete: boolean; reasons: string[]; violations: { rule: string; object: { name: string } }[] };
    expect(found.complete).toBe(false);
    expect(found.reasons).toContainEqual(expect.stringMatching(/^Node cannot be read from .*forbidden/));
    expect([code, found.violations.filter(({ object }) => object.name === bare).map(({ rule }) => rule)]).toEqual([1, expect.arrayContaining(["default-deny"])]);
  });

  it("adopts what is older than the rules", async () => {
    const { stdout } = await audit("--adopt", "--owner", "payments", "--expires", "2099-01-31");
    expect(stdout).toContain("kind: PolicyException");
    expect(stdout).toContain(bare);
    expect(stdout).not.toContain(good);
  });
});
