import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { issueCa } from "../../src/upkeep/certificates.js";
import { buildProgram, type Program } from "./program.js";

describe("sluice webhooks", () => {
  let program: Program;
  let folder = "";
  let ca: { certificate: string; key: string };
  beforeAll(async () => {
    program = await buildProgram();
    folder = await mkdtemp(join(tmpdir(), "sluice-webhooks-"));
    ca = await issueCa(new Date());
    await writeFile(join(folder, "ca.crt"), ca.certificate);
    await writeFile(join(folder, "both.pem"), ca.certificate + ca.key);
    await writeFile(join(folder, "broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    await writeFile(join(folder, "pack.yaml"), "apiVersion: sluice.dev/v1alpha1\nkind: RulePack\nmetadata: {name: p}\nspec: {rules: [{id: r, check: cel-expression, enforcementAction: warn, match: {kinds: [Widget]}, with: {expression: 'true', says: \"'x'\"}}]}\n");
  });
  afterAll(async () => {
    await program.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it("prints the same as YAML and as JSON, for a Service or an address, with the CAs to trust", async () => {
    const args = ["webhooks", "--url", "https://10.0.0.1:8443/", "--ca-bundle", join(folder, "ca.crt")];
    const [yaml, json] = [await program.run(args), await program.run([...args, "-o", "json"])];
    expect([yaml.code, yaml.stderr, json.code]).toEqual([0, "", 0]);
    const { items } = JSON.parse(json.stdout) as { items: { webhooks: { clientConfig: object }[] }[] };
    expect(parseAllDocuments(yaml.stdout).map((document) => document.toJS() as unknown)).toEqual(items);
    const caBundle = Buffer.from(ca.certificate).toString("base64");
    expect(items.flatMap(({ webhooks }) => webhooks.map(({ clientConfig }) => clientConfig))).toEqual([
      { url: "https://10.0.0.1:8443/mutate", caBundle },
      { url: "https://10.0.0.1:8443/validate/deny", caBundle },
      { url: "https://10.0.0.1:8443/validate/deny", caBundle },
      { url: "https://10.0.0.1:8443/validate/warn", caBundle },
    ]);
    expect((await program.run(["webhooks", "--service", "guard/gate"])).stdout).toContain("namespace: guard\n        name: gate\n");
  });

  it("fails open whatever it is for in mode audit", async () => {
    const { stdout } = await program.run(["webhooks", "--mode", "audit", "-o", "json"]);
    const { items } = JSON.parse(stdout) as { items: { webhooks: { failurePolicy: string }[] }[] };
    expect(new Set(items.flatMap(({ webhooks }) => webhooks.map(({ failurePolicy }) => failurePolicy)))).toEqual(new Set(["Ignore"]));
  });

  it.each([
    ["an address without TLS", ["--url", "http://10.0.0.1"], "`--url http://10.0.0.1` is not of the form https://host:port"],
    ["half a Service", ["--service", "gate"], "`--service gate` is not NAMESPACE/NAME"],
    ["a private key", ["--ca-bundle", "FOLDER/both.pem"], "must hold certificates in PEM, and nothing else"],
    ["no certificate", ["--ca-bundle", "FOLDER/broken.pem"], "must hold certificates in PEM"],
    ["a file that is not there", ["--ca-bundle", "FOLDER/gone"], "gone: no such file or folder"],
    ["a kind that nobody knows", ["--packs", "FOLDER/pack.yaml"], "rule `p/r` is about `Widget`, whose resource is not known: list it in `spec.watches` of its pack"],
  ])("answers 2 to %s", async (_, args, message) => {
    const { code, stdout, stderr } = await program.run(["webhooks", ...args.map((arg) => arg.replace("FOLDER", folder))]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});
