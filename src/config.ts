import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Problem } from "./model/result.js";

/** One `--set NAME=VALUE`, as written: what NAME means, the profile and the packs say. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** Everything that flags and environment decide, read once. Fields that a verb has no flag for hold their defaults. */
export interface Config {
  readonly paths: readonly string[];
  readonly format: string;
  /** Colour on standard output. */
  readonly color: boolean;
  readonly state: readonly string[];
  readonly cluster: boolean;
  /** Folder of rule packs. */
  readonly packs: string;
  readonly profile?: string;
  readonly set: readonly Setting[];
  readonly queries?: string;
  readonly from?: string;
  readonly to?: string;
  readonly fromAll?: string;
  readonly toAll?: string;
  /** `TCP/80`, `80`, `UDP/53`, a list of them by comma, or `all`. */
  readonly traffic?: string;
  readonly flow?: string;
  readonly implies?: string;
  readonly equivalent?: string;
  readonly isolated?: string;
  /** `pack/rule`. */
  readonly rule?: string;
  readonly namespace?: string;
  readonly forbid: boolean;
  readonly steps?: number;
  /** Manifests that count as applied. */
  readonly applied: readonly string[];
  /** `Kind/namespace/name` of policies that count as deleted. */
  readonly deleted: readonly string[];
  readonly inOrder: boolean;
  readonly as?: string;
  readonly apply: boolean;
  readonly effective: boolean;
  readonly schema?: string;
  /** Regular expression over `test: case`. */
  readonly run?: string;
  readonly coverage: boolean;
  /** Least percentage of coverage. */
  readonly requireCoverage?: number;
  readonly mutate: boolean;
  /** Seconds that mutation testing may take. */
  readonly within: number;
  readonly junit: boolean;
  /** Folder of packs to compare with. */
  readonly compare?: string;
  readonly adopt: boolean;
  readonly emergency: boolean;
  readonly grade?: string;
  readonly owner?: string;
  readonly reason?: string;
  readonly expires?: string;
  /** Folder that files are written to. */
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  /** Processes that answer reviews; 1: this one. */
  readonly workers: number;
  readonly certDir: string;
  readonly url?: string;
  /** `namespace/name`. */
  readonly service: string;
  readonly caBundle?: string;
  /** File of the CA whose clients alone may ask for reviews. */
  readonly clientCa?: string;
  /** Namespace that Sluice runs in; absent outside a cluster. */
  readonly ownNamespace?: string;
  readonly crds: boolean;
  readonly record?: string;
  /** `namespace/name`. */
  readonly certSecret?: string;
  /** Seconds after which another replica leads. */
  readonly lease: number;
  /** Seconds after which continuous audit looks at everything again. */
  readonly auditInterval: number;
  /** Base address of a collector of OpenTelemetry; absent: no traces. */
  readonly otlpEndpoint?: string;
  /** Are reports of the audit written into the cluster? */
  readonly reports: "auto" | "off";
  /** audit: nothing is refused but what overlays enforce. */
  readonly mode: "enforce" | "audit";
  /** In mode `audit`: tell whoever makes a change what would be refused. */
  readonly auditWarnings: boolean;
  /** Further names and addresses that a certificate is for. */
  readonly names: readonly string[];
}

/** Wrong use or unreadable input: told to the user as it stands, exit code 2. */
export class WrongUse extends Error {
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[] = []) {
    super(message);
    this.problems = problems;
  }
}

export interface OptionSpec {
  readonly flags: string;
  readonly text: string;
  /** Environment variable that stands in for the flag. */
  readonly env?: string;
  /** May be given more than once. */
  readonly repeat?: true;
}

