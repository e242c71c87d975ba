import { readFile } from "node:fs/promises";
import { version, WrongUse, type Config } from "../config.js";
import type { Tracing } from "../server/tracing.js";

/** With `--otlp-endpoint` only: its code is not loaded otherwise. */
export async function openTracing({ otlpEndpoint }: Config): Promise<Tracing | undefined> {
  if (otlpEndpoint === undefined) return undefined;
  if (!/^https?:$/.test(URL.canParse(otlpEndpoint) ? new URL(otlpEndpoint).protocol : "")) throw new WrongUse(`\`--otlp-endpoint ${otlpEndpoint}\` is no address such as \`http://collector:4318\``);
  const { Tracing } = await import("../server/tracing.js");
  return new Tracing(otlpEndpoint, version());
}

/** The PEM of `--client-ca`. */
export async function clientCaOf({ clientCa }: Config): Promise<string | undefined> {
  if (clientCa === undefined) return undefined;
  const pem = await readFile(clientCa, "utf8").catch((error: Error) => {
    throw new WrongUse(`\`--client-ca ${clientCa}\` cannot be read: ${error.message}`);
  });
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw new WrongUse(`\`--client-ca ${clientCa}\` holds no certificate`);
  return pem;
}
