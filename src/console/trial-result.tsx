import type { TrafficChange, TrialView } from "../model/views.js";
import type { Violation } from "../model/violation.js";
import { Badge, copy, count, portsText, Table, Words } from "./parts.js";

const TONES = { deny: "bad", warn: "warn", dryrun: "info" } as const;
const TYPES = { added: ["good", "opened"], removed: ["bad", "closed"], changed: ["warn", "changed"] } as const;

/** What admission would say, and what would be opened and closed. */
export function TrialResult({ view, onFix }: { readonly view: TrialView; onFix(yaml: string): void }) {
  const { fix } = view;
  return (
    <>
      <p class="verdict" role="status"><Badge tone={view.allowed ? "good" : "bad"}>{view.allowed ? "would be admitted" : "would be refused"}</Badge> {changeWords(view)}</p>
      <ul class="plain rules">{view.violations.map((violation) => <Broken violation={violation} />)}</ul>
      {view.warnings.map((warning) => <p class="hint"><Words text={warning} /></p>)}
      {fix === undefined ? null : (
        <section class="fix">
          <h3>What mends it (verified)</h3>
          <pre tabIndex={0}>{fix}</pre>
          <p class="actions"><button type="button" onClick={(event) => void copy(fix, event.currentTarget)}>Copy the fix</button> <button type="button" class="primary" onClick={() => onFix(fix)}>Add it and try again</button></p>
        </section>
      )}
      <h3>Traffic</h3>
      <Table caption="traffic that is opened and closed" rows={view.changes.rows} empty="nothing is opened or closed" columns={[
        { name: "what", cell: ({ type }: TrafficChange) => <Badge tone={TYPES[type][0]}>{TYPES[type][1]}</Badge> },
        { name: "from", cell: ({ src }) => src.replace("[External]", "") },
        { name: "to", cell: ({ dst }) => dst.replace("[External]", "") },
        { name: "before", cell: ({ old }) => (old === "No Connections" ? "—" : portsText(old)) },
        { name: "after", cell: (change) => (change.new === "No Connections" ? "—" : portsText(change.new)) },
      ]} />
      {view.changes.total > view.changes.rows.length ? <p class="hint">{view.changes.total - view.changes.rows.length} more rows</p> : null}
    </>
  );
}

function changeWords({ changes: { rows, total } }: TrialView): string {
  const of = (type: TrafficChange["type"]): number => rows.filter((row) => row.type === type).length;
  if (total > rows.length) return `${count(total, "change")} of traffic`;
  return total === 0 ? "no traffic changes" : `${of("added")} opened, ${of("removed")} closed, ${of("changed")} changed`;
}

function Broken({ violation: { pack, rule, action, message, counterexample, remediation, exception } }: { readonly violation: Violation }) {
  return (
    <li>
      <p><Badge tone={TONES[action]}>{action}</Badge> <code>{pack}/{rule}</code>{exception ? <span class="hint"> excepted by {exception.name} until {exception.expires}</span> : null}</p>
      <p class="message"><Words text={message} /></p>
      {counterexample === undefined ? null : <p class="message"><Words text={counterexample} /></p>}
      {remediation === undefined ? null : <p class="hint">to do: <Words text={remediation} /></p>}
    </li>
  );
}