/** Every flag, once: the same name means the same thing in every verb. */
export const OPTIONS = {
  packs: { flags: "--packs <dir>", text: "folder of rule packs (default: the shipped ones)", env: "SLUICE_PACKS" },
  state: { flags: "--state <path>", text: "state of the cluster from files or folders", repeat: true },
  cluster: { flags: "--cluster", text: "state of the cluster of the current kubeconfig" },
  profile: { flags: "--profile <file|name>", text: "what the cluster's network plug-in and DNS do", env: "SLUICE_PROFILE" },
  set: { flags: "--set <name=value>", text: "one switch of the profile, or parameter of a pack", repeat: true },
  queries: { flags: "--queries <file>", text: "JSON list of {src, dst, protocol, port}; `-` is standard input" },
  from: { flags: "--from <end>", text: "source: `namespace/pod` or an IP address" },
  fromAll: { flags: "--from <pods>", text: "sources: `namespace`, `namespace/key=value,...`, `namespace/pod` for all labelled like it, `*`, or a CIDR" },
  toAll: { flags: "--to <pods>", text: "destinations, written like the sources; `namespace/pod` is just that pod" },
  to: { flags: "--to <end>", text: "destination, written like the source" },
  traffic: { flags: "--port <port>", text: "destination port, such as `80`, `UDP/53` or `TCP/53,UDP/53`" },
  flow: { flags: "--flow <file>", text: "flows in YAML, written as in `require-flow` of a rule pack" },
  implies: { flags: "--implies <path>", text: "prove that all that PATH allows is allowed by these manifests too" },
  equivalent: { flags: "--equivalent <path>", text: "prove that PATH and these manifests allow the same" },
  rule: { flags: "--rule <pack/rule>", text: "only this rule" },
  namespace: { flags: "--namespace <name>", text: "only this namespace" },
  isolated: { flags: "--isolated <namespace>", text: "prove that every pod of the namespace is isolated in both directions" },
  forbid: { flags: "--forbid", text: "prove that the traffic is never possible, rather than always" },
  steps: { flags: "--steps <n>", text: "budget of a proof in solver steps" },
  applied: { flags: "--with <file>", text: "as if these manifests were applied: a change that was refused, say", repeat: true },
  deleted: { flags: "--without <kind/namespace/name>", text: "as if this policy were deleted", repeat: true },
  inOrder: { flags: "--in-order", text: "one manifest after the other, as `kubectl apply` would" },
  as: { flags: "--as <user>", text: "user who makes the change (default: nobody exempt)" },
  schema: { flags: "--schema <kind>", text: "print the JSON Schema of a kind for editors: RulePack, PackOverlay, PolicyException, RulePackTest" },
  effective: { flags: "--effective", text: "every value of every rule, and where it came from" },
  apply: { flags: "--apply", text: "apply each admitted change before the next review" },
  emergency: { flags: "--emergency", text: "the graded ways out when Sluice stands in the way, with their commands" },
  grade: { flags: "--grade <name>", text: "one way out: exempt (needs --namespace), dryrun (--rule, default all), ignore, remove; or back" },
  carryOut: { flags: "--apply", text: "carry the grade out, and verify it" },
  run: { flags: "--run <regex>", text: "only cases whose `test: case` matches" },
  coverage: { flags: "--coverage", text: "tell which rules, outcomes, flow alternatives and parameters no test shows" },
  requireCoverage: { flags: "--require-coverage <percent>", text: "exit code 1 below this coverage" },
  mutate: { flags: "--mutate", text: "change the packs bit by bit; a test must fail each time" },
  within: { flags: "--within <seconds>", text: "time for --mutate (default: 600)" },
  junit: { flags: "--junit", text: "the same as `-o junit`" },
  compare: { flags: "--compare <packs>", text: "what would newly be refused, warned about or freed, against these packs" },
  adopt: { flags: "--adopt", text: "print a PolicyException for each namespace that runs pods and breaks a rule that refuses; needs --owner and --expires" },
  owner: { flags: "--owner <who>", text: "who answers for exceptions that are made" },
  reason: { flags: "--reason <text>", text: "why, for exceptions that are made (default: the namespace is older than Sluice; an emergency)" },
  expires: { flags: "--expires <date>", text: "last day of exceptions that are made" },
  dir: { flags: "--dir <dir>", text: "folder that files are written to (default: the current one)" },
  host: { flags: "--host <address>", text: "address to listen on (default: 127.0.0.1)" },
  port: { flags: "--port <number>", text: "port to listen on (default: 8443)" },
  workers: { flags: "--workers <n>", text: "with --cluster: so many processes answer reviews at the port, each with a copy of the state (default: 1)", env: "SLUICE_WORKERS" },
  certDir: { flags: "--cert-dir <dir>", text: "folder of tls.crt and tls.key; made when there are none (default: certs/ of the package)", env: "SLUICE_CERT_DIR" },
  url: { flags: "--url <url>", text: "where the API server reaches Sluice, `https://host:port`, instead of a Service" },
  service: { flags: "--service <namespace/name>", text: "Service in front of Sluice (default: sluice-system/sluice)" },
  caBundle: { flags: "--ca-bundle <file>", text: "PEM of the CAs that the API server must trust, such as ca.crt of --cert-dir" },
  clientCa: { flags: "--client-ca <file>", text: "PEM of the CA that the API server's client certificate is of; reviews are answered to its clients alone" },
  ownNamespace: { flags: "--own-namespace <name>", text: "namespace Sluice runs in, where replicas share what they have admitted (default: that of its pod)", env: "SLUICE_NAMESPACE" },
  record: { flags: "--record <file>", text: "write requests, decisions and changes of the state to this file, for `sluice replay`; nothing secret", env: "SLUICE_RECORD" },
  crds: { flags: "--crds", text: "the definitions of the kinds RulePack and PolicyException instead" },
  certSecret: { flags: "--cert-secret <namespace/name>", text: "with --cluster: keep CA and certificate in this Secret and the webhook configurations true, by one replica that leads", env: "SLUICE_CERT_SECRET" },
  lease: { flags: "--lease <seconds>", text: "another replica leads when the one that does was silent for this long (default: 15; 3 to 60)", env: "SLUICE_LEASE" },
  otlpEndpoint: { flags: "--otlp-endpoint <url>", text: "send a span per review to this collector of OpenTelemetry, by OTLP over HTTP (default: none)", env: "OTEL_EXPORTER_OTLP_ENDPOINT" },
  auditInterval: { flags: "--audit-interval <seconds>", text: "look at the whole cluster again after this long, changed or not (default: 600; 0: never)", env: "SLUICE_AUDIT_INTERVAL" },
  reports: { flags: "--reports <auto|off>", text: "auto: in a cluster that knows OpenReports or PolicyReports, write what the audit finds as such (default)", env: "SLUICE_REPORTS" },
  mode: { flags: "--mode <enforce|audit>", text: "audit: judge everything, refuse and change nothing but what overlays `enforce`", env: "SLUICE_MODE" },
  auditWarnings: { flags: "--audit-warnings", text: "in mode audit, show what would be refused as a warning" },
  names: { flags: "--name <name>", text: "further name or address to be served under", repeat: true },
} as const satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof OPTIONS;

