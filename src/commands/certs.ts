import { join } from "node:path";
import type { Config } from "../config.js";
import { loadOrCreate, type ServedCertificate } from "../upkeep/certificate-files.js";
import { jsonText, unwrap, type Command, type Outcome } from "./command.js";

/** A throw-away certificate authority and serving certificate. */
export const command: Command = {
  name: "certs",
  description:
    "Makes a throw-away certificate authority and a serving certificate for loopback and the given names, or renews them when it is time.\n" +
    "A certificate that somebody else put into the folder is only read.",
  arguments: [],
  options: ["certDir", "names"],
  formats: ["text", "json"],
  example: "sluice certs --cert-dir certs --name sluice.sluice-system.svc",
  run,
};

async function run({ certDir, names, format }: Config): Promise<Outcome> {
  const certificate = unwrap(await loadOrCreate(certDir, { names }));
  return { output: format === "json" ? jsonText(asJson(certDir, certificate)) : asText(certDir, certificate), exitCode: 0 };
}

function asJson(folder: string, { fingerprint, notAfter, throwAway, ca }: ServedCertificate): object {
  const caBundle = ca === undefined ? {} : { caBundle: Buffer.from(ca).toString("base64") };
  return { certificate: join(folder, "tls.crt"), key: join(folder, "tls.key"), fingerprint, notAfter: new Date(notAfter).toISOString(), throwAway, ...caBundle };
}

function asText(folder: string, { fingerprint, notAfter, throwAway, ca }: ServedCertificate): string {
  const lines = [
    `${throwAway ? "throw-away certificate" : "certificate"} ${join(folder, "tls.crt")}, key ${join(folder, "tls.key")}`,
    `valid until ${new Date(notAfter).toISOString()}, SHA-256 fingerprint ${fingerprint}`,
    ...(ca === undefined ? [] : [`clients trust ${join(folder, "ca.crt")}`]),
  ];
  return `${lines.join("\n")}\n`;
}
