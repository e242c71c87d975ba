import { describe, expect, it } from "vitest";
import { allowDns, APP, around, block, both, byName, cluster, clusterWithout, create, defaultDeny, dns, egressTo, endpoints, find, fresh, gateway, kfPolicy, np, ns, openSpace, pod, remove, sel, space, spaceNs, tcp, update, withLabels, withSpec, closedSpace, type Answer } from "./fixtures/contract.js";
import { snapshotOf } from "./world.js";

const world = cluster();
const texts: [string, () => Answer, readonly string[]][] = [
  ["undeclared namespace", () => create(world, ns("new")), ["[baseline/declared]", "new", "sluice.dev/baseline: default-deny-dns"]],
  ["unknown baseline", () => create(world, ns("new", {}, { annotations: { "sluice.dev/baseline": "nope" } })), ["nope", "default-deny-dns"]],
  ["held pod", () => create(world, fresh("bare", { app: "web" })), ["held", "bare", "default deny"]],
  ["held pod, DNS", () => create(cluster(defaultDeny("bare")), fresh("bare", {})), ["held", "DNS", "53", "bare/default-deny"]],
  ["deleted allowance", () => remove(world, find("NetworkPolicy", "closed", "allow-metadata")), ["Workload Identity", "closed/billing-1", "169.254.169.252", "988", "default-deny", "2 running pods"]],
  ["DNS cut in kube-system", () => create(world, np("kube-system", "cut", { podSelector: {}, policyTypes: ["Ingress"] })), ["DNS", "kube-system/cut", "ingress denied"]],
  ["UDP only", () => update(world, allowDns("closed"), np("closed", "allow-dns", egressTo([byName("kube-system")], [{ protocol: "UDP", port: 53 }]))), ["TCP 53"]],
  ["name: kube-system", () => update(world, allowDns("shop"), np("shop", "allow-dns", egressTo([{ namespaceSelector: sel({ name: "kube-system" }) }], both))), ["no namespace carries label `name=kube-system`", "kubernetes.io/metadata.name: kube-system"]],
  ["pod label value", () => create(world, fresh("open", { "kf.dev/networkpolicy": "x" })), ["`x`", "`app`", "`build`"]],
  ["pod label claim", () => create(world, fresh("open", { "kf.dev/networkpolicy": "build" })), ["kf.dev/networkpolicy: build", "TaskRun"]],
  ["pod label change", () => update(world, find("Pod", "closed", "billing-1"), withLabels(find("Pod", "closed", "billing-1"), {})), ["kf.dev/networkpolicy"]],
  ["space namespace", () => update(world, spaceNs("open"), ns("open")), ["app.kubernetes.io/managed-by: kf", "`open`"]],
  ["space value", () => create(world, space("s", { egress: "Nope" })), ["PermitAll", "DenyAll", "Nope", "appNetworkPolicy.egress"]],
  ["Kf's policy", () => update(world, kfPolicy("open", "app", "PermitAll", "PermitAll"), kfPolicy("open", "app", "DenyAll", "DenyAll")), ["Kf owns this policy"]],
  ["except link-local", () => update(world, find("NetworkPolicy", "closed", "allow-metadata"), np("closed", "allow-metadata", egressTo([block("0.0.0.0/0", ["169.254.0.0/16"])]))), ["169.254.169.252"]],
];

