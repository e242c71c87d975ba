import { expect, test } from "vitest";
import { endpointOf } from "../../src/engine/endpoints.js";
import { trafficPoint } from "../../src/model/traffic.js";
import { explain } from "../../src/views/explanation.js";
import { cluster, networkPolicy, pod, PODS_BY_CIDR } from "../engine/cluster.js";

const web = { ports: [{ name: "http", containerPort: 80 }] };
const block = { ipBlock: { cidr: "10.0.0.0/24", except: ["10.0.0.1/32"] } };
const ports = [{ port: "http" }];

test.each([
  ["a peer that is left out", { ingress: [{ from: [block], ports }] }, 80, "does not name pod `default/a`"],
  ["another port", { ingress: [{ from: [{ podSelector: {} }], ports }] }, 81, "does not open TCP 81"],
  ["both", { ingress: [{ from: [block], ports }] }, 81, "does not name pod `default/a` and does not open TCP 81"],
])("a rule that names its port is told why it does not match: %s", (_what, spec, port, why) => {
  expect(reasons(networkPolicy("p", { podSelector: { matchLabels: { app: "b" } }, ...spec }), port)).toEqual([why]);
});

test("S10: a name of a port means nothing towards a block of addresses", () => {
  const spec = { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8" } }], ports }] };
  expect(reasons(networkPolicy("p", spec), 80)).toEqual(["opens the port by its name, which counts for pods and not for addresses; write its number"]);
});

function reasons(policy: ReturnType<typeof networkPolicy>, port: number): readonly string[] {
  const snapshot = cluster(pod("a", { ips: ["10.0.0.1"] }), pod("b", { ...web, labels: { app: "b" }, ips: ["10.0.0.2"] }), policy);
  const [src, dst] = ["default/a", "default/b"].map((name) => endpointOf(snapshot, name));
  if (!src || !dst) throw new Error("both pods are there");
  const { ends } = explain({ src, dst, traffic: trafficPoint("TCP", port) }, { snapshot }, PODS_BY_CIDR);
  return ends.flatMap(({ policies }) => policies.flatMap(({ rules }) => rules.map(({ why }) => why)));
}
