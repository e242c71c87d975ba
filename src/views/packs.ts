import type { PacksView } from "../model/views.js";
import type { CompiledPacks } from "../packs/compile.js";
import { exceptionViews } from "./exceptions.js";

/** What is in force. `now`: milliseconds since 1970. */
export function packsView({ digest, packs, problems }: { readonly digest: string; readonly packs: CompiledPacks; readonly problems: readonly string[] }, now: number): PacksView {
  return {
    digest,
    rules: packs.rules.map(({ id, pack, entry }) => ({ id, pack, check: entry.check, action: entry.enforcementAction, severity: entry.severity ?? "", description: entry.description ?? "" })),
    exceptions: exceptionViews(packs.exceptions, now),
    profile: Object.entries(packs.profile).map(([name, value]) => ({ name, value: valueText(value) })),
    parameters: [...packs.parameters].flatMap(([pack, values]) => Object.entries(values).map(([name, value]) => ({ pack, name, value: valueText(value) }))),
    problems,
  };
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
