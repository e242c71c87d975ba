import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { OPTIONS, version } from "../../src/config.js";

/** What the manifests say besides what an API server checks: the right version, flags that exist, rights with names, time to drain. */

interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly PolicyRule[];
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [{ readonly image: string; readonly args: readonly string[]; readonly env: readonly { readonly value: string }[]; readonly resources: { readonly limits: { readonly memory: string } } }];
      };
    };
  };
}

const deploy = fileURLToPath(new URL("../../deploy/", import.meta.url));
const files = readdirSync(deploy, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml") && !file.startsWith("helm/") && !file.endsWith("kustomization.yaml"));
const objects = files.flatMap((file) => parseAllDocuments(readFileSync(`${deploy}${file}`, "utf8")).map((document) => document.toJS() as Manifest));
const roles = objects.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
const pod = objects.find(({ kind }) => kind === "Deployment")?.spec.template.spec;
const container = pod?.containers[0];

describe("the deployment", () => {
  it("runs the image of this version", () => {
    expect(container?.image).toBe(`sluice:${version()}`);
  });

  it("uses flags that there are, in overlays too", () => {
    const flags = [...(container?.args ?? []), ...readdirSync(deploy, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith("kustomization.yaml")).flatMap((file) => readFileSync(`${deploy}${file}`, "utf8").match(/value: --[a-z-]+/g) ?? [])];
    const known = Object.values(OPTIONS).map(({ flags: text }) => /--[a-z-]+/.exec(text)?.[0]);
    const used = flags.flatMap((text) => /--[a-z-]+/.exec(text) ?? []);
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter((flag) => !known.includes(flag))).toEqual([]);
  });

  it("bounds the heap below its memory limit", () => {
    const heap = Number(container?.env.map(({ value }) => /max-old-space-size=(\d+)/.exec(value)?.[1])[0]);
    expect(container?.resources.limits.memory).toBe("1Gi");
    expect(heap).toBe(0.75 * 1024);
  });

  it("leaves time to drain: 3 s of serving on, and the longest request", () => {
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(3 + 30);
  });
});

describe("the rights", () => {
  it.each(roles.map((role) => [role.metadata.name, role] as const))("%s names every kind and every verb", (_, { rules = [] }) => {
    expect(rules.length).toBeGreaterThan(0);
    for (const { apiGroups = [], resources = [], nonResourceURLs = [], verbs } of rules) for (const word of [...apiGroups, ...resources, ...nonResourceURLs, ...verbs]) expect(word).not.toContain("*");
  });

  it("never let Sluice delete, or impersonate, or make roles, or read Secrets but its own", () => {
    const all = roles.flatMap(({ rules = [] }) => rules);
    // Reports are its own; those of namespaces with nothing left to tell go.
    const others = all.filter(({ apiGroups = [] }) => !apiGroups.every((group) => ["openreports.io", "wgpolicyk8s.io"].includes(group)));
    expect(others.flatMap(({ verbs }) => verbs).filter((verb) => !["get", "list", "watch", "create", "update", "patch"].includes(verb))).toEqual([]);
    expect(all.flatMap(({ apiGroups = [] }) => apiGroups)).not.toContain("rbac.authorization.k8s.io");
    for (const { resources = [], verbs } of all.filter((rule) => rule.resources?.includes("secrets"))) expect([resources, verbs.includes("list")]).toEqual([["secrets"], false]);
  });

  it("let those who may look at the console look at all of it", () => {
    const source = readFileSync(new URL("../../src/commands/serve-console.ts", import.meta.url), "utf8");
    const paths = [...source.matchAll(/^ {6}"?([a-z-]+)"?: (?:async )?\(/gm)].map(([, name]) => `/console/v1/${name ?? ""}`);
    expect(paths.length).toBeGreaterThan(10);
    const role = roles.find(({ metadata }) => metadata.name === "sluice-console-reader")?.rules?.[0]?.nonResourceURLs ?? [];
    expect(paths.filter((path) => !role.includes(path))).toEqual([]);
  });
});

it("with cert-manager, its pods do not wait for the certificate that it is to renew", () => {
  interface Webhook {
    readonly failurePolicy: string;
    readonly namespaceSelector?: { readonly matchExpressions: readonly { readonly key: string; readonly operator: string; readonly values: readonly string[] }[] };
    readonly rules: readonly { readonly scope: string }[];
  }
  const closing = objects.flatMap((object) => ((object as unknown as { readonly webhooks?: readonly Webhook[] }).webhooks ?? []).filter(({ failurePolicy, rules }) => failurePolicy === "Fail" && rules.some(({ scope }) => scope !== "Cluster")));
  expect(closing).toHaveLength(1);
  for (const { namespaceSelector } of closing) expect(namespaceSelector?.matchExpressions).toContainEqual({ key: "kubernetes.io/metadata.name", operator: "NotIn", values: expect.arrayContaining(["cert-manager", "sluice-system", "kube-system"]) });
  // The replicas judge by the same.
  expect(readFileSync(`${deploy}overlays/cert-manager/kustomization.yaml`, "utf8")).toContain("--set=exemptNamespaces=cert-manager");
});

describe("the definitions of kinds", () => {
  interface Definition {
    readonly spec: { readonly conversion?: { readonly strategy: string }; readonly versions: readonly { readonly name: string; readonly served: boolean; readonly storage: boolean; readonly schema: object }[] };
  }
  const definitions = objects.filter(({ kind }) => kind === "CustomResourceDefinition").map((one) => [one.metadata.name, one as unknown as Definition] as const);
  it.each(definitions)("%s: every version has the same fields, and reading one does not depend on Sluice (docs/install.md)", (_, { spec: { conversion, versions } }) => {
    expect(conversion?.strategy ?? "None").toBe("None");
    expect(versions.filter(({ storage }) => storage)).toHaveLength(1);
    for (const { schema, served } of versions) expect([served, schema]).toEqual([true, versions[0]?.schema]);
  });
  it("are there", () => expect(definitions).toHaveLength(2));
});