describe("the text of a refusal", () => {
  it.each(texts)("%s", (_what, ask, parts) => {
    const answer = ask();
    expect(answer.allowed).toBe(false);
    for (const part of parts) expect(answer.message).toContain(part);
    // Code and reason, so that kubectl prints "(Forbidden)"; the same in causes; no control characters.
    const status = answer.response["status"] as { code: number; reason: string; message: string; details: { causes: { reason: string; message: string }[] } };
    expect([status.code, status.reason]).toEqual([403, "Forbidden"]);
    expect([...new Set(status.details.causes.map(({ reason }) => reason))].sort()).toEqual([...answer.deny].sort());
    expect(status.message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    expect(answer.first).toMatch(/^\[[a-z]+\/[a-z-]+\] /);
    for (const rule of answer.deny) expect(answer.message).toContain(rule);
  });
  it("user input cannot put control characters in", () => {
    const answer = create(world, fresh("open", { "kf.dev/networkpolicy": "x\u001b[31m\ny" }));
    expect(JSON.stringify(answer.response)).not.toMatch(/\\u001b/);
  });
  it("user input cannot put lines of its own in", () => {
    // "no control characters from user input" (admission.md, The answer): a line feed is one, and forges a line
    const forged = create(world, ns("new", {}, { annotations: { "sluice.dev/baseline": "a\nrefused by nobody" } }));
    expect((forged.response["status"] as { message: string }).message.split("\n")).not.toContainEqual(expect.stringMatching(/^refused by nobody/));
  });
  it("the first line is complete: rule, what breaks, for whom, peer, port, by which policy, how many", () => {
    const { first } = remove(world, find("NetworkPolicy", "closed", "allow-metadata"));
    for (const part of ["[kf/workload-identity]", "closed/billing-1", "169.254.169.252", "TCP 988", "egress denied by", "2 running pods affected"]) expect(first).toContain(part);
    expect(first.length).toBeLessThan(600);
  });
  it("counts a pod once", () => {
    // billing-1 and build-1 lose DNS; two flows of one rule, or one of a Service with two ports, are no more pods.
    const { decision } = remove(world, allowDns("closed"));
    expect(decision.violations.map(({ runningPods }) => runningPods)).toEqual([2, 2]);
    const system = create(world, np("kf", "p", { podSelector: {}, policyTypes: ["Egress"] }));
    expect(system.decision.violations[0]?.runningPods).toBe(3);
  });
  it("a pod that is held does not run", () => expect(create(world, fresh("bare", {})).first).not.toContain("running pod"));
  it("says what to do at the end that is shut", () => {
    // The policy on the DNS pods denies ingress: egress of the namespaces is open already.
    const { message } = create(world, np("kube-system", "cut", { podSelector: {}, policyTypes: ["Ingress"] }));
    expect(message).toMatch(/to do: .*ingress/);
  });
  it("names both directions that lose their default deny", () => {
    const one = np("bare", "one", { podSelector: {}, policyTypes: ["Ingress", "Egress"], egress: [{ ports: both }] });
    const { message } = remove(cluster(one), one);
    for (const direction of ["ingress", "egress"]) expect(message.split("\n")[0]).toContain(direction);
  });
  it("names the baseline's rule of the namespace that breaks, not of all", () => {
    const { message } = remove(world, allowDns("shop"));
    expect(message).toContain("shop/web-1");
    expect(message).not.toContain("closed");
  });
  it("warnings carry rule ids and one line each", () => {
    for (const warning of create(cluster(ns("young")), defaultDeny("young")).warnings) expect(warning).toMatch(/^\[[a-z]+\/[a-z-]+\] [^\n]+$/);
  });
  it("broken-already warns where the change touches an end: the peer's too", () => {
    // "Endpoints broken before and after are warned about when the change touches an end of that flow"
    const cut = np("kube-system", "cut", { podSelector: {}, policyTypes: ["Ingress"] });
    const more = np("kube-system", "more", { podSelector: sel({ "k8s-app": "kube-dns" }), policyTypes: ["Ingress"] });
    expect(create(cluster(cut), more).warn).toEqual(expect.arrayContaining(["baseline/dns"]));
  });
  it("broken-already warns on DELETE, too", () => {
    const extra = np("closed", "extra", egressTo([block("10.0.0.0/8")], tcp(5432), sel(APP)));
    expect(remove(clusterWithout(["NetworkPolicy/closed/allow-metadata"], extra), extra).warn).toEqual(["kf/workload-identity"]);
  });
});
void around; void dns; void endpoints; void gateway; void openSpace; void closedSpace; void pod; void snapshotOf; void withSpec;
