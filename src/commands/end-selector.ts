import { WrongUse } from "../config.js";
import { endNamed, pointsNamed } from "../engine/named-ends.js";
import type { Endpoint } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";

/** The end that a flag names: `namespace/pod`, `namespace/name[Kind]` or an IP address. */
export function parseEnd(snapshot: Snapshot, flag: string, text: string | undefined): Endpoint {
  if (text === undefined) throw new WrongUse(`\`${flag}\` is missing: \`namespace/pod\` or an IP address`);
  const end = endNamed(snapshot, text);
  if (end) return end;
  const [namespace = "", name] = text.split("/");
  if (name === undefined) throw new WrongUse(`\`${flag} ${text}\` is neither \`namespace/pod\` nor an IP address`);
  throw new WrongUse(`unknown pod \`${text}\`; ${knownPods(snapshot, namespace)}`);
}

const SHOWN = 10;

function knownPods(snapshot: Snapshot, namespace: string): string {
  const pods = [...(snapshot.namespaces.get(namespace)?.pods.keys() ?? [])].sort();
  if (pods.length === 0) return `namespace \`${namespace}\` has no pods`;
  return `pods of \`${namespace}\`: ${pods.slice(0, SHOWN).join(", ")}${pods.length > SHOWN ? ", ..." : ""}`;
}

/** Traffic points of `80`, `UDP/53`, `53/UDP`, or a list of them by comma. A name is looked up among the ports of `dst`. */
export function parseTraffic(text: string, dst?: Endpoint): readonly number[] {
  const points = pointsNamed(text, dst);
  if (points.ok) return points.value;
  throw new WrongUse(points.problems.map(({ message }) => message.replace("`", "`--port ")).join("; "));
}
