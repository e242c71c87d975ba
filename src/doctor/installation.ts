import { isRecord, recordsIn, type KubeObject } from "../model/kubernetes.js";
import { failure, fine, notChecked, orElse, warning, whenRead, type Check, type Finding } from "./check.js";
import type { Facts } from "./facts.js";
import { calledAt, webhooksOf } from "./stored.js";
import { count, listed } from "./words.js";

/** Namespace and Service, and somebody behind it. */
export const installation: Check = {
  id: "installation",
  judge: (facts) => {
    const { service: { namespace, name }, namespaces, serviceObject, slices } = facts;
    const urls = urlsCalled(facts);
    if (urls.length > 0) return fine(`called at ${listed(urls)}, without a Service`);
    return whenRead(namespaces, (all) => {
      const found = all.find(({ metadata }) => metadata.name === namespace);
      if (!found) return [failure(`the namespace \`${namespace}\` does not exist`, "install Sluice, or name its Service with `--service NAMESPACE/NAME`")];
      if (found.metadata.deletionTimestamp !== undefined) return [failure(`the namespace \`${namespace}\` is being deleted`, "wait until it is gone, then install Sluice anew; until then the webhook configurations go with it")];
      return whenRead(serviceObject, (service) => {
        if (!service) return [failure(`the Service \`${namespace}/${name}\` does not exist`, "apply the Service of `deploy/`, or name another one with `--service NAMESPACE/NAME`")];
        return whenRead(slices, (read) => endpoints(read, { namespace, name }));
      });
    });
  },
};

/** Addresses that Sluice's own webhooks name instead of a Service. */
function urlsCalled({ own }: Facts): readonly string[] {
  if ("problem" in own) return [];
  const urls = own.value.flatMap(webhooksOf).flatMap((webhook) => calledAt(webhook).url ?? []);
  return [...new Set(urls.map((url) => (URL.canParse(url) ? new URL(url).origin : url)))];
}

function endpoints(slices: readonly KubeObject[], { namespace, name }: { readonly namespace: string; readonly name: string }): readonly Finding[] {
  const all = slices.flatMap((slice) => recordsIn(slice["endpoints"]));
  const ready = all.filter(({ conditions }) => !isRecord(conditions) || conditions["ready"] !== false).length;
  const look = `look at \`kubectl get pods -n ${namespace}\` and the logs; meanwhile \`sluice doctor --emergency\` opens the way for others`;
  if (ready === 0) return [failure(`nobody is ready behind the Service \`${namespace}/${name}\``, look)];
  if (ready === 1) return [warning(`one replica alone is ready behind the Service \`${namespace}/${name}\``, "run two or more, or every restart refuses writes")];
  return fine(`${count(ready, "replica")} ready behind \`${namespace}/${name}\``);
}

/** What the replicas say of themselves, and whether they are the same. */
export const replicas: Check = {
  id: "replicas",
  judge: ({ replicas: read, pods, service: { namespace } }) => {
    const said = whenRead(read, (all) => (all.length === 0 ? notChecked("no replica was found to ask") : orElse([...all.flatMap(unready), ...otherPacks(all)], `${count(all.length, "replica")} ready, with the same packs`)));
    const told = "value" in read ? read.value.map(({ text }) => versionIn(text)) : [];
    // Those of an older version do not say it: their images tell.
    if (told.length > 0 && told.every((version) => version !== undefined)) return [...said, ...different(told, namespace)];
    return [...said, ...("value" in pods ? different(imagesOf(pods.value), namespace) : [])];
  },
};

function unready({ name, ready, text }: { readonly name: string; readonly ready: boolean; readonly text: string }): readonly Finding[] {
  const failing = [...text.matchAll(/^\[-\](.*)$/gm)].map(([, line = ""]) => line.replace(/ failed(?=:|$)/, ""));
  if (ready && failing.length === 0) return [];
  return [failure(`\`${name}\` is not ready: ${failing.join("; ") || "it does not say why"}`, "docs/operations.md tells what each condition of `/readyz?verbose` needs")];
}

/** The digest that a replica's page tells. */
export function digestIn(text: string): string | undefined {
  return /^\[[+-]\]packs .*\((sha256:[0-9a-f]+)\)/m.exec(text)?.[1];
}

function otherPacks(all: readonly { readonly text: string }[]): readonly Finding[] {
  const digests = new Set(all.flatMap(({ text }) => digestIn(text) ?? []));
  return digests.size > 1 ? [warning(`replicas have ${digests.size} different sets of packs in force`, "wait for the rollout to end; when they stay different, compare `/readyz?verbose` of each: a file of one is another one")] : [];
}

function versionIn(text: string): string | undefined {
  return /^\[[+-]\]version ok: (\S+)$/m.exec(text)?.[1];
}

function imagesOf(pods: readonly KubeObject[]): readonly string[] {
  const running = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined && metadata.labels?.["app.kubernetes.io/name"] === "sluice");
  return running.flatMap(({ spec }) => recordsIn(isRecord(spec) ? spec["containers"] : []).slice(0, 1).map(({ image }) => String(image)));
}

function different(versions: readonly string[], namespace: string): readonly Finding[] {
  const found = new Set(versions);
  return found.size > 1 ? [warning(`replicas run different versions: ${listed([...found])}`, `wait for the rollout to end: \`kubectl rollout status deployment -n ${namespace} sluice\``)] : [];
}
