import { readFileSync } from "node:fs";
import type { KubeObject } from "../../src/model/kubernetes.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import type { CompiledPacks } from "../../src/packs/compile.js";
import { kfPolicy, space, spaceNs } from "../review/fixtures/contract.js";
import { objectsIn } from "../review/world.js";

/** The example cluster without its Spaces: DNS, API server, Kf, Tekton, mesh and gateway. */
export function system(): KubeObject[] {
  return objectsIn(readFileSync(new URL("../../examples/kf-cluster/10-system.yaml", import.meta.url), "utf8"));
}

export interface Values {
  readonly ingress: "PermitAll" | "DenyAll";
  readonly egress: "PermitAll" | "DenyAll";
}

export const PERMIT: Values = { ingress: "PermitAll", egress: "PermitAll" };
export const DENY: Values = { ingress: "DenyAll", egress: "DenyAll" };

/** A Space with what Kf makes of it: the Namespace and two policies. */
export function spaceOf(name: string, app: Values, build: Values): KubeObject[] {
  return [space(name, { ...app }, { ...build }), spaceNs(name), kfPolicy(name, "app", app.ingress, app.egress), kfPolicy(name, "build", build.ingress, build.egress)];
}

/** The rules whose property is not proven for every pod that a namespace could have, each once. */
export function brokenRules(snapshot: Snapshot, packs: CompiledPacks, namespace: string): string[] {
  const broken = packs.rules.filter(({ behaviour: { protect } }) => protect?.standing(snapshot, snapshot.namespace(namespace)).some(({ outcome }) => outcome !== "holds"));
  return [...new Set(broken.map(({ id }) => id))].sort();
}
