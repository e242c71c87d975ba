#!/usr/bin/env node
import { Command as Parser, CommanderError, Option } from "commander";
import { once } from "node:events";
import { WrongUse, OPTIONS, readConfig, version, type OptionName, type OptionSpec, type RawOptions } from "./config.js";
import type { Command, ExitCode, Outcome, Session } from "./commands/command.js";
import { problemText } from "./sources/code-frame.js";
import { COMMANDS } from "./commands/index.js";
import { formatProblem } from "./model/result.js";
import { printable } from "./reports/report.js";

const WRONG_USE = 2;

/** Lines are gathered into writes of this many characters, the size of a pipe's buffer: one write per line is ten times slower. */
const CHUNK = 65_536;

async function main(argv: readonly string[]): Promise<number> {
  const words = argv[0] === "help" && argv[1] !== undefined ? [argv[1], "--help"] : argv;
  const entry = COMMANDS.find(({ name }) => name === words[0]);
  const command = await entry?.load();
  const program = describeProgram();
  const done: { outcome?: Outcome } = {};
  if (command) {
    describe(program, command).action(async (...values: unknown[]) => {
      done.outcome = await start(command, values);
    });
  }
  await program.parseAsync([...words], { from: "user" });
  return done.outcome ? finish(done.outcome) : WRONG_USE;
}

function describeProgram(): Parser {
  const program = new Parser("sluice");
  program
    .description("Decides about network policies by what they mean together.")
    .version(version())
    .helpCommand("help [verb]", "help on one verb")
    .exitOverride()
    .showHelpAfterError("(`sluice --help` lists the verbs)")
    .addHelpText("after", "\nExample:\n  sluice connectivity manifests/\n\nExit codes: 0 clean, 1 findings, 2 wrong use or unreadable input.");
  for (const { name, summary } of COMMANDS) program.command(name).summary(summary).exitOverride();
  return program;
}

/** Fills in the verb that was asked for; the others stay names, and their code is not loaded. */
function describe(program: Parser, command: Command): Parser {
  const parser = program.commands.find((one) => one.name() === command.name) ?? program.command(command.name);
  parser.description(command.description).showHelpAfterError(`(\`sluice ${command.name} --help\` tells more)`);
  for (const argument of command.arguments) parser.argument(argument);
  if (command.formats.length > 0) parser.addOption(outputOption(command.formats));
  for (const name of command.options) parser.addOption(option(name));
  return parser.addHelpText("after", `\nExample:\n  ${command.example}`);
}

function outputOption(formats: readonly string[]): Option {
  return new Option("-o, --output <format>", "format of the result").choices(formats).default(formats[0]);
}

function option(name: OptionName): Option {
  const { flags, text, repeat, env }: OptionSpec = OPTIONS[name];
  const made = new Option(flags, `${text}${env === undefined ? "" : ` (env: ${env})`}${repeat ? " (may be repeated)" : ""}`);
  if (repeat) made.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
  return made;
}

/** Commander passes each argument, then the options, then the parser. */
async function start(command: Command, values: readonly unknown[]): Promise<Outcome> {
  const flags = values[values.length - 2] as Readonly<Record<string, unknown>>;
  const paths = values.slice(0, -2).flat().filter((value) => typeof value === "string");
  const entries = command.options.map((name): [OptionName, unknown] => [name, flags[new Option(OPTIONS[name].flags).attributeName()]]);
  const raw: RawOptions = { ...Object.fromEntries(entries), output: flags["output"] };
  const config = readConfig(paths, raw, { env: process.env, terminal: process.stdout.isTTY === true });
  try {
    return await command.run(config, session);
  } finally {
    session.end();
  }
}

async function finish({ output, exitCode }: Outcome): Promise<ExitCode> {
  if (typeof output === "string") await write(output);
  else if (Symbol.iterator in output) await writeAll(output);
  else for await (const text of output) await write(text);
  session.end();
  return typeof exitCode === "function" ? exitCode() : exitCode;
}

async function writeAll(output: Iterable<string>): Promise<void> {
  let chunk = "";
  for (const text of output) {
    chunk += text;
    if (chunk.length < CHUNK) continue;
    await write(chunk);
    chunk = "";
  }
  await write(chunk);
}

async function write(text: string): Promise<void> {
  if (process.stdout.isTTY) session.end();
  if (text !== "" && !process.stdout.write(text)) await once(process.stdout, "drain");
}

/** Notes and the progress bar share standard error: the bar is wiped before a line is written. */
class Terminal implements Session {
  private readonly started = Date.now();
  private drawn = 0;

  note(line: string): void {
    this.end();
    process.stderr.write(`${line.split("\n").map(printable).join("\n")}\n`);
  }

  progress(done: number, total?: number): void {
    const now = Date.now();
    if (process.stderr.isTTY !== true || now - this.started < 1000 || now - this.drawn < 100) return;
    this.drawn = now;
    process.stderr.write(`\r\u001b[K${progressBar(done, total)}`);
  }

  end(): void {
    if (this.drawn > 0) process.stderr.write("\r\u001b[K");
    this.drawn = 0;
  }
}

function progressBar(done: number, total: number | undefined): string {
  if (total === undefined || total === 0) return `${done.toLocaleString("en")} done`;
  const filled = Math.round((30 * done) / total);
  return `[${"#".repeat(filled)}${".".repeat(30 - filled)}] ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
}

/** So many problems are shown with the line they are about: more nobody reads at once. */
const FRAMED = 20;

/** Commander has told its own errors already, and `--help` is none. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE;
  if (error instanceof WrongUse) {
    for (const [i, problem] of error.problems.entries()) session.note(`error: ${i < FRAMED ? problemText(problem) : formatProblem(problem)}`);
    if (error.message !== "") session.note(`sluice: ${error.message}`);
  } else {
    session.note(`sluice: something went wrong inside: ${error instanceof Error ? error.message : String(error)}`);
    if (process.env["SLUICE_DEBUG"] && error instanceof Error) session.note(error.stack ?? "");
  }
  return WRONG_USE;
}

/** A reader that has seen enough (`| head`) closes the pipe: nothing is left to say. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : WRONG_USE));
}

const session = new Terminal();
void main(process.argv.slice(2)).catch(report).then((code) => process.exit(code));
