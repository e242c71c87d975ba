import type { Cut, ExceptionView, ExposureRow, NamespaceView, PolicyView, StandingView } from "../model/views.js";
import { known, useAnswer } from "./api.js";
import type { PageProps } from "./page.js";
import { Badge, count, IsolationBadge, portsText, Table, Waiting, Words } from "./parts.js";
import { linkTo } from "./routing.js";

/** One namespace: what the rules say of it, its policies in words, what is exposed. */
export function Namespace({ place: { query }, version }: PageProps) {
  const name = query.get("name") ?? "";
  const answer = useAnswer<NamespaceView>("namespace", { name }, version);
  const view = known(answer);
  return (
    <>
      <p class="crumb"><a href={linkTo("namespaces")}>Namespaces</a></p>
      <h1>{name}</h1>
      <Waiting answer={answer} />
      {view && answer.state !== "failed" ? <Whole view={view} /> : null}
    </>
  );
}

function Whole({ view }: { readonly view: NamespaceView }) {
  const baseline = view.standing.filter((standing) => standing.baseline);
  const others = view.standing.filter((standing) => !standing.baseline);
  return (
    <>
      <p class="badges">
        {view.pods === 0 ? <Badge tone="plain">no pods</Badge> : <><IsolationBadge what="ingress" isolation={view.isolated.ingress} /><IsolationBadge what="egress" isolation={view.isolated.egress} /></>}
        {view.exempt ? <Badge tone="plain">exempt</Badge> : null}
        <span class="hint">{count(view.pods, "pod")} in {count(view.workloads.length, "workload")}</span>
      </p>
      <div class="columns">
        <div class="cards">
          <section class="card"><h2>Baseline</h2><Standings standings={baseline} empty="no rule asks for a baseline here" /></section>
          <section class="card"><h2>Policies in words</h2><Policies policies={view.policies} /></section>
        </div>
        <section class="card"><h2>Required and forbidden flows</h2><Standings standings={others} empty="no rule asks for a flow here" /></section>
      </div>
      <div class="columns gap">
        <section class="card"><h2>Who gets in</h2><Exposure rows={view.incoming} caption="who gets in" peers="from" empty="nobody from outside of this namespace" /></section>
        <section class="card"><h2>Where it gets</h2><Exposure rows={view.outgoing} caption="where it gets" peers="to" empty="nowhere outside of this namespace" /></section>
      </div>
      <section class="card gap"><h2>Exceptions</h2><Exceptions rows={view.exceptions} /></section>
    </>
  );
}

const OUTCOMES = { holds: "good", broken: "bad", unproven: "warn" } as const;

function Standings({ standings, empty }: { readonly standings: readonly StandingView[]; readonly empty: string }) {
  if (standings.length === 0) return <p class="empty">{empty}</p>;
  return (
    <ul class="plain rules">
      {standings.map(({ rule, description, outcome, action, messages, flows }) => (
        <li>
          <p><Badge tone={OUTCOMES[outcome]}>{outcome}</Badge> <code>{rule}</code>{outcome === "holds" ? null : <span class="hint"> {action}</span>}</p>
          {description === "" ? null : <p class="hint"><Words text={description} /></p>}
          {messages.map((message) => <p class="message"><Words text={message} /></p>)}
          {flows.length === 0 ? null : <ul class="flows">{flows.map(({ what, peers }) => <li>{what}: <span class="hint">{peers.length === 0 ? "not checked, no peer is known" : peers.join(" or ")}</span></li>)}</ul>}
        </li>
      ))}
    </ul>
  );
}

/** Policies as sentences; each can be tried otherwise. */
export function Policies({ policies }: { readonly policies: readonly PolicyView[] }) {
  if (policies.length === 0) return <p class="empty">none: every pod here is open to everybody, and to everywhere</p>;
  return (
    <ul class="plain policies">
      {policies.map(({ policy, subject, sentences, problems }) => (
        <li>
          <p><a href={linkTo("what-if", { kind: `${policy.kind}.${policy.group}`, namespace: policy.namespace, name: policy.name })}>{policy.name}</a> <span class="hint">{policy.kind}</span></p>
          <p><Words text={subject} /></p>
          <ul>{sentences.map((sentence) => <li><Words text={sentence} /></li>)}</ul>
          {problems.map((problem) => <p class="failure"><Words text={problem} /></p>)}
        </li>
      ))}
    </ul>
  );
}

function Exposure({ rows, caption, peers, empty }: { readonly rows: Cut<ExposureRow>; readonly caption: string; readonly peers: string; readonly empty: string }) {
  return (
    <>
      <Table caption={caption} rows={rows.rows} empty={empty} columns={[
        { name: "workload", cell: ({ workload }) => workload },
        { name: peers, cell: (row) => `${row.peers.join(", ")}${row.more > 0 ? ` and ${row.more} more` : ""}` },
        { name: "on", cell: ({ ports }) => portsText(ports) },
      ]} />
      {rows.total > rows.rows.length ? <p class="hint">{rows.total - rows.rows.length} more rows</p> : null}
    </>
  );
}

const STATES: Readonly<Record<string, "good" | "warn" | "bad">> = { active: "good", expiring: "warn", expired: "bad", refused: "bad" };

/** Who answers for what, until when. */
export function Exceptions({ rows }: { readonly rows: readonly ExceptionView[] }) {
  return (
    <Table caption="exceptions" rows={rows} empty="none" columns={[
      { name: "exception", cell: ({ name }) => name },
      { name: "state", cell: ({ state }) => <Badge tone={STATES[state] ?? "plain"}>{state}</Badge> },
      { name: "until", cell: ({ expires }) => expires },
      { name: "owner", cell: ({ owner }) => (owner === "" ? "nobody" : owner) },
      { name: "covers", cell: ({ covers, problems }) => <>{covers}{problems.map((problem) => <p class="hint"><Words text={problem} /></p>)}</> },
      { name: "reason", cell: ({ reason }) => reason },
    ]} />
  );
}