/** Values of flags by option name, as the command line gave them: text, list of texts, or true. */
export type RawOptions = Readonly<Partial<Record<OptionName | "output", unknown>>>;

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Is standard output a terminal? */
  readonly terminal: boolean;
}

/** Makes the frozen configuration; throws WrongUse for values that cannot be. */
export function readConfig(paths: readonly string[], raw: RawOptions, { env, terminal }: Surroundings): Config {
  const given = (name: OptionName): string | undefined => {
    const spec: OptionSpec = OPTIONS[name];
    return textOf(raw[name]) ?? (spec.env === undefined ? undefined : env[spec.env] || undefined);
  };
  const optional = ["profile", "queries", "from", "to", "fromAll", "toAll", "traffic", "flow", "implies", "equivalent", "isolated", "rule", "namespace", "as", "url", "caBundle", "record", "run", "compare", "owner", "reason", "expires", "ownNamespace", "certSecret", "clientCa", "schema", "grade", "otlpEndpoint"] as const;
  return Object.freeze<Config>({
    paths: Object.freeze([...paths]),
    format: textOf(raw.output) ?? "text",
    color: wantsColor(env, terminal),
    state: listOf(raw.state),
    cluster: raw.cluster === true,
    packs: given("packs") ?? inPackage("policies"),
    certDir: given("certDir") ?? inPackage("certs"),
    names: listOf(raw.names),
    service: given("service") ?? "sluice-system/sluice",
    set: listOf(raw.set).map(parseSetting),
    forbid: raw.forbid === true,
    applied: listOf(raw.applied),
    deleted: listOf(raw.deleted),
    inOrder: raw.inOrder === true,
    apply: raw.apply === true || raw.carryOut === true,
    emergency: raw.emergency === true,
    crds: raw.crds === true,
    effective: raw.effective === true,
    coverage: raw.coverage === true,
    mutate: raw.mutate === true,
    junit: raw.junit === true,
    adopt: raw.adopt === true,
    dir: given("dir") ?? ".",
    within: parseNumber("--within", given("within") ?? "600", 86_400),
    mode: parseChoice("--mode", given("mode"), ["enforce", "audit"]),
    auditWarnings: raw.auditWarnings === true,
    reports: parseChoice("--reports", given("reports"), ["auto", "off"]),
    auditInterval: parseNumber("--audit-interval", given("auditInterval") ?? "600", 86_400),
    lease: parseNumber("--lease", given("lease") ?? "15", 60, 3),
    host: given("host") ?? "127.0.0.1",
    port: parseNumber("--port", given("port") ?? "8443", 65_535),
    workers: Math.max(1, parseNumber("--workers", given("workers") ?? "1", 64)),
    ...(given("steps") === undefined ? {} : { steps: parseNumber("--steps", given("steps") ?? "", Number.MAX_SAFE_INTEGER) }),
    ...(given("requireCoverage") === undefined ? {} : { requireCoverage: parseNumber("--require-coverage", given("requireCoverage") ?? "", 100) }),
    ...Object.fromEntries(optional.flatMap((name) => (given(name) === undefined ? [] : [[name, given(name)]]))),
  });
}

