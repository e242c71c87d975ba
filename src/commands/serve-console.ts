import { consoleFolder, version, type Config } from "../config.js";
import { isRecord, kindKey, recordsIn, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import { formatProblem, failed, ok, type Result } from "../model/result.js";
import type { AuditView } from "../model/audit.js";
import type { AboutView, Trial } from "../model/views.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import { fixYaml } from "../reports/fix-yaml.js";
import type { ConsoleAnswers, ConsoleParts } from "../server/console.js";
import { ConsoleAssets } from "../server/console-assets.js";
import type { DecisionRing } from "../server/decision-ring.js";
import { InTurn } from "../server/in-turn.js";
import type { LiveSnapshot } from "../server/live-snapshot.js";
import type { PacksWatch } from "../sources/packs-watch.js";
import { auditPage } from "../views/audit.js";
import { graphOf, pictureOf, type Picture } from "../views/graph.js";
import { namespaceOf, namespaceRows } from "../views/namespace.js";
import { packsView } from "../views/packs.js";
import { endsNamedLike, reachOf } from "../views/reach.js";
import { starterPolicies } from "../views/starters.js";
import { trialOf } from "../views/trial.js";
import { engineProfile, surveyOptions } from "./command.js";

/** All that the console tells of. */
export interface ConsoleSubject {
  readonly config: Config;
  readonly live: LiveSnapshot;
  readonly packs: PacksWatch;
  readonly decisions: DecisionRing;
  readonly audit: AuditView;
  ready(): boolean;
}

/** The console of a server: its page, and the answers to what it asks. None of them changes anything. */
export function consoleOf(subject: ConsoleSubject): ConsoleParts {
  return { assets: new ConsoleAssets(consoleFolder()), answers: answersOf(subject) };
}

/** Ends that a field suggests. */
const SUGGESTED = 20;
/** How long an onlooker's request stays open for the next decision: shorter than what proxies allow. */
const LOOK_MS = 20_000;

function answersOf(subject: ConsoleSubject): ConsoleAnswers {
  const { live, packs: watch, decisions } = subject;
  const turn = new InTurn();
  const pictures = new Pictures(subject);
  const current = (): CompiledPacks => packsIn(watch.inForce.loaded.packs, live.current);
  const plain = async (value: object): Promise<Result<object>> => ok(value);
  return {
    get: {
      about: () => plain(aboutOf(subject)),
      graph: async (query, signal) => asResult(await turn.work(() => graphOf(pictures.current(), { unfold: new Set(query.getAll("unfold")), find: query.get("find") ?? "" }), signal)),
      namespaces: () => plain({ rows: namespaceRows(pictures.current(), current()) }),
      namespace: (query, signal) => turn.work(() => namespaceOf(query.get("name") ?? "", pictures.current(), { packs: watch.inForce.loaded.packs, now: Date.now() }), signal),
      ends: (query) => plain({ names: endsNamedLike(namesOf(pictures.current()), query.get("find") ?? "", SUGGESTED) }),
      reach: async (query) => reachOf({ from: query.get("from") ?? "", to: query.get("to") ?? "", port: query.get("port") ?? "" }, live.current, engineProfile(current().profile)),
      audit: () => plain(auditPage(subject.audit)),
      packs: () => plain(packsInForce(subject)),
      decisions: async (query, signal) => ok(await decisions.next(Number(query.get("after") ?? 0) || 0, query.has("wait") ? LOOK_MS : 0, signal)),
      policies: () => plain({ rows: [...live.current.policies()].map(({ ref }) => ref) }),
      policy: async (query) => policyOf(subject, query),
      starters: () => plain({ rows: starterPolicies(current()) }),
    },
    post: {
      "what-if": async (body, signal) => {
        const trial = readTrial(body);
        if (!trial.ok) return trial;
        const packs = watch.inForce.loaded.packs;
        return turn.work(() => trialOf(trial.value, { snapshot: live.current, packs, options: surveyOptions(current().profile), now: Date.now(), yaml: fixYaml }), signal);
      },
    },
  };
}

function asResult<T>(value: T | undefined): Result<T> | undefined {
  return value === undefined ? undefined : ok(value);
}

/** A picture is kept for so many times as long as it took to make: the loop is for reviews. */
const KEPT_TIMES = 20;

/** The picture of the state now, or of a moment ago. */
class Pictures {
  readonly #subject: ConsoleSubject;
  #last: { readonly picture: Picture; readonly until: number } | undefined;

  constructor(subject: ConsoleSubject) {
    this.#subject = subject;
  }

  current(): Picture {
    const { live, packs } = this.#subject;
    const started = performance.now();
    if (this.#last && (this.#last.picture.snapshot === live.current || started < this.#last.until)) return this.#last.picture;
    const options = surveyOptions(packsIn(packs.inForce.loaded.packs, live.current).profile);
    const picture = pictureOf(live.current, options, this.#last?.picture);
    const ended = performance.now();
    this.#last = { picture, until: ended + KEPT_TIMES * (ended - started) };
    return picture;
  }
}

function* namesOf({ workloads, snapshot }: Picture): Generator<string> {
  for (const [, members] of workloads) for (const { name } of members) yield name;
  for (const { namespace, name } of snapshot.pods()) yield `${namespace}/${name}`;
}

function aboutOf({ config, live, packs, ready }: ConsoleSubject): AboutView {
  const source = config.cluster ? "the cluster of the kubeconfig" : config.state.length === 0 ? "an empty cluster in memory" : config.state.join(", ");
  return { version: version(), source, state: `${live.version} ${packs.inForce.loaded.digest}`, ready: ready() };
}

function packsInForce({ packs: { inForce: { loaded, refused } }, live }: ConsoleSubject): object {
  const problems = [...[...refused].flatMap(([part, found]) => found.map((problem) => `${part}: ${formatProblem(problem)}`)), ...loaded.warnings.map(formatProblem)];
  return packsView({ digest: loaded.digest, packs: packsIn(loaded.packs, live.current), problems }, Date.now());
}

/** One policy as a person would write it. */
function policyOf({ live }: ConsoleSubject, query: URLSearchParams): Result<object> {
  const [kind, name, namespace] = [query.get("kind") ?? "", query.get("name") ?? "", query.get("namespace")];
  const found = [...live.current.policies()].find(({ ref }) => kindKey(ref) === kind && ref.name === name && (ref.namespace ?? "") === (namespace ?? ""));
  if (!found) return failed({ code: "use/no-policy", path: "", message: `the cluster has no policy \`${name}\` of kind \`${kind}\`` });
  const { apiVersion, kind: written, metadata: { name: own, namespace: place, labels, annotations }, spec } = found.object;
  return ok({ apiVersion, kind: written, metadata: { name: own, ...(place && { namespace: place }), ...(labels && { labels }), ...(annotations && { annotations }) }, spec });
}

function readTrial(body: unknown): Result<Trial> {
  const { apply, remove } = isRecord(body) ? body : {};
  const objects = recordsIn(apply).filter(isObject);
  const refs = recordsIn(remove).filter(isRef);
  const whole = (Array.isArray(apply) ? apply.length : 0) === objects.length && (Array.isArray(remove) ? remove.length : 0) === refs.length;
  if (whole && objects.length + refs.length > 0) return ok({ apply: objects, remove: refs });
  return failed({ code: "use/trial", path: "", message: "nothing to try: `apply` is a list of objects with `apiVersion`, `kind` and `metadata`, `remove` a list of `{group, kind, namespace, name}`" });
}

function isObject(value: Record<string, unknown>): value is Record<string, unknown> & KubeObject {
  return typeof value.apiVersion === "string" && typeof value.kind === "string" && isRecord(value.metadata);
}

function isRef(value: Record<string, unknown>): value is Record<string, unknown> & ObjectRef {
  return typeof value.group === "string" && typeof value.kind === "string" && typeof value.name === "string" && (value.namespace === undefined || typeof value.namespace === "string");
}
