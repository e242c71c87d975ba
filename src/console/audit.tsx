import { useState } from "preact/hooks";
import type { StandingViolation } from "../model/audit.js";
import type { AuditPage } from "../model/views.js";
import { known, useAnswer } from "./api.js";
import { HistoryChart } from "./history-chart.js";
import type { PageProps } from "./page.js";
import { Badge, count, Table, Waiting, Words } from "./parts.js";

const TONES = { deny: "bad", warn: "warn", dryrun: "info" } as const;

/** What the cluster breaks as it stands, since when, and how that was over time. */
export function Audit({ version }: PageProps) {
  const [tick, setTick] = useState(0);
  const answer = useAnswer<AuditPage>("audit", {}, `${version} ${tick}`);
  const page = known(answer);
  return (
    <>
      <h1>Audit</h1>
      <div class="toolbar"><span class="hint">every rule on everything that stands, by the evaluator of admission</span><button type="button" onClick={() => setTick((before) => before + 1)}>Look again</button></div>
      <Waiting answer={answer} />
      {page?.current ? <Current current={page.current} /> : page ? <p class="waiting" role="status">the first look at everything is not done yet</p> : null}
      {page && page.history.length > 0 ? <section class="card gap"><h2>Violations over time</h2><HistoryChart points={page.history} /></section> : null}
    </>
  );
}

function Current({ current }: { readonly current: NonNullable<AuditPage["current"]> }) {
  const { violations, newlyBroken, wouldDeny, complete, reasons, checked, at } = current;
  return (
    <div class="cards">
      <ul class="figures">
        <li><strong>{violations.total}</strong> {violations.total === 1 ? "violation" : "violations"}</li>
        <li><strong>{newlyBroken.total}</strong> newly broken</li>
        <li><strong>{wouldDeny}</strong> would be refused if enforced</li>
        <li><strong>{checked.toLocaleString("en")}</strong> objects looked at, {at.slice(11, 19)} UTC</li>
        <li><Badge tone={complete ? "good" : "warn"}>{complete ? "complete" : "not complete"}</Badge></li>
      </ul>
      {reasons.length === 0 ? null : <section class="card"><h2>What was not looked at</h2><ul>{reasons.map((reason) => <li><Words text={reason} /></li>)}</ul></section>}
      {newlyBroken.total === 0 ? null : <section class="card"><h2>Newly broken</h2><Violations rows={newlyBroken.rows} caption="newly broken" /></section>}
      <section class="card">
        <h2>Everything that breaks a rule</h2>
        <Violations rows={violations.rows} caption="violations" />
        {violations.total > violations.rows.length ? <p class="hint">{count(violations.total - violations.rows.length, "more row")}: `sluice audit` lists them all</p> : null}
      </section>
    </div>
  );
}

function Violations({ rows, caption }: { readonly rows: readonly StandingViolation[]; readonly caption: string }) {
  return (
    <Table caption={caption} rows={rows} empty="nothing: every rule holds" columns={[
      { name: "does", cell: ({ action }) => <Badge tone={TONES[action]}>{action}</Badge> },
      { name: "rule", cell: ({ pack, rule }) => <code>{pack}/{rule}</code> },
      { name: "object", cell: ({ object: { kind, namespace, name } }) => <>{kind} <strong>{namespace === undefined ? "" : `${namespace}/`}{name}</strong></> },
      { name: "what breaks", cell: ({ message, counterexample }) => <><Words text={message} />{counterexample === undefined ? null : <p class="hint"><Words text={counterexample} /></p>}</> },
      { name: "since", cell: ({ since, newlyBroken }) => <span class="mono">{newlyBroken ? since.slice(0, 16).replace("T", " ") : `before ${since.slice(0, 16).replace("T", " ")}`}</span> },
    ]} />
  );
}
