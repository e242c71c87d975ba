import { isRecord, recordsIn, type KubeObject } from "../model/kubernetes.js";
import { isDeepStrictEqual } from "../review/equal.js";
import { customResourceDefinitions, OWN_KINDS } from "../packs/crd.js";
import { isException, parseException, stateOf } from "../packs/exception.js";
import { failure, orElse, warning, whenRead, type Check, type Finding } from "./check.js";
import { listed } from "./words.js";

const APPLY = "`sluice webhooks --crds | kubectl apply --server-side -f -`";

/** Are the kinds RulePack and PolicyException there, as this version knows them? */
export const kinds: Check = {
  id: "kinds",
  judge: ({ definitions }) =>
    whenRead(definitions, (stored) => orElse(customResourceDefinitions().flatMap((wanted) => definition(wanted, stored)), `${listed(OWN_KINDS.map(({ kind }) => kind))} are served as this version knows them`)),
};

function definition(wanted: KubeObject, stored: readonly KubeObject[]): readonly Finding[] {
  const { name = "" } = wanted.metadata;
  const found = stored.find(({ metadata }) => metadata.name === name);
  if (!found) return [failure(`\`${name}\` is not defined: packs and exceptions of the cluster cannot be read`, `apply it: ${APPLY}`)];
  const theirs = versionsOf(found);
  const differing = versionsOf(wanted).filter((version) => !theirs.some((other) => other["name"] === version["name"] && other["served"] === true && isDeepStrictEqual(other["schema"], version["schema"])));
  return differing.length > 0 ? [warning(`\`${name}\` does not have the schema of this version in ${listed(differing.map((version) => String(version["name"])))}`, `apply it anew: ${APPLY}`)] : [];
}

function versionsOf({ spec }: KubeObject): readonly Record<string, unknown>[] {
  return isRecord(spec) ? recordsIn(spec["versions"]) : [];
}

/** What became of the packs and exceptions that lie in the cluster. */
export const ownObjects: Check = {
  id: "packs of the cluster",
  judge: ({ snapshot, now }) =>
    whenRead(snapshot, (state) => {
      const objects = OWN_KINDS.flatMap(({ group, kind }) => [...state.objectsOf(group, kind).values()]);
      return orElse(objects.flatMap((object) => [...accepted(object), ...ending(object, now)]), objects.length === 0 ? "there are none" : `${objects.length} in force`);
    }),
};

function accepted(object: KubeObject): readonly Finding[] {
  const { conditions, observedGeneration } = isRecord(object["status"]) ? object["status"] : {};
  const found = recordsIn(conditions).find(({ type }) => type === "Accepted");
  const name = `${object.kind} \`${object.metadata.name ?? ""}\``;
  const { generation } = object.metadata as { readonly generation?: unknown };
  if (found?.["status"] === "False") return [failure(`${name} is not in force as it stands: ${String(found["message"])}`, `mend it: \`kubectl get ${object.kind.toLowerCase()} ${object.metadata.name ?? ""} -o yaml\` tells every problem under \`status\``)];
  if (!found || (typeof generation === "number" && observedGeneration !== generation)) return [warning(`${name} has not been taken over by any replica yet`, "wait some seconds; when this stays, no replica serves with `--cluster`, or none may write its status")];
  return [];
}

function ending({ status: _ours, ...object }: KubeObject, now: number): readonly Finding[] {
  const written = object as KubeObject;
  if (!isException(written)) return [];
  const exception = parseException(written);
  const state = stateOf(exception, now);
  if (state !== "expiring") return [];
  return [warning(`PolicyException \`${exception.name}\` of ${exception.owner} ends ${exception.expires}`, "have its owner do without it, or ask for it anew")];
}
