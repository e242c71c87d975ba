import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatProblem } from "../../src/model/result.js";
import { packsIn } from "../../src/packs/compile.js";
import { loadPacks, type LoadedPacks } from "../../src/sources/packs.js";
import { loadProfile, type Setting } from "../../src/sources/profile.js";
import { judge, kfCluster, objectsIn, request, rulesOf, snapshotOf, stored } from "../review/world.js";

/** Overlays: what an operator sets without a copy of a pack, and in which order several count. */

const shipped = fileURLToPath(new URL("../../policies", import.meta.url));
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "sluice-overlays-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let count = 0;
/** A packs folder with the shipped packs and profiles, and these files beside them. */
async function folder(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const packs = join(root, `packs-${++count}`);
  await cp(shipped, packs, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(packs, name)), { recursive: true });
    await writeFile(join(packs, name), text);
  }
  return packs;
}

interface Given {
  readonly files?: Readonly<Record<string, string>>;
  readonly profile?: string;
  readonly set?: readonly string[];
}

const settings = (set: readonly string[] = []): Setting[] => set.map((text) => ({ name: text.slice(0, text.indexOf("=")), value: text.slice(text.indexOf("=") + 1) }));

async function load({ files, profile, set }: Given): Promise<LoadedPacks> {
  const loaded = await loadPacks({ packs: await folder(files), ...(profile ? { profile } : {}), set: settings(set) });
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  return loaded.value;
}

/** Problems with the folder's name left out. */
async function problems({ files, profile, set }: Given): Promise<string[]> {
  const packs = await folder(files);
  const loaded = await loadPacks({ packs, ...(profile ? { profile: profile.replace("PACKS", packs) } : {}), set: settings(set) });
  return loaded.ok ? [] : loaded.problems.map((problem) => formatProblem(problem).replaceAll(packs, "PACKS"));
}

const overlay = (name: string, spec: string): string => `apiVersion: sluice.dev/v1alpha1\nkind: PackOverlay\nmetadata: {name: ${name}}\nspec:\n${spec.replace(/^/gm, "  ")}\n`;
const actionOf = ({ packs }: LoadedPacks, id: string) => packs.rules.filter((rule) => rule.id === id).map(({ entry }) => [entry.enforcementAction, entry.hold]);

describe("what an overlay sets", () => {
  it("switches of the profile, parameters, and the action of rules", async () => {
    const loaded = await load({ files: { "site.yaml": overlay("site", "profile: {dnsMode: cloud-dns, apiServer: [10.0.0.2/32]}\nparameters: {kf: {offlineBuilds: true, vpcCidrs: [10.0.0.0/8]}, baseline: {onNamespaceCreate: Hold}}\nrules:\n  kf/mesh: {enforcementAction: warn}\n  baseline/dns: {hold: warn}\n  kf/vpc: {enforcementAction: \"off\"}") } });
    expect(loaded.packs.profile).toMatchObject({ dnsMode: "cloud-dns", dataplane: "v1", apiServer: ["10.0.0.2/32"], apiServerSources: ["10.0.0.2/32"] });
    expect(loaded.packs.parameters.get("kf")).toMatchObject({ offlineBuilds: true, vpcCidrs: ["10.0.0.0/8"], holdPods: "baseline" });
    expect(loaded.packs.parameters.get("baseline")).toMatchObject({ onNamespaceCreate: "Hold" });
    expect(actionOf(loaded, "kf/mesh")).toEqual([["warn", "warn"]]);
    expect(actionOf(loaded, "baseline/dns")).toEqual([["deny", "warn"]]);
    expect(actionOf(loaded, "kf/vpc")).toEqual([]);
    expect(loaded.overlays).toEqual(["overlay site"]);
    expect(Object.fromEntries(loaded.origins)).toEqual({
      dnsMode: "overlay site", apiServer: "overlay site", "kf.offlineBuilds": "overlay site", "kf.vpcCidrs": "overlay site", "baseline.onNamespaceCreate": "overlay site", "kf/mesh": "overlay site", "baseline/dns": "overlay site", "kf/vpc": "overlay site",
    });
  });
  it("a rule that only warns holds no pod, unless the overlay says so", async () => {
    expect(actionOf(await load({ files: { "a.yaml": overlay("a", "rules: {baseline/default-deny: {enforcementAction: dryrun}}") } }), "baseline/default-deny")).toEqual([["dryrun", "dryrun"]]);
    expect(actionOf(await load({ files: { "a.yaml": overlay("a", "rules: {baseline/default-deny: {enforcementAction: dryrun, hold: deny}}") } }), "baseline/default-deny")).toEqual([["dryrun", "deny"]]);
  });
  it("every rule of that name", async () => {
    expect(actionOf(await load({ files: { "a.yaml": overlay("a", "rules: {kf/space: {enforcementAction: warn}}") } }), "kf/space")).toEqual([["warn", undefined], ["warn", undefined]]);
  });
  it("a decision follows", async () => {
    const removal = request("DELETE", stored("NetworkPolicy", "space-closed", "allow-mesh"));
    expect(rulesOf(judge(kfCluster(), removal, (await load({})).packs))).toEqual(["kf/mesh"]);
    const decision = judge(kfCluster(), removal, (await load({ files: { "a.yaml": overlay("a", 'rules: {"kf/mesh": {enforcementAction: warn}}') } })).packs);
    expect(decision.allowed).toBe(true);
    expect(rulesOf(decision, "warn")).toContain("kf/mesh");
  });
  it("the digest follows its meaning, not its name or order", async () => {
    const [plain, first, second, third] = await Promise.all([
      load({}),
      load({ files: { "a.yaml": overlay("a", "parameters: {kf: {offlineBuilds: true, holdPods: flows}}") } }),
      load({ files: { "b.yaml": `# a note\n${overlay("b", "parameters: {kf: {holdPods: flows, offlineBuilds: true}}")}` } }),
      load({ files: { "a.yaml": overlay("a", "rules: {kf/mesh: {enforcementAction: warn}}") } }),
    ]);
    expect(first.digest).toBe(second.digest);
    expect(new Set([plain, first, third].map(({ digest }) => digest)).size).toBe(3);
  });
});

