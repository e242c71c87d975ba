import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { WrongUse, type Config } from "../config.js";
import { ClusterError, clusterObjects, type ClusterConnection } from "../cluster/cluster.js";
import { ALL_RULES, EXCEPTION, GRADES, notYet, planFor, type Emergency, type Grade, type Plan } from "../doctor/emergency.js";
import { doneText, plansText, type Done } from "../doctor/emergency-report.js";
import { calledAt, isOwn, OWN_CONFIGURATIONS, webhooksOf } from "../doctor/stored.js";
import { endOf } from "../model/instant.js";
import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { ObjectAt } from "../model/object-store.js";
import { compilePacks } from "../packs/compile.js";
import type { RuleOverride } from "../packs/overlay.js";
import { webhookConfigurations } from "../review/webhooks.js";
import { globMatches } from "../rules/namespace-selector.js";
import { loadPacks } from "../sources/packs.js";
import { jsonText, unwrap, type Outcome, type Session } from "./command.js";
import { namedPair } from "./target-selector.js";

const ASK_MS = 20_000;
/** A changed configuration is in force within 1.2 s (facts/admission.md 7), on each of several API servers. */
const IN_FORCE_MS = 15_000;
/** The leader that comes back: the end of a lease, and a look. */
const BACK_MS = 30_000;
const WEEK_MS = 7 * 86_400_000;

/** Prints the ways out; carries one out with `--apply`. */
export async function emergency(connection: ClusterConnection, config: Config, session: Session): Promise<Outcome> {
  const chosen = gradeOf(config);
  const room = new Room(connection, config);
  const first = await room.look();
  const plans = GRADES.filter((grade) => chosen === undefined || grade === chosen).map((grade) => planFor(grade, first));
  const [plan] = plans;
  if (!config.apply || chosen === undefined || !plan) return { output: config.format === "json" ? jsonText(plans.map(asJson)) : plansText(plans, config.color), exitCode: 0 };
  await room.carryOut(plan, session);
  const done = await room.verify(plan);
  return { output: config.format === "json" ? jsonText({ ...asJson(plan), verified: done.verified, shown: done.shown }) : doneText(done, config.color), exitCode: done.verified ? 0 : 1 };
}

/** Grades go by name, or by the number under which they are printed. */
function gradeOf({ grade, apply, namespace }: Config): Grade | undefined {
  const found = GRADES.find((name, i) => name === grade || (name !== "back" && String(i + 1) === grade));
  if (grade !== undefined && !found) throw new WrongUse(`\`--grade ${grade}\` is none of ${GRADES.join(", ")}`);
  if (apply && !found) throw new WrongUse(`\`--apply\` needs \`--grade\`: one of ${GRADES.join(", ")}`);
  if (apply && found === "exempt" && namespace === undefined) throw new WrongUse("`--grade exempt` needs `--namespace`: which one is to be left alone?");
  return found;
}

function asJson({ grade, says, steps, notes }: Plan): object {
  return { grade, says, commands: steps.map(({ kubectl }) => kubectl), notes };
}

/** What the command line says. */
type Said = Pick<Emergency, "owner" | "reason" | "expires" | "at" | "rules" | "wanted">;

/** The cluster in an emergency. */
class Room {
  readonly #connection: ClusterConnection;
  readonly #config: Config;
  #said: Said | undefined;

  constructor(connection: ClusterConnection, config: Config) {
    this.#connection = connection;
    this.#config = config;
  }

