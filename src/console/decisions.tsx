import { useEffect, useState } from "preact/hooks";
import type { DecisionRow, DecisionsView } from "../model/views.js";
import { ask } from "./api.js";
import type { PageProps } from "./page.js";
import { Badge, Table, Words } from "./parts.js";

const KEPT = 300;
const AGAIN_MS = 3_000;

/** Decisions as they are made: each question stays open until there is a next one. */
function useDecisions(): { readonly rows: readonly DecisionRow[]; readonly failure: string } {
  const [rows, setRows] = useState<readonly DecisionRow[]>([]);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    const gone = new AbortController();
    const follow = async (): Promise<void> => {
      for (let last = 0; !gone.signal.aborted; ) {
        try {
          const query: Record<string, string> = { after: String(last), ...(last > 0 && { wait: "" }) };
          const view = await ask<DecisionsView>("decisions", query, gone.signal);
          // A server that started anew counts from 1.
          const restarted = view.last < last;
          last = view.last;
          setRows((before) => [...[...view.rows].reverse(), ...(restarted ? [] : before)].slice(0, KEPT));
          setFailure("");
          if (last === 0) await pause();
        } catch (error) {
          if (gone.signal.aborted) return;
          setFailure(error instanceof Error ? error.message : String(error));
          await pause();
        }
      }
    };
    void follow();
    return () => gone.abort();
  }, []);
  return { rows, failure };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
}

/** What was admitted and refused, the newest first. */
export function Decisions(_: PageProps) {
  const { rows, failure } = useDecisions();
  const [which, setWhich] = useState<"all" | "told" | "denied">("all");
  const shown = rows.filter(({ allowed, rules }) => which === "all" || (which === "denied" ? !allowed : rules.length > 0));
  return (
    <>
      <h1>Decisions as they happen</h1>
      <div class="toolbar">
        <span class="choice" role="group" aria-label="which">
          {([["all", "All"], ["told", "With rules"], ["denied", "Denied"]] as const).map(([value, label]) => <button type="button" aria-pressed={which === value} onClick={() => setWhich(value)}>{label}</button>)}
        </span>
        <span class="hint">the newest first, of this replica; nothing of the objects' content</span>
      </div>
      {failure === "" ? null : <p class="failure" role="alert">{failure}</p>}
      <div class="card">
        <Table caption="decisions" rows={shown} empty="none yet: this page shows them as they come" columns={[
          { name: "time", cell: ({ time }) => <time dateTime={time} class="mono">{time.slice(11, 19)}</time> },
          { name: "verdict", cell: ({ allowed }) => <Badge tone={allowed ? "good" : "bad"}>{allowed ? "allowed" : "denied"}</Badge> },
          { name: "operation", cell: ({ operation, dryRun, route }) => `${operation}${dryRun ? " (dry run)" : ""}${route === "mutate" ? " (mutate)" : ""}` },
          { name: "object", cell: ({ kind, name }) => <>{kind.replace(/\..*/, "")} <strong>{name}</strong></> },
          { name: "by", cell: ({ user }) => user },
          { name: "rules", cell: ({ rules, messages }) => <Told rules={rules} messages={messages} /> },
          { name: "ms", number: true, cell: ({ milliseconds }) => milliseconds.toFixed(1) },
        ]} />
      </div>
    </>
  );
}

function Told({ rules, messages }: Pick<DecisionRow, "rules" | "messages">) {
  if (rules.length === 0) return null;
  return <details><summary>{rules.map((rule) => rule.replace("=", ": ")).join(", ")}</summary>{messages.map((message) => <p class="hint"><Words text={message} /></p>)}</details>;
}
