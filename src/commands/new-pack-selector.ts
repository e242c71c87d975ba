import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WrongUse } from "../config.js";
import { editorSchemas } from "../packs/editor-schema.js";
import { whyUnreadable } from "../sources/files.js";
import { jsonText, type Outcome } from "./command.js";

/** `rules new NAME`: a pack to begin with, its test and their schemas. Never overwrites a pack or a test. */
export async function newPack(verb: string, name: string | undefined, dir: string): Promise<Outcome> {
  if (verb !== "new") throw new WrongUse(`\`sluice rules ${verb}\`: the only word here is \`new\`, as in \`sluice rules new NAME\``);
  if (name === undefined || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) throw new WrongUse(`\`sluice rules new\` needs a name of small letters, digits and \`-\`${name === undefined ? "" : `, not \`${name}\``}`);
  const [pack, test] = [join(dir, `${name}.yaml`), join(dir, "tests", `${name}.yaml`)];
  await mkdir(join(dir, "tests"), { recursive: true });
  await create(pack, packText(name));
  await create(test, testText(name));
  await mkdir(join(dir, "schema"), { recursive: true });
  for (const { kind, schema } of editorSchemas()) await writeFile(join(dir, "schema", `${kind.toLowerCase()}.json`), jsonText(schema));
  return { output: `wrote ${pack} and ${test}; try\n  sluice test ${test} --coverage --mutate\n`, exitCode: 0 };
}

async function create(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: "wx" });
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new WrongUse(`${file} ${exists ? "is there already, and stays as it is" : `cannot be written: ${whyUnreadable(error)}`}`);
  }
}

function packText(name: string): string {
  return `# yaml-language-server: $schema=schema/rulepack.json
# Warnings first: read what they say of your cluster, then set \`action: deny\`.
apiVersion: sluice.dev/v1alpha1
kind: RulePack
metadata:
  name: "${name}"
spec:
  description: protected namespaces do not reach the Internet
  parameters:
    action:
      type: string
      enum: [warn, deny]
      default: warn
      description: what happens to a change that opens a way to the Internet
  namespaces:
    protected: {matchLabels: {protected: "true"}}
  endpoints:
    internet: {addresses: $(profile.publicInternet)}
  rules:
    - id: no-internet
      check: forbid-flow
      description: no pod of a protected namespace reaches the Internet, whoever runs or could be created
      enforcementAction: $(params.action)
      remediation: send what must go out through a pod of another namespace
      with:
        flows:
          - {what: traffic to the Internet, subject: {namespaces: protected}, egressTo: internet}
`;
}

function testText(name: string): string {
  return `# yaml-language-server: $schema=../schema/rulepacktest.json
# Run it: sluice test tests/${name}.yaml --coverage --mutate
apiVersion: sluice.dev/v1alpha1
kind: RulePackTest
metadata:
  name: "${name}"
spec:
  packs: [../${name}.yaml]
  # The cluster that every case begins with.
  state:
    objects:
      - {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {protected: "true"}}}
      - {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {containers: [{name: web}]}, status: {podIP: 10.0.0.1}}
      - {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: default-deny, namespace: shop}, spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}
  cases:
    - name: a way to the Internet is told
      steps:
        - apply: &open {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out, namespace: shop}, spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}]}]}}
          expect: {warnings: [${name}/no-internet], message: "pod \`shop/web\`"}
          connectivity: [{from: shop/web, to: 8.8.8.8, port: 443}]
    - name: and refused, when the action says so
      parameters: {"${name}": {action: deny}}
      steps:
        - apply: *open
          expect: {violations: [${name}/no-internet]}
        - name: private addresses are not the Internet
          apply: {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out, namespace: shop}, spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}}
          expect: {warnings: []}
          connectivity: [{from: shop/web, onlyTo: [10.0.0.0/8]}]
        - name: other namespaces may
          apply: {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out, namespace: other}, spec: {podSelector: {}, policyTypes: [Egress], egress: [{}]}}
          expect: {warnings: []}
    - name: a namespace is protected once its policies are
      parameters: {"${name}": {action: deny}}
      state: {objects: [{apiVersion: v1, kind: Namespace, metadata: {name: late}}]}
      steps:
        - relabel: {kind: Namespace, name: late, labels: {protected: "true"}}
          expect: {violations: [${name}/no-internet]}
`;
}
