import type { Command } from "./command.js";

export interface CommandEntry {
  readonly name: string;
  /** One line of `sluice --help`. */
  readonly summary: string;
  /** Its code, loaded only when it is asked for: starting up must not cost what another verb needs. */
  readonly load: () => Promise<Command>;
}

/** Every verb, in the order people meet them. */
export const COMMANDS: readonly CommandEntry[] = [
  { name: "serve", summary: "serve the webhook over HTTPS", load: async () => (await import("./serve.js")).command },
  { name: "review", summary: "answer AdmissionReviews from files, as the webhook would", load: async () => (await import("./review.js")).command },
  { name: "check", summary: "what admission would say of manifests that are not applied yet", load: async () => (await import("./check.js")).command },
  { name: "audit", summary: "what of a cluster breaks a rule as it stands", load: async () => (await import("./audit.js")).command },
  { name: "connectivity", summary: "who can talk to whom, on which ports", load: async () => (await import("./connectivity.js")).command },
  { name: "diff", summary: "what a change opens and closes", load: async () => (await import("./diff.js")).command },
  { name: "eval", summary: "is this traffic allowed? many queries at once", load: async () => (await import("./eval.js")).command },
  { name: "explain", summary: "why is traffic allowed or denied? which end, which rule, which line", load: async () => (await import("./explain.js")).command },
  { name: "prove", summary: "is traffic always, or never, possible? for every pod that could be", load: async () => (await import("./prove.js")).command },
  { name: "fix", summary: "the smallest change after which a flow, or every rule, holds", load: async () => (await import("./fix.js")).command },
  { name: "test", summary: "do the rule packs say what their tests expect?", load: async () => (await import("./test.js")).command },
  { name: "replay", summary: "what other packs would have decided of recorded requests", load: async () => (await import("./replay.js")).command },
  { name: "rules", summary: "the rules, parameters and profile in force", load: async () => (await import("./rules.js")).command },
  { name: "webhooks", summary: "the webhook configurations that the packs in force ask for", load: async () => (await import("./webhooks.js")).command },
  { name: "doctor", summary: "is the installation healthy, and what to do when it is not", load: async () => (await import("./doctor.js")).command },
  { name: "certs", summary: "make or renew a throw-away certificate", load: async () => (await import("./certs.js")).command },
];
