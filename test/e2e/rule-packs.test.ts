import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithCluster } from "./describe-with-cluster.js";
import { namespace, policy, tryApply } from "./kf-world.js";
import { installPrintedWebhooks, manifests, startSluice, type RunningSluice } from "./sluice.js";

/** Packs and exceptions as objects of the cluster, by kubectl. */

interface Own {
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly observedGeneration: number;
    readonly hash: string;
    readonly problems?: readonly string[];
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly message: string }[];
    readonly replicas: readonly { readonly name: string; readonly accepted: boolean; readonly observedGeneration: number }[];
  };
}

const suffix = randomBytes(3).toString("hex");
const OPEN = { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] };

describeWithCluster("packs and exceptions in the cluster", (cluster) => {
  const mine = `mine-${suffix}`;
  let sluice: RunningSluice;

  const pack = (rule: object, more: object = {}, annotations: object = {}): object => ({
    apiVersion: "sluice.dev/v1alpha1",
    kind: "RulePack",
    metadata: { name: "house", annotations },
    spec: { namespaces: { mine: { names: [mine] } }, rules: [{ id: "open", check: "forbid-allow-all", enforcementAction: "deny", match: { namespaces: "mine" }, ...rule }], ...more },
  });
  const tryPack = (...args: Parameters<typeof pack>) => tryApply(cluster, pack(...args), "admin");
  const change = () => tryApply(cluster, policy(mine, "open", OPEN), "admin", ["--dry-run=server"]);
  const isRefused = async () => (await change()).stderr.includes("[house/open]");
  const status = async (kind = "rulepack", name = "house") => {
    const object = await cluster.get<Own>(kind, name);
    return object?.status?.observedGeneration === object?.metadata.generation ? object?.status : undefined;
  };
  const accepted = (value: "True" | "False") => cluster.waitFor(`Accepted=${value}`, async () => {
    const found = await status();
    return found?.conditions[0]?.status === value ? found : undefined;
  });

  beforeAll(async () => {
    await cluster.apply(manifests("deploy/base/crds.yaml"));
    await cluster.kubectl(["wait", "--for=condition=Established", "crd/rulepacks.sluice.dev", "crd/policyexceptions.sluice.dev", "--timeout=30s"]);
    await cluster.apply(namespace(mine));
    sluice = await startSluice(cluster);
    await cluster.waitFor("the webhooks to be in force", async () => (await cluster.kubectl(["create", "namespace", `probe-${suffix}`, "--dry-run=server"])).code !== 0);
  });
  afterAll(async () => {
    await sluice?.stop();
    await cluster.kubectl(["delete", "crd", "rulepacks.sluice.dev", "policyexceptions.sluice.dev", "--ignore-not-found"]);
    await cluster.kubectl(["delete", "namespace", mine, "--wait=false"]);
  });

  it("a pack is enforced once it is applied, and its status says so", async () => {
    expect(await change()).toMatchObject({ code: 0 });
    expect(await tryPack({})).toMatchObject({ code: 0 });
    await cluster.waitFor("the pack to be enforced", isRefused);
    const found = await accepted("True");
    expect(found).toMatchObject({ hash: expect.stringMatching(/^sha256:[0-9a-f]{16}$/), replicas: [{ accepted: true, observedGeneration: 1 }] });
    expect((await cluster.kubectl(["get", "rulepacks"])).stdout.split("\n").map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([["NAME", "ACCEPTED", "HASH"], ["house", "True", found.hash], [""]]);
    expect((await sluice.get("/readyz?verbose")).text).toMatch(/\[\+\]packs ok: .*house.*\n/);
  });

  it("a bad one is refused with the place, and nothing changes", async () => {
    const refused = await tryPack({ with: { nope: 1 } });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/admission webhook "packs\.sluice\.dev" denied the request: \[sluice\/pack\] unknown field `nope` \(at `spec\.rules\[0\]\.with\.nope`\)/)]);
    expect((await tryPack({ match: { namespaces: "gone" } })).stderr).toContain("`gone` names nothing in `spec.namespaces`");
    expect((await tryPack({ match: { kinds: ["Widget"] } })).stderr).toContain("rule `house/open` is about `Widget`, whose resource is not known: list it in `spec.watches` of its pack");
    expect(await isRefused()).toBe(true);
    expect((await accepted("True")).observedGeneration).toBe(1);
  });

  it("the schema of the definition refuses slips before Sluice is asked", async () => {
    expect((await tryApply(cluster, pack({}, { ruels: [] }), "admin")).stderr).toMatch(/unknown field "spec.ruels"/);
    expect((await tryPack({ enforcementAction: "denny" })).stderr).toMatch(/spec\.rules\[0\]\.enforcementAction/);
    expect((await tryPack({ check: "nope" })).stderr).toContain('spec.rules[0].check: Unsupported value: "nope": supported values: "cel-expression"');
    expect(await tryPack({ enforcementAction: "$(params.level)" }, { parameters: { level: { type: "string", default: "deny", description: "x" } } })).toMatchObject({ code: 0 });
    await accepted("True");
    expect(await isRefused()).toBe(true);
  });

  it("one that gets in broken keeps its last good state in force, and says so; mended, it counts again", async () => {
    // As while Sluice was down and somebody took the webhook away.
    await cluster.kubectl(["delete", "validatingwebhookconfiguration", "sluice-deny"]);
    await cluster.waitFor("the broken pack to get in", async () => (await tryPack({ with: { nope: 1 } })).code === 0);
    const broken = await accepted("False");
    expect(broken).toMatchObject({ problems: [expect.stringContaining("spec.rules[0].with.nope: unknown field `nope`")], hash: expect.stringContaining("sha256:"), conditions: [{ message: expect.stringContaining("the generation last accepted stays in force") }] });
    expect((await sluice.get("/readyz?verbose")).text).toContain("the last good state of `RulePack house of the cluster` is kept");
    expect((await sluice.get("/metrics")).text).toContain("sluice_packs_refused 1");
    await installPrintedWebhooks(cluster, ["--url", sluice.url, "--ca-bundle", sluice.caFile]);
    await cluster.waitFor("the last good pack to be enforced", isRefused);
    expect(await tryPack({})).toMatchObject({ code: 0 });
    await accepted("True");
    expect(await isRefused()).toBe(true);
  });

  it("an exception is granted only with owner and end, and lets the change pass with a warning", async () => {
    const exception = (spec: object): object => ({ apiVersion: "sluice.dev/v1alpha1", kind: "PolicyException", metadata: { name: "billing" }, spec: { owner: "team@example.com", reason: "moving", expires: "2999-01-31", rules: ["house/open"], ...spec } });
    expect((await tryApply(cluster, exception({ owner: undefined }), "admin")).stderr).toContain("spec.owner: Required value");
    expect((await tryApply(cluster, exception({ owner: " " }), "admin")).stderr).toContain("[sluice/exception] nobody answers for it: give its `owner`");
    expect((await tryApply(cluster, exception({ expires: "2020-01-31" }), "admin")).stderr).toContain("[sluice/exception] it ended 2020-01-31");
    expect(await tryApply(cluster, exception({}), "admin")).toMatchObject({ code: 0 });
    await cluster.waitFor("the exception to count", async () => (await change()).code === 0);
    expect((await change()).stderr).toContain("Warning: [house/open]");
    await cluster.waitFor("its status", async () => (await status("policyexception", "billing"))?.conditions[0]?.status === "True");
    // Its own status is no slip of its author.
    expect(await cluster.kubectl(["annotate", "policyexception", "billing", "a=b"])).toMatchObject({ code: 0 });
    expect((await tryApply(cluster, exception({ reason: "moving slowly" }), "admin")).code).toBe(0);
    await cluster.waitFor("its status", async () => (await status("policyexception", "billing"))?.conditions[0]?.status === "True");
    await cluster.kubectl(["delete", "policyexception", "billing"]);
    await cluster.waitFor("the exception to end", isRefused);
  });

  it("a monotonic pack loses nothing without an approval of just that change", async () => {
    expect(await tryPack({}, { rollout: "monotonic" })).toMatchObject({ code: 0 });
    await accepted("True");
    const weaker = { enforcementAction: "warn" };
    const refused = await tryPack(weaker, { rollout: "monotonic" });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("[sluice/pack] rule `open` does less: `enforcementAction` from `deny` to `warn`")]);
    const approval = /`sluice\.dev\/approved: (sha256:[0-9a-f]+)`/.exec(refused.stderr)?.[1] ?? "";
    expect((await tryPack({ enforcementAction: "off" }, { rollout: "monotonic" }, { "sluice.dev/approved": approval })).code).toBe(1);
    expect((await cluster.kubectl(["delete", "rulepack", "house"])).stderr).toContain("pack `house` is taken away");
    expect(await tryPack({ description: "said better" }, { rollout: "monotonic" })).toMatchObject({ code: 0 });
    expect(await tryPack(weaker, { rollout: "monotonic" }, { "sluice.dev/approved": approval })).toMatchObject({ code: 0 });
    await cluster.waitFor("the weaker pack", async () => (await change()).code === 0);
    await cluster.kubectl(["annotate", "rulepack", "house", "sluice.dev/approved=delete", "--overwrite"]);
    expect(await cluster.kubectl(["delete", "rulepack", "house"])).toMatchObject({ code: 0 });
    await cluster.waitFor("the pack to go", async () => !(await change()).stderr.includes("house/open"));
  });
});
