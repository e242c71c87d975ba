import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { issueCa } from "../../src/upkeep/certificates.js";
import { waitFor } from "../e2e/wait-for.js";

/** Makes a server take another certificate, by what it finds in its folder. */

/** The server issues a leaf where there is none. */
export async function anotherLeaf(folder: string): Promise<void> {
  const path = join(folder, "tls.crt");
  const before = await readFile(path, "utf8");
  await rm(path);
  await waitFor("another leaf", async () => (await readFile(path, "utf8").catch(() => before)) !== before, 60_000);
}

/** A key that is not the CA's: the CA can sign no more. The next leaf is of another one, once clients have read the bundle with both. */
export async function anotherCa(folder: string, untilClientsRead: () => Promise<void>): Promise<void> {
  const path = join(folder, "ca.crt");
  const before = await readFile(path, "utf8");
  await writeFile(join(folder, "ca.key"), (await issueCa(new Date())).key);
  await waitFor("another CA", async () => (await readFile(path, "utf8")) !== before, 60_000);
  expect(await readFile(path, "utf8")).toContain(before);
  await untilClientsRead();
  await anotherLeaf(folder);
}