describe("the order: defaults, folder by file name, --profile, --set", () => {
  const files = {
    "10-first.yaml": overlay("first", "profile: {dnsMode: cloud-dns, dataplane: v2}\nparameters: {kf: {holdPods: flows, registries: [10.1.0.0/16], unproven: deny}}\nrules: {kf/mesh: {enforcementAction: warn, hold: dryrun}}"),
    "20-second.yaml": overlay("second", "parameters: {kf: {registries: [10.2.0.0/16]}}\nrules: {kf/mesh: {enforcementAction: dryrun}}"),
    "profiles/mine.yaml": overlay("mine", "profile: {dnsMode: node-local}\nparameters: {kf: {unproven: warn, vpcCidrs: [10.3.0.0/16]}}"),
  };
  it("by file name; a list is replaced, and parts of a rule are joined", async () => {
    const loaded = await load({ files });
    expect(loaded.packs.parameters.get("kf")).toMatchObject({ holdPods: "flows", registries: ["10.2.0.0/16"], unproven: "deny" });
    expect(actionOf(loaded, "kf/mesh")).toEqual([["dryrun", "dryrun"]]);
    expect(loaded.overlays).toEqual(["overlay first", "overlay second"]);
  });
  it("--profile over the folder, --set over all", async () => {
    const loaded = await load({ files, profile: "mine", set: ["dataplane=v1", "vpcCidrs=10.4.0.0/16,10.5.0.0/16", "kf.registries="] });
    expect(loaded.packs.profile).toMatchObject({ dnsMode: "node-local", dataplane: "v1" });
    expect(loaded.packs.parameters.get("kf")).toMatchObject({ unproven: "warn", vpcCidrs: ["10.4.0.0/16", "10.5.0.0/16"], registries: [], holdPods: "flows" });
    expect(loaded.origins.get("dnsMode")).toBe("profile mine");
    expect(loaded.origins.get("dataplane")).toBe("--set");
    expect(loaded.origins.get("kf.vpcCidrs")).toBe("--set");
    expect(loaded.origins.get("kf.holdPods")).toBe("overlay first");
  });
  it("--set NAME is every pack's of that name, over an overlay of one; --set PACK.NAME wins over it", async () => {
    const loaded = await load({ files: { "a.yaml": overlay("a", "parameters: {kf: {unproven: deny}}") }, set: ["kf.unproven=deny", "unproven=warn"] });
    expect([loaded.packs.parameters.get("kf")?.["unproven"], loaded.packs.parameters.get("baseline")?.["unproven"]]).toEqual(["deny", "warn"]);
    const all = await load({ files: { "a.yaml": overlay("a", "parameters: {kf: {unproven: warn}}") }, set: ["unproven=deny"] });
    expect([all.packs.parameters.get("kf")?.["unproven"], all.packs.parameters.get("baseline")?.["unproven"]]).toEqual(["deny", "deny"]);
  });
  it("several profiles, from left to right", async () => {
    const loaded = await load({ profile: "gke-dataplane-v2,cloud-dns, offline-builds" });
    expect(loaded.packs.profile).toMatchObject({ dataplane: "v2", cidrSelectsPods: false, dnsMode: "cloud-dns" });
    expect(loaded.packs.parameters.get("kf")).toMatchObject({ offlineBuilds: true });
    expect((await load({ profile: "cloud-dns,node-local-dns" })).packs.profile).toMatchObject({ dnsMode: "node-local" });
  });
  it("a profile may be a plain map of switches, and its name may be one in the folder", async () => {
    expect((await load({ files: { "profiles/plain.yaml": "dnsMode: cloud-dns\n" }, profile: "plain" })).packs.profile).toMatchObject({ dnsMode: "cloud-dns" });
    const file = join(root, "switches.yaml");
    await writeFile(file, "dataplane: v2\n");
    expect((await load({ profile: file })).packs.profile).toMatchObject({ dataplane: "v2" });
  });
  it("verbs that ask no rule see the same switches", async () => {
    const profile = await loadProfile({ packs: await folder(files), profile: "mine", set: settings(["dataplane=v1"]) });
    expect(profile).toMatchObject({ ok: true, value: { dnsMode: "node-local", dataplane: "v1" } });
  });
});

