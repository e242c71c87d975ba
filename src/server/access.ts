import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";

/** May a request look at what Sluice tells of itself? 401: nobody said who asks; 403: who asks may not. */
export type Access = (request: Asking) => Promise<"granted" | 401 | 403>;

/** What tells who asks, and for what. */
export interface Asking extends Pick<IncomingMessage, "headers" | "url"> {
  readonly socket: Pick<IncomingMessage["socket"], "remoteAddress">;
}

/** Asks the API server whether the owner of a token may read a path of this server. */
export type ReviewToken = (token: string, path: string) => Promise<"granted" | 401 | 403>;

/** Without a cluster nobody can vouch for anybody: only programs of the same machine. */
export const loopbackOnly: Access = async ({ socket: { remoteAddress = "" } }) => (/^(?:127\.|::1$|::ffff:127\.)/.test(remoteAddress) ? "granted" : 403);

/** Prometheus asks every 15 to 60 s; a right that was taken away ends after this time. */
const KEPT_MS = 10_000;
const KEPT = 256;

/** In a cluster: a bearer token that the API server knows (TokenReview), of somebody who may `get` the path (SubjectAccessReview). */
export function byToken(review: ReviewToken): Access {
  const known = new Map<string, { readonly until: number; readonly answer: Promise<"granted" | 401 | 403> }>();
  return async ({ headers, url = "" }) => {
    const token = /^Bearer +([\x21-\x7e]{1,16384})$/i.exec(headers.authorization ?? "")?.[1];
    if (token === undefined) return 401;
    const [path = "/"] = url.split("?");
    // Tokens are not kept: their digests are.
    const key = createHash("sha256").update(`${path} ${token}`).digest("base64");
    const now = performance.now();
    const found = known.get(key);
    if (found && found.until > now) return found.answer;
    const answer = review(token, path);
    if (known.size >= KEPT) known.clear();
    known.set(key, { until: now + KEPT_MS, answer });
    answer.catch(() => known.delete(key));
    return answer;
  };
}

/** Did the client show a certificate of the CA that the server was told to trust? */
export function hasClientCertificate({ socket }: IncomingMessage): boolean {
  return (socket as TLSSocket).authorized;
}