/** The version of this package. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return String((manifest as { version?: unknown }).version);
}

/** The built page of the console: it lies beside the program, also when that is one file. */
export function consoleFolder(): string {
  return fileURLToPath(new URL("./console", import.meta.url));
}

/** A folder beside `src/` and `dist/`; as a relative path where that is shorter, because people read it. */
function inPackage(folder: string): string {
  const path = fileURLToPath(new URL(`../${folder}`, import.meta.url));
  const short = relative(process.cwd(), path);
  return short.startsWith("..") || short === "" ? path : short;
}

/** https://no-color.org: any value, also with a terminal. FORCE_COLOR asks for colour where there is none. */
function wantsColor(env: Surroundings["env"], terminal: boolean): boolean {
  if (env["NO_COLOR"]) return false;
  return terminal || (env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "0");
}

function parseSetting(text: string): Setting {
  const equals = text.indexOf("=");
  if (equals < 1) throw new WrongUse(`\`--set ${text}\` is not NAME=VALUE`);
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

function parseNumber(flag: string, text: string, max: number, min = 0): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) throw new WrongUse(`\`${flag} ${text}\` is not a number from ${min} to ${max}`);
  return value;
}

/** The first choice is the default. */
function parseChoice<T extends string>(flag: string, text: string | undefined, choices: readonly [T, ...T[]]): T {
  const [first] = choices;
  const chosen = text === undefined ? first : choices.find((choice) => choice === text);
  if (chosen === undefined) throw new WrongUse(`\`${flag} ${text ?? ""}\` is none of ${choices.join(", ")}`);
  return chosen;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function listOf(value: unknown): readonly string[] {
  return Object.freeze(Array.isArray(value) ? value.filter((one) => typeof one === "string") : typeof value === "string" ? [value] : []);
}