describe("problems name file, line and path", () => {
  it.each<[string, string, string]>([
    ["a parameter that no pack has", "parameters:\n  kf: {offlineBuild: true}", "PACKS/a.yaml:6:10: spec.parameters.kf.offlineBuild: pack `kf` has no parameter `offlineBuild`; known are kfIdentities,"],
    ["a pack that is not in force", "parameters:\n  kff: {offlineBuilds: true}", "PACKS/a.yaml:6:5: spec.parameters.kff: no pack `kff` is in force; known are baseline, kf"],
    ["a value of the wrong type", "parameters:\n  kf: {offlineBuilds: yes please}", "PACKS/a.yaml:6:10: spec.parameters.kf.offlineBuilds: parameter `kf.offlineBuilds` must be boolean"],
    ["a value that is not one of them", "parameters:\n  kf: {holdPods: always}", "PACKS/a.yaml:6:10: spec.parameters.kf.holdPods: parameter `kf.holdPods` must be equal to one of the allowed values: baseline, flows"],
    ["a rule that no pack has", "rules:\n  kf/mash: {enforcementAction: warn}", 'PACKS/a.yaml:6:5: spec.rules["kf/mash"]: no pack in force has a rule `kf/mash`; known are baseline/default-deny,'],
    ["a switch that there is not", "profile:\n  dnsmode: kube-dns", "PACKS/a.yaml:6:5: spec.profile.dnsmode: unknown profile switch `dnsmode`; one of cidrSelectsPods,"],
    ["a wrong switch", "profile: {dnsMode: bind}", "PACKS/a.yaml:5:13: spec.profile.dnsMode: profile switch `dnsMode` must be equal to one of the allowed values: kube-dns, node-local, cloud-dns"],
    ["an address that is none", "profile: {apiServer: [10.0.0.2]}", "PACKS/a.yaml:5:25: spec.profile.apiServer[0]: `10.0.0.2` is no CIDR"],
    ["an action that there is not", "rules: {kf/mesh: {enforcementAction: refuse}}", "PACKS/a.yaml:5:21: spec.rules.kf/mesh.enforcementAction: must be equal to one of the allowed values: deny, warn, dryrun, off"],
    ["a field that there is not", "parameter: {}", "PACKS/a.yaml:5:3: spec.parameter: unknown field `parameter`"],
  ])("%s", async (_what, spec, message) => {
    const [first, ...others] = await problems({ files: { "a.yaml": overlay("a", spec) } });
    expect(first?.startsWith(message) ? message : first).toBe(message);
    expect(others).toEqual([]);
  });
  it("all of them at once, over several files", async () => {
    const found = await problems({ files: { "a.yaml": overlay("a", "parameters: {kf: {x: 1}}"), "b.yaml": overlay("b", "rules: {kf/y: {hold: warn}}") }, set: ["z=1"] });
    expect(found.map((text) => text.slice(0, 20))).toEqual(["PACKS/a.yaml:5:21: s", "PACKS/b.yaml:5:11: s", "`--set z` names no s"]);
  });
  it("in a profile too", async () => {
    expect((await problems({ files: { "profiles/p.yaml": overlay("p", "rules: {kf/y: {hold: warn}}") }, profile: "p" }))[0]).toContain("PACKS/profiles/p.yaml:5:11: spec.rules");
    expect((await problems({ files: { "profiles/p.yaml": "dnsMode: kube-dns\ndataplane: v3\n" }, profile: "p" }))[0]).toContain("PACKS/profiles/p.yaml:2:1: dataplane: profile switch");
    expect((await problems({ files: { "profiles/p.yaml": "kind: PackOverlays\napiVersion: sluice.dev/v1alpha1\n" }, profile: "p" }))[0]).toContain("PACKS/profiles/p.yaml:1:1: kind: a profile is a `PackOverlay`");
    expect((await problems({ files: { "profiles/p.yaml": "[dnsMode]\n" }, profile: "p" }))[0]).toContain("a profile is a map of switches");
    expect(await problems({ profile: "gke" })).toEqual(["`gke` is neither a file nor the name of a profile in PACKS/profiles"]);
  });
});

