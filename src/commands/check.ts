import { version, type Config } from "../config.js";
import { anomalies } from "../engine/anomalies.js";
import { workloads } from "../engine/workloads.js";
import { kindKey, nameKey, refOf, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import { chosen, FINDINGS_REPORTS } from "../reports/index.js";
import type { Finding, Note } from "../reports/report.js";
import { judgeInOrder, judgeTogether, type Judged } from "../review/proposed-set.js";
import { templatePath } from "../review/proposed.js";
import { factsOf, loadManifests, unreadBesidePolicies, type Manifests } from "../sources/files.js";
import { connectionsToDraw } from "../views/connections.js";
import { noteProblems, readBackground, readPacks, surveyOptions, unwrap, type Command, type Outcome, type Session } from "./command.js";

/** Admission's verdict on manifests that nobody has applied yet. */
export const command: Command = {
  name: "check",
  description:
    "Says what admission would say of these manifests, all applied at once to the state of --cluster or --state (empty when neither is given).\n" +
    "Workloads are judged by the pods of their templates; policies are also looked through for parts that do nothing. Exit code 1 when anything would be refused.",
  arguments: ["<path...>"],
  options: ["state", "cluster", "packs", "inOrder", "as", "profile", "set"],
  formats: Object.keys(FINDINGS_REPORTS),
  example: "sluice check manifests/ --state cluster/ -o sarif",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  const { packs } = await readPacks({ ...config, point: "check" }, session);
  const state = await readBackground(config, session);
  const manifests = unwrap(await loadManifests(config.paths));
  noteProblems(session, [...manifests.warnings, ...unreadBesidePolicies(manifests)]);
  const judge = config.inOrder ? judgeInOrder : judgeTogether;
  const { judged, after } = judge({ objects: manifests.objects, state, packs, now: Date.now(), user: config.as, progress: (done, total) => session.progress(done, total) });
  const findings = judged.flatMap((one) => findingsOf(one, manifests));
  const warnings = [...new Set(judged.flatMap(({ decision }) => decision.warnings))];
  const report = chosen(FINDINGS_REPORTS, config.format);
  const drawn = config.format === "html" ? { connections: connectionsToDraw(after, surveyOptions(packs.profile)) } : {};
  const output = report({ findings, warnings, notes: notesOn(manifests, after), checked: manifests.objects.length, ...drawn }, { color: config.color, version: version() });
  return { output, exitCode: findings.some(({ violation }) => violation.action === "deny") ? 1 : 0 };
}

/** Kinds of anomaly that only say something where the workloads are known too. */
const NEEDS_PODS: ReadonlySet<string> = new Set(["selects-nothing", "peers-select-nothing", "unknown-label"]);

/** Anomalies of the policies among the manifests. */
function notesOn({ objects, locate }: Manifests, after: Snapshot): readonly Note[] {
  const policies = objects.flatMap(factsOf).flatMap(({ fact, value }): [string, KubeObject][] => (fact === "policy" ? [[keyOf(value.ref), value.object]] : []));
  const own = new Map(policies);
  const knowsPods = workloads(after).length > 0;
  return [...anomalies(after)].flatMap(({ kind, policy, path, message }): readonly Note[] => {
    const object = own.get(keyOf(policy));
    if (!object || (!knowsPods && NEEDS_PODS.has(kind))) return [];
    const place = locate(object, path);
    return [{ kind, object: policy, path, message, ...(place ? { place } : {}) }];
  });
}

function keyOf(ref: ObjectRef): string {
  return `${kindKey(ref)} ${nameKey(ref)}`;
}

/** A finding about a template's pod is one about the workload that has the template. */
function findingsOf({ proposed, decision }: Judged, { locate }: Manifests): readonly Finding[] {
  const { manifest, template, request } = proposed;
  return decision.violations.map((found) => {
    const path = template ? templatePath(manifest) : found.path;
    const object = template ? { ...refOf(manifest), ...(request.namespace === undefined ? {} : { namespace: request.namespace }) } : found.object;
    const place = locate(manifest, path);
    return { violation: { ...found, object, ...(path === undefined ? {} : { path }) }, ...(place ? { place } : {}) };
  });
}