  async look(): Promise<Emergency> {
    const { namespace } = this.#config;
    const configurations = (await Promise.all(OWN_CONFIGURATIONS.map((at) => this.#read(at)))).filter((one) => one !== undefined);
    const certSecret = this.#secretOf(configurations);
    if (namespace !== undefined && !(await this.#read({ apiVersion: "v1", resource: "namespaces", name: namespace }))) throw new WrongUse(`\`--namespace ${namespace}\`: there is no such namespace`);
    const [lease, kind] = await Promise.all([
      this.#read({ apiVersion: "coordination.k8s.io/v1", resource: "leases", ...certSecret }),
      this.#read({ apiVersion: "apiextensions.k8s.io/v1", resource: "customresourcedefinitions", name: "policyexceptions.sluice.dev" }),
    ]);
    const hasExceptions = kind !== undefined;
    const isExcepted = hasExceptions && (await this.#read({ apiVersion: "sluice.dev/v1alpha1", resource: "policyexceptions", name: EXCEPTION })) !== undefined;
    this.#said ??= await this.#saidOf();
    return { ...this.#said, configurations, lease, certSecret, hasExceptions, isExcepted, ...(namespace !== undefined && { namespace }) };
  }

  #secretOf(configurations: readonly KubeObject[]): { readonly namespace: string; readonly name: string } {
    const { certSecret, service } = this.#config;
    if (certSecret !== undefined) return namedPair("--cert-secret", certSecret);
    const called = configurations.filter(isOwn).flatMap(webhooksOf).flatMap((webhook) => calledAt(webhook).service ?? [])[0];
    return { namespace: called?.namespace ?? namedPair("--service", service).namespace, name: "sluice-certificates" };
  }

  async #saidOf(): Promise<Said> {
    const { owner = await this.#me(), reason = "emergency", expires = new Date(Date.now() + WEEK_MS).toISOString().slice(0, 10), rule = ALL_RULES } = this.#config;
    if (endOf(expires) === undefined) throw new WrongUse(`\`--expires ${expires}\` is neither a date (\`2027-01-31\`) nor a time with its zone (\`2027-01-31T18:00:00Z\`)`);
    const wanted = rule === ALL_RULES ? undefined : await this.#wantedWithout(rule);
    return { owner, reason, expires, at: new Date().toISOString(), rules: rule, ...(wanted && { wanted }) };
  }

  /** What the packs ask to be sent, with these rules and with dry runs of them. */
  async #wantedWithout(pattern: string): Promise<NonNullable<Emergency["wanted"]>> {
    const { packs, source } = unwrap(await loadPacks(this.#config), "the rule packs cannot be used");
    const ids = packs.rules.map(({ id }) => id).filter((id) => globMatches(pattern, id));
    if (ids.length === 0) throw new WrongUse(`\`--rule ${pattern}\` is no rule in force; known are ${packs.rules.map(({ id }) => id).join(", ")}`);
    const overrides = { ...source.options.overrides, ...Object.fromEntries(ids.map((id): [string, RuleOverride] => [id, { enforcementAction: "dryrun" }])) };
    const at = { at: namedPair("--service", this.#config.service) };
    const quiet = unwrap(compilePacks(source.objects, { ...source.options, overrides }));
    return { before: unwrap(webhookConfigurations(packs, at)), after: unwrap(webhookConfigurations(quiet, at)) };
  }

  async #me(): Promise<string> {
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const { body } = await this.#send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", { contentType: "application/json", body: review });
    const { userInfo } = isRecord(body) && isRecord(body["status"]) ? body["status"] : {};
    return isRecord(userInfo) && typeof userInfo["username"] === "string" ? userInfo["username"] : "somebody";
  }

  /** One step after the other; a step that waits for the one before it to be in force is tried again. */
  async carryOut({ steps }: Plan, session: Session): Promise<void> {
    for (const { kubectl, request } of steps) {
      session.note(`$ ${kubectl}`);
      await within(IN_FORCE_MS, async () => {
        const refused = await this.#tried(request.method, request.path, request);
        if (refused !== undefined && !refused.includes("failed calling webhook")) throw new WrongUse(`the API server refuses this step: ${refused}`);
        return refused;
      }).then((problem) => {
        if (problem !== undefined) throw new WrongUse(`the API server refuses this step: ${problem}`);
      });
    }
  }

  /** Read back, tried out, and looked at once more after the leader has looked. */
  async verify(plan: Plan): Promise<Done> {
    const problem = await within(plan.grade === "back" ? BACK_MS : IN_FORCE_MS, () => this.#wrong(plan.grade));
    if (problem !== undefined) return { plan, verified: false, shown: problem };
    const { lease } = await this.look();
    if (lease) await sleep(lookMs(lease));
    const later = await this.#wrong(plan.grade);
    return { plan, verified: later === undefined, shown: later ?? SHOWN[plan.grade] };
  }

  async #wrong(grade: Grade): Promise<string | undefined> {
    const now = await this.look();
    const stored = notYet(grade, now);
    if (stored !== undefined) return stored;
    if (grade === "back") return backIn(now);
    // Other rules go on failing closed: whether this one does cannot be told from outside.
    if (grade === "dryrun" && now.rules !== ALL_RULES) return undefined;
    const refused = await this.#trial(grade, now);
    if (refused === undefined || !refused.includes("sluice.dev")) return undefined;
    const isDecision = refused.includes("denied the request");
    return grade === "ignore" && isDecision ? undefined : `a request is still refused: ${refused}`;
  }

  /** A change that the webhooks would be sent, as a dry run; what it was refused with. */
  #trial(grade: Grade, { namespace }: Emergency): Promise<string | undefined> {
    const name = `sluice-doctor-${randomBytes(3).toString("hex")}`;
    const closed = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name }, spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } };
    const [path, body] = grade === "exempt" ? [`/apis/networking.k8s.io/v1/namespaces/${encodeURIComponent(namespace ?? "")}/networkpolicies`, closed] : ["/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } }];
    return this.#tried("POST", `${path}?dryRun=All`, { contentType: "application/json", body });
  }

  /** The API server's refusal, or nothing. What is gone already need not be deleted. */
  async #tried(method: "POST" | "PATCH" | "DELETE", path: string, sending: { readonly contentType: string; readonly body: unknown }): Promise<string | undefined> {
    try {
      await this.#send(method, path, sending);
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      return method === "DELETE" && error.status === 404 ? undefined : error.message;
    }
    return undefined;
  }

  #read(at: ObjectAt): Promise<KubeObject | undefined> {
    return clusterObjects(this.#connection).read(at, AbortSignal.timeout(ASK_MS));
  }

  #send(method: "POST" | "PATCH" | "DELETE", path: string, { contentType, body }: { readonly contentType: string; readonly body: unknown }): ReturnType<ClusterConnection["send"]> {
    return this.#connection.send(path, { method, contentType, body }, AbortSignal.timeout(ASK_MS));
  }
}

/** The leader looks three times in the duration of its Lease (keeperTiming), and a former version of it knows no switch. */
function lookMs({ spec }: KubeObject): number {
  const seconds = isRecord(spec) && spec["holderIdentity"] !== "" && typeof spec["leaseDurationSeconds"] === "number" ? spec["leaseDurationSeconds"] : 15;
  return (seconds * 1_000) / 3 + 1_000;
}

/** A lease that was not renewed for so long has nobody behind it. */
const STALE_MS = 30_000;

/** Why nobody puts the configurations right. */
function backIn({ lease, configurations }: Emergency): string | undefined {
  const { renewTime } = isRecord(lease?.["spec"]) ? lease["spec"] : {};
  if (lease && !(Date.now() - Date.parse(String(renewTime)) < STALE_MS)) return "no replica leads, so nobody puts the webhook configurations right: they come back when one does";
  return configurations.length < OWN_CONFIGURATIONS.length ? "webhook configurations are missing" : undefined;
}

const SHOWN: Readonly<Record<Grade, string>> = {
  exempt: "a policy in the namespace is no longer refused (as a dry run)",
  dryrun: "read back; a change is no longer refused (as a dry run)",
  ignore: "read back; no change waits for an answer in vain (as a dry run)",
  remove: "read back; a change is no longer refused (as a dry run)",
  back: "the webhook configurations are there, and kept again where a replica leads; `sluice doctor` tells the rest",
};

/** Asks again until nothing is wrong, or the time is over; what was wrong last. */
async function within(ms: number, ask: () => Promise<string | undefined>): Promise<string | undefined> {
  const end = Date.now() + ms;
  for (;;) {
    const problem = await ask();
    if (problem === undefined || Date.now() >= end) return problem;
    await sleep(300);
  }
}
