import { WrongUse, type Config } from "../config.js";
import { connectCluster } from "../cluster/cluster.js";
import { diagnose, isHealthy } from "../doctor/index.js";
import { diagnosisText } from "../doctor/report.js";
import { jsonText, unwrap, type Command, type Outcome, type Session } from "./command.js";
import { emergency } from "./doctor-emergency.js";
import { lookAt } from "./doctor-look.js";

/** Is the installation healthy, and what to do when it is not. */
export const command: Command = {
  name: "doctor",
  description:
    "Looks at an installation from outside, with the current kubeconfig, or from inside one of its pods: every check with what was found and what to do.\n" +
    "It changes nothing; requests that it sends are dry runs. It takes --profile, --set and --mode from the pods where it is given none; give it --packs as the Deployment does. Exit code 0 healthy, 1 findings, 2 where it cannot look.\n" +
    "--emergency prints the ways out when Sluice stands in the way, from the narrowest to the widest; with --grade and --apply it carries one out, verifies it and says how to come back. It needs no replica that answers.",
  arguments: [],
  options: ["cluster", "service", "certSecret", "packs", "profile", "set", "mode", "emergency", "grade", "carryOut", "namespace", "rule", "owner", "reason", "expires"],
  formats: ["text", "json"],
  example: "sluice doctor --service sluice-system/sluice",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  if (!config.emergency && (config.apply || config.grade !== undefined)) throw new WrongUse("`--grade` and `--apply` go with `--emergency`");
  const connection = unwrap(await connectCluster(), "the cluster cannot be reached");
  try {
    if (config.emergency) return await emergency(connection, config, session).catch((error: unknown) => unreachable(error, connection.server));
    const found = diagnose(await lookAt(connection, config).catch((error: unknown) => unreachable(error, connection.server)));
    const healthy = isHealthy(found);
    return { output: config.format === "json" ? jsonText({ healthy, checks: found }) : diagnosisText(found, config.color), exitCode: healthy ? 0 : 1 };
  } finally {
    connection.close();
  }
}

function unreachable(error: unknown, server: string): never {
  if (error instanceof WrongUse) throw error;
  throw new WrongUse(`the API server at ${server} cannot be asked: ${error instanceof Error ? error.message : String(error)}`);
}
