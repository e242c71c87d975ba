import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { kubeconfigFile, type Cluster } from "./cluster-client.js";
import type { UserName } from "./users.js";

/** What the API server answered. */
export interface Answered {
  readonly status: number;
  readonly body: { readonly message?: string };
}

/** The bearer token of a user. */
export function tokenOf(cluster: Cluster, user: UserName): string {
  const { users } = JSON.parse(readFileSync(kubeconfigFile(cluster.directory, user), "utf8")) as { users: { user: { token: string } }[] };
  return users[0]?.user.token ?? "";
}

/** Plain requests to the API server, for what kubectl is too slow to do at the same instant. */
export function apiOf(cluster: Cluster, user: UserName): (method: "DELETE" | "POST" | "GET", path: string, body?: object) => Promise<Answered> {
  const agent = new Agent({ ca: cluster.ca, keepAlive: true });
  const headers = { authorization: `Bearer ${tokenOf(cluster, user)}`, "content-type": "application/json" };
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const sent = request(`${cluster.server}${path}`, { method, agent, headers }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answered["body"] }));
      });
      sent.on("error", reject).end(body && JSON.stringify(body));
    });
}
