import { describe, expect, it, test } from "vitest";
import { diagnose, isHealthy } from "../../src/doctor/index.js";
import type { Facts } from "../../src/doctor/facts.js";
import { ALL } from "../../src/doctor/permissions.js";
import { diagnosisText } from "../../src/doctor/report.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { SUSPENDED } from "../../src/model/suspension.js";
import { customResourceDefinitions } from "../../src/packs/crd.js";
import { issueCa, issueLeaf } from "../../src/upkeep/certificates.js";
import { snapshotOf } from "../review/world.js";
import { ca, endpointSlice, HEALTHY, held, lease, NOW, object, packs, replica, replicaPod, secret, wanted } from "./healthy.js";

/** One thing wrong at a time: the check that is for it tells it, with what to do, and no other does. */

const DAY = 86_400_000;
const later = (days: number): Partial<Facts> => ({ now: NOW + days * DAY, clocks: { value: { here: NOW + days * DAY, there: NOW + days * DAY } }, lease: { value: undefined } });
const edited = (name: string, change: (webhook: Record<string, unknown>) => object): Partial<Facts> => ({ own: { value: wanted().map((one) => (one.metadata.name === name ? { ...one, webhooks: (one["webhooks"] as Record<string, unknown>[]).map(change) } : one)) } });
const failing = (reason: string): Partial<Facts> => ({ probe: { value: { status: 500, message: `Internal error occurred: failed calling webhook "packs.sluice.dev": failed to call webhook: ${reason}` } } });
const foreign = (fields: object): Partial<Facts> => ({ others: { value: [{ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration", metadata: { name: "theirs" }, webhooks: [{ name: "theirs.example.com", failurePolicy: "Fail", rules: [{ apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["*"] }], ...fields }] }] } });
const own = (kind: string, fields: object): Partial<Facts> => ({ snapshot: { value: snapshotOf({ apiVersion: "sluice.dev/v1alpha1", kind, metadata: { name: "x" }, ...fields } as KubeObject) } });
const otherCa = await issueCa(new Date(NOW));
const otherLeaf = await issueLeaf({ ca: otherCa, names: ["sluice.sluice-system.svc"], now: new Date(NOW) });
const misnamed = await issueLeaf({ ca, names: ["elsewhere.svc"], now: new Date(NOW) });
const detection = (isThere: boolean): Partial<Facts> => ({ packs: { value: { packs: { ...packs, profile: { ...packs.profile, dnsMode: isThere ? "kube-dns" : "node-local" } }, digest: "sha256:0123456789abcdef", inState: packs.profile, chosen: new Set(["dnsMode"]), refused: [], detections: { value: [{ switch: "dnsMode", value: "node-local", exists: "DaemonSet `kube-system/node-local-dns`", isThere }] } } } });

const saying = (version: string): ReturnType<typeof replica> => ({ ...replica("sluice-1"), text: `[+]version ok: ${version}\n${replica("sluice-1").text}` });

const WRONG: readonly (readonly [what: string, check: string, status: "warning" | "failure", finding: RegExp, facts: Partial<Facts>])[] = [
  ["an old API server", "api server", "failure", /^v1\.27\.3 at .* does not know `matchConditions`/, { version: { value: "v1.27.3" } }],
  ["a clock that is some seconds off", "clock", "warning", /^the clock of this machine is 20 s behind the API server's/, { clocks: { value: { here: NOW - 20_000, there: NOW } } }],
  ["a clock that is minutes off", "clock", "failure", /this machine is 10 min ahead of/, { clocks: { value: { here: NOW + 600_000, there: NOW } } }],
  ["a leader whose clock is ahead", "clock", "warning", /^the clock of the leader of Sluice is 30 s ahead/, { lease: { value: lease(-30_000) } }],
  ["no namespace", "installation", "failure", /^the namespace `sluice-system` does not exist/, { namespaces: { value: [] } }],
  ["a namespace that goes", "installation", "failure", /is being deleted/, { namespaces: { value: [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "sluice-system", deletionTimestamp: "2026-11-21T11:00:00Z" } }] } }],
  ["no Service", "installation", "failure", /^the Service `sluice-system\/sluice` does not exist/, { serviceObject: { value: undefined } }],
  ["nobody behind the Service", "installation", "failure", /^nobody is ready/, { slices: { value: [endpointSlice(false, false)] } }],
  ["one replica", "installation", "warning", /^one replica alone/, { slices: { value: [endpointSlice(true, false)] } }],
  ["a replica that is not ready", "replicas", "failure", /^`sluice-2` is not ready: sync Pod: forbidden$/, { replicas: { value: [replica("sluice-1"), replica("sluice-2", undefined, "[-]sync Pod failed: forbidden\n")] } }],
  ["replicas with other packs", "replicas", "warning", /2 different sets of packs/, { replicas: { value: [replica("sluice-1"), replica("sluice-2", "sha256:ffff")] } }],
  ["replicas of two versions", "replicas", "warning", /^replicas run different versions: `sluice:1`, `sluice:2`/, { pods: { value: [replicaPod("sluice-1"), replicaPod("sluice-2", "sluice:2")] } }],
  ["replicas that say two versions", "replicas", "warning", /^replicas run different versions: `0\.1\.0`, `0\.2\.0`/, { replicas: { value: [saying("0.1.0"), saying("0.2.0")] } }],
  ["a leader that is gone", "leader", "failure", /^nobody leads: .* was last renewed 5 min ago/, { lease: { value: lease(300_000) } }],
  ["a leader that left", "leader", "failure", /^nobody holds the Lease/, { lease: { value: { ...lease(1_000), spec: { holderIdentity: "", renewTime: new Date(NOW).toISOString() } } } }],
  ["a firewall", "way from the API server", "failure", /cannot call `packs\.sluice\.dev`: .*deadline/, failing("Post \"https://sluice.sluice-system.svc:443/validate/deny?timeout=5s\": context deadline exceeded")],
  ["no replica", "way from the API server", "failure", /no endpoints available/, failing("no endpoints available for service \"sluice\"")],
  ["another CA", "way from the API server", "failure", /x509/, failing("tls: failed to verify certificate: x509: certificate signed by unknown authority")],
  ["nobody asked", "way from the API server", "failure", /was admitted/, { probe: { value: { status: 201, message: "" } } }],
  ["a switch that is off", "webhook configurations", "warning", /^nobody keeps them for now: a trial/, { lease: { value: lease(1_000, { [SUSPENDED]: "a trial" }) } }],
  ["configurations that are gone", "webhook configurations", "failure", /^`sluice` is not there$/, { own: { value: wanted().slice(1) } }],
  ["a webhook that is gone", "webhook configurations", "failure", /^`sluice-deny` lacks `packs\.sluice\.dev`$/, { own: { value: wanted().map((one) => ({ ...one, webhooks: (one["webhooks"] as { name: string }[]).filter(({ name }) => name !== "packs.sluice.dev") })) } }],
  ["a webhook that fails open", "webhook configurations", "failure", /^`deny\.sluice\.dev` differs in failurePolicy Ignore instead of Fail; `packs/, edited("sluice-deny", (webhook) => ({ ...webhook, failurePolicy: "Ignore" }))],
  ["other packs than the doctor's", "webhook configurations", "warning", /other packs in force/, { replicas: { value: [replica("sluice-1", "sha256:ffff")] } }],
  ["a certificate of another CA", "certificates", "failure", /^the `caBundle` of .* does not trust the certificate in Secret/, { secret: { value: secret({ ...held, certificate: otherLeaf.certificate, key: otherLeaf.key }) } }],
  ["a certificate for another name", "certificates", "failure", /is not for `sluice\.sluice-system\.svc`/, { secret: { value: secret({ ...held, certificate: misnamed.certificate, key: misnamed.key }) } }],
  ["a certificate that ends soon", "certificates", "warning", /ends in 10 days/, later(80)],
  ["a certificate that has ended", "certificates", "failure", /^the certificate in Secret .* ended on 2027-02-19/, later(100)],
  ["a bundle that is none", "certificates", "failure", /cannot be read as certificates/, { own: { value: wanted("nonsense") } }],
  ["a permission that is missing", "permissions", "failure", /may not `watch pods`, `update leases\.coordination\.k8s\.io x -n y`$/, { permissions: { value: [{ permission: { group: "", resource: "pods", verb: "watch" }, allowed: false }, { permission: { group: "coordination.k8s.io", resource: "leases", verb: "update", namespace: "y", name: "x" }, allowed: false }] } }],
  ["no right to report", "permissions", "failure", /may not `create reports\.openreports\.io`$/, { permissions: { value: [{ permission: { group: "openreports.io", resource: "reports", verb: "create", feature: "reports" }, allowed: false }] } }],
  ["no right to provision", "permissions", "failure", /may not `patch networkpolicies\.networking\.k8s\.io`$/, { permissions: { value: [{ permission: { group: "networking.k8s.io", resource: "networkpolicies", verb: "patch", feature: "provision" }, allowed: false }] } }],
  ["cluster-admin", "permissions", "warning", /may do everything/, { permissions: { value: [{ permission: ALL, allowed: true }] } }],
  ["no kinds", "kinds", "failure", /^`rulepacks\.sluice\.dev` is not defined/, { definitions: { value: customResourceDefinitions().slice(1) } }],
  ["kinds of another version", "kinds", "warning", /^`rulepacks\.sluice\.dev` does not have the schema of this version in `v1alpha1`/, { definitions: { value: customResourceDefinitions().map((one, i) => (i === 0 ? { ...one, spec: { versions: [{ name: "v1alpha1", served: true, schema: {} }] } } : one)) } }],
  ["a pack that is refused", "packs of the cluster", "failure", /^RulePack `x` is not in force as it stands: no such check/, own("RulePack", { status: { conditions: [{ type: "Accepted", status: "False", message: "no such check" }] } })],
  ["a pack that nobody took over", "packs of the cluster", "warning", /has not been taken over/, own("RulePack", {})],
  ["an exception that ends soon", "packs of the cluster", "warning", /^PolicyException `x` of me ends 2026-11-30/, own("PolicyException", { spec: { owner: "me", reason: "r", expires: "2026-11-30", rules: ["a/b"] }, status: { conditions: [{ type: "Accepted", status: "True" }] } })],
  ["a profile that the cluster contradicts", "profile", "warning", /^`dnsMode` is set to kube-dns, and DaemonSet `kube-system\/node-local-dns` tells of node-local/, detection(true)],
  ["a profile that nothing in the cluster tells of", "profile", "warning", /is set to node-local, and DaemonSet .* is not there/, detection(false)],
  ["somebody who rewrites the configurations", "other webhooks", "failure", /^somebody rewrites `sluice-warn`: its namespaceSelector names `control-plane`/, edited("sluice-warn", (webhook) => ({ ...webhook, namespaceSelector: { matchExpressions: [{ key: "control-plane", operator: "DoesNotExist" }] } }))],
  ["a webhook that keeps pods from starting", "other webhooks", "warning", /^`theirs\.example\.com` of `theirs` fails closed for pods in `sluice-system`, `kube-system`: /, foreign({})],
];

describe("the doctor", () => {
  it("finds nothing where all is well", () => {
    const found = diagnose(HEALTHY);
    expect(found.filter(({ status }) => status !== "ok")).toEqual([]);
    expect([isHealthy(found), diagnosisText(found, false).trimEnd().split("\n").at(-1)]).toEqual([true, "healthy: 14 ok"]);
  });
  test.each(WRONG)("tells of %s", (_what, check, status, finding, facts) => {
    const found = diagnose({ ...HEALTHY, ...facts });
    const bad = found.filter((one) => one.status === "warning" || one.status === "failure");
    expect(bad.filter((one) => one.check === check && one.status === status && finding.test(one.finding) && (one.remedy ?? "") !== "")).toHaveLength(1);
    // A configuration that is not as it should be may be told of twice: what differs, and who does it.
    expect(bad.map((one) => one.check).filter((one) => one !== check && one !== "webhook configurations")).toEqual([]);
    expect(isHealthy(found)).toBe(false);
  });
  it("finds nothing where refusals are only counted, as in mode audit", () => {
    const pod: KubeObject = { ...object("v1", "Pod", "web", { spec: { containers: [{ name: "web" }] }, status: { phase: "Running" } }), metadata: { name: "web", namespace: "shop" } };
    const state = snapshotOf({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }, pod);
    const auditing: Facts = { ...HEALTHY, mode: "audit", own: { value: wanted(undefined, "audit") }, probe: { value: { status: 201, message: "" } }, snapshot: { value: state } };
    const found = diagnose(auditing);
    expect(found.filter(({ status }) => status !== "ok").map(({ check, status }) => [check, status])).toEqual([["way from the API server", "not checked"]]);
    expect(diagnose({ ...auditing, mode: "enforce" }).filter(({ status }) => status === "failure").map(({ check }) => check)).toEqual(["way from the API server", "webhook configurations", "running namespaces"]);
    const enforcing = { ...auditing, packs: { value: { packs: { ...packs, enforced: [{ rules: ["baseline/*"], namespaces: ["sh*"] }] }, digest: "sha256:0123456789abcdef", inState: packs.profile, chosen: new Set<string>(), refused: [], detections: { value: [] } } } };
    expect(diagnose(enforcing).find(({ check }) => check === "running namespaces")?.finding).toContain("(`shop`)");
  });
  it("misses no leader where no replica is told to lead", () => {
    const leading = (container: object): string | undefined => diagnose({ ...HEALTHY, lease: { value: undefined }, pods: { value: [{ ...replicaPod("sluice-1"), spec: { containers: [container] } }] } }).find(({ check }) => check === "leader")?.status;
    expect([leading({ args: ["--cert-dir=/certificates"] }), leading({ args: ["--cert-secret=a/b"] })]).toEqual(["ok", "not checked"]);
  });
  it("has nobody make webhook configurations by hand that a replica makes when it serves", () => {
    const first: Facts = { ...HEALTHY, own: { value: [] }, lease: { value: undefined }, replicas: { value: [] } };
    const remedy = (pods: readonly KubeObject[]): string | undefined => diagnose({ ...first, pods: { value: pods } }).find(({ check }) => check === "webhook configurations")?.remedy;
    expect(remedy([replicaPod("sluice-1")])).toMatch(/^apply them anew/);
    for (const container of [{ args: ["--cert-secret=a/b"] }, { env: [{ name: "SLUICE_CERT_SECRET", value: "a/b" }] }]) expect(remedy([{ ...replicaPod("sluice-1"), spec: { containers: [container] } }])).toMatch(/^the replica that leads makes them once it serves/);
  });
  it("lets webhooks alone that spare the namespaces in question, fail open, or choose their objects", () => {
    const spared = { namespaceSelector: { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", "sluice-system"] }] } };
    for (const fields of [spared, { failurePolicy: "Ignore" }, { objectSelector: { matchLabels: { a: "b" } } }, { rules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["services"], operations: ["*"] }] }]) {
      expect(isHealthy(diagnose({ ...HEALTHY, ...foreign(fields) }))).toBe(true);
    }
  });
  it("calls no installation healthy while a namespace runs pods that would not come back", () => {
    const pod = object("v1", "Pod", "web", { spec: { containers: [{ name: "web" }] }, status: { phase: "Running" } });
    const shop: KubeObject = { ...pod, metadata: { name: "web", namespace: "shop" } };
    const namespace: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
    const found = diagnose({ ...HEALTHY, snapshot: { value: snapshotOf(namespace, shop) } });
    expect(found.find(({ check }) => check === "running namespaces")).toMatchObject({ status: "failure", finding: expect.stringContaining("(`shop`)") });
  });
  it("tells what it could not look at, and counts it as no finding", () => {
    const problem = { problem: "forbidden" };
    const found = diagnose({ ...HEALTHY, own: problem, others: problem, secret: problem, definitions: problem, replicas: problem, snapshot: problem, permissions: problem, probe: problem });
    expect([isHealthy(found), found.filter(({ status }) => status === "not checked").length]).toEqual([true, 9]);
    expect(diagnosisText(found, false)).toMatch(/^not checked {2}replicas +forbidden$[\s\S]*^nothing wrong was found: 5 ok, 9 not checked$/m);
  });
  it("is coloured only where it may be", () => {
    const found = diagnose({ ...HEALTHY, version: { value: "v1.20.0" } });
    expect(diagnosisText(found, false)).not.toContain("\u001b");
    expect(diagnosisText(found, true)).toContain("\u001b[31mfailure\u001b[0m");
  });
});

it("believes what replicas say of their version, whatever their images are called", () => {
  const mirrored: Partial<Facts> = { replicas: { value: [saying("0.1.0"), saying("0.1.0")] }, pods: { value: [replicaPod("sluice-1"), replicaPod("sluice-2", "mirror/sluice@sha256:1")] } };
  expect(diagnose({ ...HEALTHY, ...mirrored }).filter(({ check, status }) => check === "replicas" && status !== "ok")).toEqual([]);
});
