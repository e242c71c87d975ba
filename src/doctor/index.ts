import { adoption } from "./adoption.js";
import { apiServer, clock } from "./api-server.js";
import { certificates } from "./certificates.js";
import type { Check, Diagnosis } from "./check.js";
import type { Facts } from "./facts.js";
import { installation, replicas } from "./installation.js";
import { kinds, ownObjects } from "./kinds.js";
import { leader } from "./leader.js";
import { otherWebhooks } from "./other-webhooks.js";
import { permissions } from "./permissions.js";
import { profile } from "./profile.js";
import { configurations, reachable } from "./webhook-configurations.js";

/** Every check, in the order in which one thing needs the other. */
export const CHECKS: readonly Check[] = [apiServer, clock, installation, replicas, leader, reachable, configurations, certificates, permissions, kinds, ownObjects, profile, otherWebhooks, adoption];

/** What all of them find. */
export function diagnose(facts: Facts): readonly Diagnosis[] {
  return CHECKS.flatMap(({ id, judge }) => judge(facts).map((finding) => ({ check: id, ...finding })));
}

/** Nothing to do: what could not be checked is no finding. */
export function isHealthy(found: readonly Diagnosis[]): boolean {
  return found.every(({ status }) => status === "ok" || status === "not checked");
}
