import { useEffect, useState } from "preact/hooks";
import type { EndView, ExplanationView, PolicyNoteView, ReachView } from "../model/views.js";
import { ask, known, useAnswer } from "./api.js";
import type { PageProps } from "./page.js";
import { Badge, copy, portsText, Waiting, Words } from "./parts.js";
import { goTo, linkTo } from "./routing.js";

/** Can A reach B, on what, and why or why not? */
export function Reach({ place: { query }, version }: PageProps) {
  const [from, to, port] = ["from", "to", "port"].map((name) => query.get(name) ?? "") as [string, string, string];
  const asked = from !== "" && to !== "";
  const answer = useAnswer<ReachView>(asked ? "reach" : undefined, { from, to, port }, version);
  const view = known(answer);
  const submit = (event: Event): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    goTo("reach", Object.fromEntries(["from", "to", "port"].map((name) => [name, String(form.get(name) ?? "").trim()])));
  };
  return (
    <>
      <h1>Can A reach B?</h1>
      <form class="card ask" onSubmit={submit} key={`${from} ${to} ${port}`}>
        <EndField name="from" label="From" value={from} />
        <EndField name="to" label="To" value={to} />
        <label class="stack narrow-field">Port <input name="port" value={port} placeholder="those it declares" autocomplete="off" /></label>
        <span class="actions"><button type="submit" class="primary">Ask</button> <button type="button" onClick={() => goTo("reach", { from: to, to: from, port })}>Turn round</button></span>
        <p class="hint">A pod or workload (<code>namespace/name</code>) or an address. Ports like <code>80</code>, <code>UDP/53</code>, or a port's name.</p>
      </form>
      {asked ? <Waiting answer={answer} /> : null}
      {view && answer.state !== "failed" ? <ReachAnswer view={view} /> : null}
    </>
  );
}

/** A field that suggests what the cluster has. */
export function EndField({ name, label, value }: { readonly name: string; readonly label: string; readonly value: string }) {
  const [text, setText] = useState(value);
  const [names, setNames] = useState<readonly string[]>([]);
  useEffect(() => {
    const gone = new AbortController();
    ask<{ readonly names: readonly string[] }>("ends", { find: text }, gone.signal).then((found) => setNames(found.names), () => undefined);
    return () => gone.abort();
  }, [text]);
  return (
    <label class="stack">{label}
      <input name={name} value={text} list={`${name}-names`} placeholder="shop/web or 10.0.0.1" autocomplete="off" required onInput={(event) => setText(event.currentTarget.value)} />
      <datalist id={`${name}-names`}>{names.map((one) => <option value={one} />)}</datalist>
    </label>
  );
}

function ReachAnswer({ view }: { readonly view: ReachView }) {
  return (
    <section class="cards" aria-label="answer">
      <p class="verdict" role="status"><Words text={view.src} /> reaches <Words text={view.dst} /> on <strong>{view.ports === "No Connections" ? "nothing" : portsText(view.ports)}</strong></p>
      {view.answers.map((answer) => <Explained answer={answer} />)}
    </section>
  );
}

function Explained({ answer }: { readonly answer: ExplanationView }) {
  return (
    <article class="card">
      <h2>{answer.traffic} <Badge tone={answer.allowed ? "good" : "bad"}>{answer.allowed ? "allowed" : "denied"}</Badge></h2>
      <div class="ends">{answer.ends.map((end) => <End end={end} />)}</div>
      <details><summary>as <code>sluice explain</code> prints it</summary><pre>{answer.text}</pre><button type="button" onClick={(event) => void copy(answer.text, event.currentTarget)}>Copy</button></details>
    </article>
  );
}

function End({ end }: { readonly end: EndView }) {
  return (
    <section class={`end ${end.allowed ? "yes" : "no"}`}>
      <h3>{end.direction} of <Words text={end.who} /></h3>
      <p><Badge tone={end.allowed ? "good" : "bad"}>{end.allowed ? "allowed" : "denied"}</Badge> {end.reason}</p>
      {end.remarks.map((remark) => <p class="hint">{remark}</p>)}
      <ul class="plain">{end.policies.map((note) => <Note note={note} />)}</ul>
    </section>
  );
}

function Note({ note: { policy, rule, notes } }: { readonly note: PolicyNoteView }) {
  const name = `${policy.namespace === undefined ? "" : `${policy.namespace}/`}${policy.name}`;
  return (
    <li>
      {rule === undefined ? null : <><code>{rule}</code> of </>}
      <a href={linkTo("what-if", { kind: policy.group === "" ? policy.kind : `${policy.kind}.${policy.group}`, namespace: policy.namespace, name: policy.name })}>{policy.kind === "NetworkPolicy" ? "" : `${policy.kind} `}{name}</a>
      {notes.length === 0 ? null : <ul>{notes.map((text) => <li class="hint"><Words text={text} /></li>)}</ul>}
    </li>
  );
}
