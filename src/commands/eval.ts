import { WrongUse, type Config } from "../config.js";
import { endpointOf } from "../engine/endpoints.js";
import { reachability, type Answer, type Reachability } from "../engine/reachability.js";
import type { Endpoint } from "../model/endpoint.js";
import { isRecord } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import { PROTOCOLS, trafficPoint, type Protocol } from "../model/traffic.js";
import { printable } from "../reports/report.js";
import { readText } from "../sources/files.js";
import { engineProfile, readProfile, readState, unwrap, type Command, type Outcome, type Session } from "./command.js";

/** Answers a list of questions "may this end reach that end on this port?". */
export const command: Command = {
  name: "eval",
  description:
    "Answers each query of a file: is the traffic allowed, and at which end is it shut?\n" +
    "Answers 0 whatever the verdicts; 2 when a query names an unknown pod, after all rows.",
  arguments: ["[path...]"],
  options: ["queries", "cluster", "profile", "set", "packs"],
  formats: ["json", "text"],
  example: `echo '[{"src":"shop/web","dst":"shop/db","protocol":"TCP","port":5432}]' | sluice eval manifests/ --queries -`,
  run,
};

interface Question {
  readonly src: string;
  readonly dst: string;
  readonly protocol: Protocol;
  readonly port: number;
}

type Row = Answer | { readonly error: string };

async function run(config: Config, session: Session): Promise<Outcome> {
  if (config.queries === undefined) throw new WrongUse("`--queries FILE` is missing: a JSON list of {src, dst, protocol, port}");
  const profile = engineProfile(await readProfile(config));
  const { snapshot } = await readState(config, session);
  const queries = await readQueries(config.queries);
  const failures = { count: 0 };
  const rows = answer(queries, { reach: reachability(snapshot, profile), session, failures });
  const output = config.format === "text" ? inText(queries, rows) : inJson(rows);
  return { output, exitCode: () => (failures.count > 0 ? 2 : 0) };
}

async function readQueries(file: string): Promise<readonly unknown[]> {
  const text = unwrap(await readText(file), "the queries cannot be read");
  try {
    const queries: unknown = JSON.parse(text);
    if (Array.isArray(queries)) return queries;
  } catch (error) {
    throw new WrongUse(`\`${file}\` is not JSON: ${(error as Error).message}`);
  }
  throw new WrongUse(`\`${file}\` must be a JSON list of {src, dst, protocol, port}`);
}

interface Work {
  readonly reach: Reachability;
  readonly session: Session;
  readonly failures: { count: number };
}

function* answer(queries: readonly unknown[], { reach, session, failures }: Work): Iterable<Row> {
  const find = findOnce(reach.snapshot);
  for (const [i, query] of queries.entries()) {
    const question = readQuestion(query);
    const row = typeof question === "string" ? { error: question } : answerOne(question, reach, find);
    if ("error" in row) failures.count++;
    if (i % 1000 === 0) session.progress(i, queries.length);
    yield row;
  }
}

type Find = (text: string) => Endpoint | undefined;

/** Lists ask about the same ends again and again; reading a name costs more than the answer. */
function findOnce(snapshot: Snapshot): Find {
  const found = new Map<string, Endpoint | undefined>();
  return (text) => {
    if (!found.has(text)) found.set(text, endpointOf(snapshot, text));
    return found.get(text);
  };
}

function readQuestion(query: unknown): Question | string {
  if (!isRecord(query)) return "a query is an object {src, dst, protocol, port}";
  const { src, dst, port } = query;
  const protocol = PROTOCOLS.find((known) => known === String(query["protocol"] ?? "TCP").toUpperCase());
  if (typeof src !== "string" || typeof dst !== "string") return "`src` and `dst` must be `namespace/pod` or an IP address";
  if (!protocol) return `\`protocol\` must be one of ${PROTOCOLS.join(", ")}`;
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535) return "`port` must be a number from 1 to 65535";
  return { src, dst, protocol, port: Number(port) };
}

function answerOne({ src, dst, protocol, port }: Question, reach: Reachability, find: Find): Row {
  const [from, to] = [find(src), find(dst)];
  if (!from || !to) return { error: `unknown pod \`${from ? dst : src}\`` };
  const { allowed, egressAllowed, ingressAllowed } = reach.check({ src: from, dst: to, traffic: trafficPoint(protocol, port) });
  return { allowed, egressAllowed, ingressAllowed };
}

function* inJson(rows: Iterable<Row>): Iterable<string> {
  let separator = "[\n";
  for (const row of rows) {
    yield separator + JSON.stringify(row);
    separator = ",\n";
  }
  yield separator === "[\n" ? "[]\n" : "\n]\n";
}

function* inText(queries: readonly unknown[], rows: Iterable<Row>): Iterable<string> {
  let i = 0;
  for (const row of rows) {
    const query = queries[i++];
    const { src, dst, protocol = "TCP", port } = isRecord(query) ? query : {};
    yield `${printable(`${String(src)} -> ${String(dst)} ${String(protocol)} ${String(port)}: ${inWords(row)}`)}\n`;
  }
}

function inWords(row: Row): string {
  if ("error" in row) return `error: ${row.error}`;
  if (row.allowed) return "allowed";
  const shut = [...(row.egressAllowed ? [] : ["egress at the source"]), ...(row.ingressAllowed ? [] : ["ingress at the destination"])];
  return `denied by ${shut.join(" and ")}`;
}
