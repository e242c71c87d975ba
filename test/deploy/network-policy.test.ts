import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { command } from "../../src/commands/prove.js";
import { readConfig, type RawOptions } from "../../src/config.js";

/** Sluice's own policies, proven by Sluice: enough for what it needs, and nothing to spare. */

interface Rule {
  from?: object[];
  to?: object[];
  ports?: object[];
}
interface Policy {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { policyTypes: string[]; ingress?: Rule[]; egress?: Rule[] };
}

const SURROUNDINGS = `
{apiVersion: v1, kind: Namespace, metadata: {name: sluice-system}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: monitoring}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
`;
const SLUICE = "sluice-system/app.kubernetes.io/name=sluice";
const DNS = "kube-system/k8s-app=kube-dns";
/** Of a managed control plane, of a node, and of one with IPv6. */
const API_SERVERS = ["203.0.113.5/32", "10.10.0.2/32", "2001:db8::5/128"];

const NEEDED: readonly RawOptions[] = [
  ...API_SERVERS.flatMap((address): RawOptions[] => [
    { fromAll: address, toAll: SLUICE, traffic: "TCP/8443" },
    { fromAll: SLUICE, toAll: address, traffic: "TCP/443" },
    { fromAll: SLUICE, toAll: address, traffic: "TCP/6443" },
  ]),
  { fromAll: "monitoring", toAll: SLUICE, traffic: "TCP/8443" },
  ...["UDP/53", "TCP/53"].flatMap((traffic): RawOptions[] => [{ fromAll: SLUICE, toAll: DNS, traffic }, { fromAll: SLUICE, toAll: "169.254.20.10/32", traffic }]),
  { isolated: "sluice-system" },
  { forbid: true, fromAll: "shop", toAll: SLUICE, traffic: "TCP/9229" },
  { forbid: true, fromAll: SLUICE, toAll: "shop", traffic: "TCP/80" },
  { forbid: true, fromAll: "shop", toAll: "sluice-system/app.kubernetes.io/name=other", traffic: "TCP/8443" },
];

const folder = mkdtempSync(join(tmpdir(), "sluice-own-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const SHIPPED = parseAllDocuments(readFileSync(new URL("../../deploy/base/networkpolicy.yaml", import.meta.url), "utf8")).map((document) => document.toJS() as Policy);

/** The needs that these policies do not meet. */
async function unmet(policies: readonly Policy[]): Promise<readonly RawOptions[]> {
  const file = join(folder, "state.yaml");
  writeFileSync(file, `${SURROUNDINGS}---\n${policies.map((policy) => JSON.stringify(policy)).join("\n---\n")}\n`);
  const missed: RawOptions[] = [];
  for (const need of NEEDED) {
    const config = readConfig([file], { output: "json", ...need }, { env: {}, terminal: false });
    const { exitCode } = await command.run(config, { note: () => undefined, progress: () => undefined });
    if (exitCode !== 0) missed.push(need);
  }
  return missed;
}

/** Every way to leave out one policy, one rule, one peer or one port of a rule. */
function* lessByOne(): Generator<readonly [what: string, policies: readonly Policy[]]> {
  for (const [i, { metadata, spec }] of SHIPPED.entries()) {
    yield [metadata.name, SHIPPED.toSpliced(i, 1)];
    for (const direction of ["ingress", "egress"] as const) {
      for (const [r, rule] of (spec[direction] ?? []).entries()) {
        yield* without(i, `${direction}[${r}]`, (copy) => copy.spec[direction]?.splice(r, 1));
        for (const part of ["from", "to", "ports"] as const) for (const p of (rule[part] ?? []).keys()) if ((rule[part]?.length ?? 0) > 1) yield* without(i, `${direction}[${r}].${part}[${p}]`, (copy) => copy.spec[direction]?.[r]?.[part]?.splice(p, 1));
      }
    }
  }
}

function* without(index: number, what: string, change: (copy: Policy) => unknown): Generator<readonly [string, readonly Policy[]]> {
  const copies = structuredClone(SHIPPED);
  change(copies[index] as Policy);
  yield [`${SHIPPED[index]?.metadata.name ?? ""} ${what}`, copies];
}

it("they are enough", async () => {
  expect(await unmet(SHIPPED)).toEqual([]);
});

it.each([...lessByOne()])("and %s is needed", async (_, policies) => {
  expect((await unmet(policies)).length).toBeGreaterThan(0);
});
