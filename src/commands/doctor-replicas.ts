import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { ClusterError, type ClusterConnection } from "../cluster/cluster.js";
import type { Named, Read, Replica } from "../doctor/facts.js";
import { calledAt, webhooksOf } from "../doctor/stored.js";
import { isRecord, recordsIn, textsIn, type KubeObject } from "../model/kubernetes.js";

interface Where {
  /** Sluice's webhook configurations. */
  readonly own: Read<readonly KubeObject[]>;
  readonly slices: Read<readonly KubeObject[]>;
  readonly service: Named;
  /** In a pod, whose network is that of the replicas. */
  readonly inside: boolean;
}

const ASK_MS = 5_000;
const AGAIN_MS = 1_000;
const PAGE = "/readyz?verbose";

/** What every replica says of itself: asked directly where the configurations name a URL or we are in the cluster, through the API server's proxy else. */
export async function askReplicas(connection: ClusterConnection, { own, slices, service, inside }: Where): Promise<readonly Replica[]> {
  const called = "value" in own ? own.value.flatMap(webhooksOf).map(calledAt) : [];
  const urls = new Map(called.flatMap(({ url, caBundle }) => (url !== undefined && URL.canParse(url) ? [[new URL(url).origin, caBundle] as const] : [])));
  if (urls.size > 0) return Promise.all([...urls].map(([origin, ca]) => twice(() => askDirectly({ url: origin, ca, name: origin }))));
  if ("problem" in slices) throw new Error(slices.problem);
  const found = slices.value.flatMap(endpointsOf);
  const ca = called.find(({ caBundle }) => caBundle !== "")?.caBundle ?? "";
  const servername = `${service.name}.${service.namespace}.svc`;
  return Promise.all(found.map(({ address, port, pod }) => twice(() => {
    if (inside) return askDirectly({ url: `https://${address.includes(":") ? `[${address}]` : address}:${port}`, ca, servername, name: pod ?? address });
    return askByProxy(connection, `/api/v1/namespaces/${service.namespace}/pods/https:${pod ?? ""}:${port}/proxy${PAGE}`, pod ?? address);
  })));
}

/** A replica that nobody has asked before looks at some things only then. */
async function twice(ask: () => Promise<Replica>): Promise<Replica> {
  const first = await ask();
  if (first.ready) return first;
  await sleep(AGAIN_MS);
  return ask();
}

function endpointsOf(slice: KubeObject): readonly { readonly address: string; readonly port: number; readonly pod?: string }[] {
  const port = Number(recordsIn(slice["ports"])[0]?.["port"] ?? 443);
  return recordsIn(slice["endpoints"]).flatMap(({ addresses, targetRef }) => {
    const [address] = textsIn(addresses);
    const pod = isRecord(targetRef) && targetRef["kind"] === "Pod" ? String(targetRef["name"]) : undefined;
    return address === undefined ? [] : [{ address, port, ...(pod !== undefined && { pod }) }];
  });
}

async function askByProxy(connection: ClusterConnection, path: string, name: string): Promise<Replica> {
  try {
    const response = await connection.open(path, AbortSignal.timeout(ASK_MS));
    let text = "";
    for await (const chunk of response) text += String(chunk);
    return { name, ready: true, text };
  } catch (error) {
    const page = error instanceof ClusterError && /^\[[+-]\]/.test(error.body) ? error.body : undefined;
    if (page === undefined) throw error;
    return { name, ready: false, text: page };
  }
}

interface Asked {
  readonly url: string;
  /** PEM; empty: the CAs of the system. */
  readonly ca: string;
  readonly servername?: string;
  readonly name: string;
}

/** As the API server calls it: by the name and with the trust of the webhook configurations. */
function askDirectly({ url, ca, servername, name }: Asked): Promise<Replica> {
  return new Promise((resolve) => {
    const broken = (error: Error): void => resolve({ name, ready: false, text: `[-]answer failed: ${error.message}` });
    const call = request(`${url}${PAGE}`, { ...(ca !== "" && { ca }), ...(servername !== undefined && { servername }), signal: AbortSignal.timeout(ASK_MS) }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString())).on("error", broken);
      response.on("end", () => resolve({ name, ready: response.statusCode === 200, text }));
    });
    call.on("error", broken).end();
  });
}
