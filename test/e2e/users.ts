import { randomBytes } from "node:crypto";

interface Identity {
  readonly username: string;
  readonly groups: readonly string[];
}

/** Whom a test can be; fixtures/rbac.yaml says what each may do. */
export const users = {
  admin: { username: "admin", groups: ["system:masters"] },
  developer: { username: "developer", groups: ["developers"] },
  "kf-controller": serviceAccount("kf", "controller"),
  "tekton-controller": serviceAccount("tekton-pipelines", "tekton-pipelines-controller"),
  node: { username: "system:node:node-1", groups: ["system:nodes"] },
  "controller-manager": { username: "system:kube-controller-manager", groups: [] },
} satisfies Record<string, Identity>;

/** Name of a row of `users`. */
export type UserName = keyof typeof users;

/** One secret token per user. */
export type Tokens = Readonly<Record<UserName, string>>;

/** All user names, in the order of the table. */
export const userNames = Object.keys(users) as UserName[];

function serviceAccount(namespace: string, name: string): Identity {
  return { username: `system:serviceaccount:${namespace}:${name}`, groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`] };
}

/** Fresh tokens for one cluster. */
export function newTokens(): Tokens {
  return Object.fromEntries(userNames.map((name) => [name, randomBytes(24).toString("hex")])) as Tokens;
}

/** The file of `--token-auth-file`: token, user, uid, groups. */
export function tokenFile(tokens: Tokens): string {
  return userNames.map((name) => `${tokens[name]},${users[name].username},${name},"${users[name].groups.join(",")}"\n`).join("");
}

/** A kubeconfig for one token, as JSON (which is YAML). */
export function kubeconfigText(server: string, caFile: string, token: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "e2e", cluster: { server, "certificate-authority": caFile } }],
    users: [{ name: "e2e", user: { token } }],
    contexts: [{ name: "e2e", context: { cluster: "e2e", user: "e2e" } }],
    "current-context": "e2e",
  });
}