describe("the shipped profiles", () => {
  it.each([
    ["gke-dataplane-v1", { dataplane: "v1", cidrSelectsPods: true }, { buildWriters: ["system:serviceaccount:tekton-pipelines:tekton-pipelines-controller"] }],
    ["gke-dataplane-v2", { dataplane: "v2", cidrSelectsPods: false }, { buildWriters: ["system:serviceaccount:tekton-pipelines:tekton-pipelines-controller"] }],
    ["node-local-dns", { dnsMode: "node-local" }, { buildWriters: [] }],
    ["cloud-dns", { dnsMode: "cloud-dns" }, {}],
    ["private-google-access", {}, { offlineBuilds: true, registries: ["199.36.153.8/30", "199.36.153.4/30"] }],
    ["offline-builds", {}, { offlineBuilds: true, registries: [] }],
    ["istio", {}, { gatewayNamespaces: ["istio-ingress", "istio-system"] }],
  ])("%s", async (profile, switches, parameters) => {
    const loaded = await load({ profile });
    expect(loaded.packs.profile).toMatchObject(switches);
    expect(loaded.packs.parameters.get("kf")).toMatchObject(parameters);
  });
  it.each([["audit", "dryrun"], ["warn", "warn"]])("with %s no rule does more than that, to pods neither", async (profile, action) => {
    const { rules } = (await load({ profile })).packs;
    const actions = new Set(rules.flatMap(({ entry: { enforcementAction, hold } }) => [enforcementAction, hold ?? "off"]));
    expect([...actions].sort()).toEqual([action, "off"].sort());
    expect(rules.some(({ id }) => id === "kf/pod-label")).toBe(profile === "warn");
  });
  it("Dataplane V2 is detected by its agent, where nobody sets the data plane", async () => {
    const [agent] = objectsIn("{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: anetd, namespace: kube-system}, spec: {}}");
    const detected = async (profile?: string) => packsIn((await load(profile ? { profile } : {})).packs, snapshotOf(agent as never)).profile["dataplane"];
    expect([await detected(), await detected("gke-dataplane-v1")]).toEqual(["v2", "v1"]);
  });
  it("there are no others, and each says what it is for", async () => {
    const files = (await readdir(join(shipped, "profiles"))).sort();
    expect(files).toEqual(["audit.yaml", "cloud-dns.yaml", "gke-dataplane-v1.yaml", "gke-dataplane-v2.yaml", "istio.yaml", "node-local-dns.yaml", "offline-builds.yaml", "private-google-access.yaml", "warn.yaml"]);
    for (const file of files) {
      const [object] = objectsIn(await readFile(join(shipped, "profiles", file), "utf8"));
      expect(object).toMatchObject({ metadata: { name: file.replace(".yaml", "") }, spec: { description: expect.stringMatching(/\w/) as string } });
    }
  });
  it("with the GKE ones only Tekton's controller creates build pods", async () => {
    const [pod] = objectsIn("{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: space-open, labels: {tekton.dev/taskRun: b}}, spec: {containers: [{name: c}]}}");
    const ask = async (profile: string | undefined, user: string) => rulesOf(judge(kfCluster(), request("CREATE", pod as never, { user }), (await load(profile ? { profile } : {})).packs));
    expect(await ask("gke-dataplane-v1", "developer")).toEqual(["kf/pod-label-claim"]);
    expect(await ask("gke-dataplane-v1", "system:serviceaccount:tekton-pipelines:tekton-pipelines-controller")).toEqual([]);
    expect(await ask(undefined, "developer")).toEqual([]);
  });
  it("offline builds need nothing from the Internet; with private access the Internet is no registry", async () => {
    const builds = stored("NetworkPolicy", "space-closed", "allow-builds");
    const google = stored("NetworkPolicy", "space-closed", "allow-google-apis");
    const ask = async (object: typeof builds, profile?: string) => rulesOf(judge(kfCluster(), request("DELETE", object), (await load(profile ? { profile } : {})).packs));
    expect(await ask(builds)).toContain("kf/buildpacks");
    expect(await ask(builds, "offline-builds")).toEqual(["kf/kube-apiserver"]);
    expect(await ask(google)).toEqual(["kf/google-apis"]);
    expect(await ask(google, "private-google-access")).toEqual(["kf/google-apis"]);
  });
});
