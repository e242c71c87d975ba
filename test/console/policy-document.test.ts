import { describe, expect, test } from "vitest";
import { documentCount, formOf, objectsOf, placed, withForm, withoutRule, yamlOf } from "../../src/console/policy-document.js";
import { startersWith } from "../../src/console/starters.js";
import { starterPolicies } from "../../src/views/starters.js";
import { shippedPacks } from "../review/world.js";

const TEXT = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db # the shop's
  namespace: shop
spec:
  podSelector:
    matchLabels: { app: db }
  policyTypes: [ Ingress ]
  ingress:
    - from:
        - podSelector: { matchLabels: { app: web } }
      ports:
        - port: 5432
    # what the form cannot say
    - from:
        - ipBlock: { cidr: 10.0.0.0/8, except: [ 10.1.0.0/16 ] }
`;

function form() {
  const read = formOf(TEXT, 0);
  if (!read) throw new Error("no form");
  return read;
}

describe("a policy as a form", () => {
  test("has the simple parts, and says which are not", () => {
    expect(form()).toEqual({
      name: "db", namespace: "shop", pods: "app=db", isolates: { ingress: true, egress: false },
      rules: { ingress: [{ peers: [{ kind: "pods", namespace: "", labels: "app=web" }], ports: "TCP 5432" }, undefined], egress: [] },
    });
  });

  test("that was not changed leaves every letter of what it does not know", () => {
    const changed = withForm(TEXT, 0, { ...form(), name: "database" });
    expect(changed).toBe(TEXT.replace("name: db #", "name: database #"));
  });

  test("writes rules, and keeps the others with their comments", () => {
    const [first, second] = form().rules.ingress;
    if (!first) throw new Error("no rule");
    const changed = withForm(TEXT, 0, { ...form(), rules: { ingress: [{ peers: [{ kind: "pods", namespace: "lab", labels: "" }, { kind: "addresses", cidr: "192.0.2.0/24" }], ports: "UDP 53, TCP 8000-8080, metrics" }, second], egress: [] } });
    expect(changed).toContain("# what the form cannot say");
    const read = objectsOf(changed);
    expect("objects" in read && (read.objects[0]?.spec as { ingress: object[] }).ingress).toEqual([
      { from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "lab" } } }, { ipBlock: { cidr: "192.0.2.0/24" } }], ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 8000, endPort: 8080 }, { protocol: "TCP", port: "metrics" }] },
      { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }] },
    ]);
  });

  test("isolates a direction, and takes rules out", () => {
    const egress = withForm(TEXT, 0, { ...form(), isolates: { ingress: true, egress: true } });
    expect(formOf(egress, 0)?.isolates).toEqual({ ingress: true, egress: true });
    const one = withoutRule(TEXT, 0, { direction: "ingress", rule: 1 });
    expect(formOf(one, 0)?.rules.ingress).toHaveLength(1);
    expect(withoutRule(one, 0, { direction: "ingress", rule: 0 })).not.toContain("ingress:");
  });

  test("is none for other objects and broken text", () => {
    expect(formOf("kind: Pod\nmetadata: {name: x}\n", 0)).toBeUndefined();
    expect(formOf("a: [", 0)).toBeUndefined();
    expect(objectsOf("a: [")).toEqual({ problem: expect.stringContaining("Flow sequence") });
    expect(objectsOf("- 1\n")).toEqual({ problem: "each document must be an object with `apiVersion`, `kind` and `metadata`" });
  });
});

const STARTERS = startersWith(starterPolicies(shippedPacks()));

describe("the policies to begin with", () => {
  test("are those that everybody needs, and what the baselines of the packs allow: DNS where it is, and nowhere else", () => {
    expect(STARTERS.map(({ title }) => title)).toEqual(["Deny all", "Allow dns", "Frontend to backend"]);
    const dns = { peers: [{ kind: "pods", namespace: "kube-system", labels: "k8s-app=kube-dns" }], ports: "UDP 53, TCP 53" };
    expect(formOf(STARTERS[1]?.yaml("shop") ?? "", 0)).toMatchObject({ name: "allow-dns", namespace: "shop", rules: { ingress: [], egress: [dns] } });
  });

  test.each(STARTERS.map((starter) => [starter.title, starter] as const))("%s: a form says all of it, and writes it back as it is", (_, { yaml }) => {
    const text = yaml("shop");
    for (let i = 0; i < documentCount(text); i++) {
      const read = formOf(text, i);
      expect(read).toMatchObject({ namespace: "shop" });
      expect([...(read?.rules.ingress ?? []), ...(read?.rules.egress ?? [])]).not.toContain(undefined);
      const names = Array.from({ length: documentCount(text) }, (__, j) => (j === i ? "other" : formOf(text, j)?.name));
      const written = read && objectsOf(withForm(text, i, { ...read, name: "other" }));
      expect(written && "objects" in written && written.objects.map(({ metadata }) => metadata.name)).toEqual(names);
    }
  });

  test("survive a round through YAML", () => {
    const read = objectsOf(STARTERS[2]?.yaml("shop") ?? "");
    expect("objects" in read && objectsOf(yamlOf(read.objects))).toEqual(read);
  });
});

test("what names no namespace is meant in the one that was chosen, unless it is the whole cluster's", () => {
  const policy = { group: "networking.k8s.io", kind: "NetworkPolicy", name: "x" };
  const wide = { group: "policy.networking.k8s.io", kind: "AdminNetworkPolicy", name: "x" };
  expect(placed(policy, "shop", [wide])).toEqual({ ...policy, namespace: "shop" });
  expect(placed({ ...policy, namespace: "bank" }, "shop", [])).toEqual({ ...policy, namespace: "bank" });
  expect(placed(wide, "shop", [wide])).toEqual(wide);
});
