import { isRecord } from "../model/kubernetes.js";
import type { ClusterConnection } from "./connection.js";

const REVIEW_MS = 5_000;

/** Who owns a token (TokenReview), and whether they may `get` a path (SubjectAccessReview for a non-resource URL). Rejects when the API server does not answer. */
export function tokenReviewer(connection: ClusterConnection): (token: string, path: string) => Promise<"granted" | 401 | 403> {
  const ask = async (resource: string, object: object): Promise<Record<string, unknown>> => {
    const group = resource === "tokenreviews" ? "authentication.k8s.io" : "authorization.k8s.io";
    const { body } = await connection.send(`/apis/${group}/v1/${resource}`, { method: "POST", contentType: "application/json", body: { apiVersion: `${group}/v1`, ...object } }, AbortSignal.timeout(REVIEW_MS));
    return isRecord(body) && isRecord(body["status"]) ? body["status"] : {};
  };
  return async (token, path) => {
    const { authenticated, user } = await ask("tokenreviews", { kind: "TokenReview", spec: { token } });
    if (authenticated !== true || !isRecord(user)) return 401;
    const { username, groups, uid, extra } = user;
    const spec = { user: username, groups, uid, extra, nonResourceAttributes: { path, verb: "get" } };
    const { allowed } = await ask("subjectaccessreviews", { kind: "SubjectAccessReview", spec });
    return allowed === true ? "granted" : 403;
  };
}
