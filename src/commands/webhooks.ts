import { X509Certificate } from "node:crypto";
import { dump } from "js-yaml";
import { WrongUse, type Config } from "../config.js";
import type { KubeObject } from "../model/kubernetes.js";
import { customResourceDefinitions } from "../packs/crd.js";
import { webhookConfigurations, type WebhookTarget } from "../review/webhooks.js";
import { readText } from "../sources/files.js";
import { loadPacks } from "../sources/packs.js";
import { jsonText, unwrap, type Command, type Outcome } from "./command.js";
import { targetAt } from "./target-selector.js";

/** What the API server is to send, and what it does when nobody answers. */
export const command: Command = {
  name: "webhooks",
  description:
    "Prints the webhook configurations that the packs in force ask for: exactly the kinds and operations that their rules are about.\n" +
    "What may refuse fails closed and leaves exempt namespaces out; what warns, and exempt namespaces, fail open.\n" +
    "--crds prints the definitions of the kinds RulePack and PolicyException instead, with the schema of packs and exceptions.",
  arguments: [],
  options: ["packs", "profile", "set", "url", "service", "caBundle", "mode", "crds"],
  formats: ["yaml", "json"],
  example: "sluice webhooks --service sluice-system/sluice",
  run,
};

async function run(config: Config): Promise<Outcome> {
  if (config.crds) return { output: config.format === "json" ? jsonText(listOf(customResourceDefinitions())) : CRD_HEAD + manifests(customResourceDefinitions()), exitCode: 0 };
  const { packs } = unwrap(await loadPacks(config), "the rule packs cannot be used");
  const configurations = unwrap(webhookConfigurations(packs, await targetOf(config)), "some rules cannot be sent anything");
  return { output: config.format === "json" ? jsonText(listOf(configurations)) : yamlText(configurations, packs.names), exitCode: 0 };
}

async function targetOf(config: Config): Promise<WebhookTarget> {
  const { caBundle } = config;
  return { at: targetAt(config), mode: config.mode, ...(caBundle !== undefined && { caBundle: certificatesOf(unwrap(await readText(caBundle)), caBundle) }) };
}

/** The API server refuses a bundle that it cannot read; a private key must never get into one. */
function certificatesOf(text: string, file: string): string {
  const blocks = text.match(/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?-----END [A-Z0-9 ]+-----/g) ?? [];
  if (blocks.length === 0 || !blocks.every(isCertificate)) throw new WrongUse(`\`--ca-bundle ${file}\` must hold certificates in PEM, and nothing else`);
  return `${blocks.join("\n")}\n`;
}

function isCertificate(block: string): boolean {
  try {
    return block.startsWith("-----BEGIN CERTIFICATE-----") && new X509Certificate(block).validTo !== "";
  } catch {
    return false;
  }
}

function yamlText(configurations: readonly KubeObject[], packs: readonly string[]): string {
  const head = `# What the API server sends to Sluice, and what it does when Sluice does not answer: printed by \`sluice webhooks\` for\n# the packs ${packs.join(", ")}. Print it anew when other packs are in force.\n`;
  return head + manifests(configurations);
}

const CRD_HEAD = "# The kinds RulePack and PolicyException: printed by `sluice webhooks --crds`.\n";

function manifests(objects: readonly KubeObject[]): string {
  return objects.map((one) => dump(one, { lineWidth: -1, noRefs: true })).join("---\n");
}

function listOf(items: readonly KubeObject[]): object {
  return { apiVersion: "v1", kind: "List", items };
}
