import { useEffect, useRef, useState } from "preact/hooks";
import type { KubeObject, ObjectRef } from "../model/kubernetes.js";
import { refOf } from "../model/kubernetes.js";
import type { NamespaceRow, Trial, TrialView } from "../model/views.js";
import { ask, askWith, known, useAnswer } from "./api.js";
import type { PageProps } from "./page.js";
import { copy, Words } from "./parts.js";
import { documentCount, formOf, objectsOf, placed, withForm, withoutRule, yamlOf } from "./policy-document.js";
import { PolicyFields } from "./policy-form.js";
import { PolicyPicture } from "./policy-picture.js";
import { startersWith } from "./starters.js";
import { TrialResult } from "./trial-result.js";
import { YamlEditor } from "./yaml-editor.js";

/** How long somebody must stop typing before it is tried. */
const PAUSE_MS = 400;

/** Policies that nobody has applied: written with help, and judged before they are. */
export function WhatIf({ place: { query }, version }: PageProps) {
  const [deleted, setDeleted] = useState(false);
  const [shown, setShown] = useState(0);
  const namespaces = known(useAnswer<{ readonly rows: readonly NamespaceRow[] }>("namespaces", {}, version))?.rows ?? [];
  const [namespace, setNamespace] = useState("");
  const first = namespaces.find(({ pods, exempt }) => pods > 0 && !exempt)?.name ?? "default";
  const chosen = namespace === "" ? first : namespace;
  const refs = known(useAnswer<{ readonly rows: readonly ObjectRef[] }>("policies", {}, version))?.rows;
  const allowances = useAnswer<{ readonly rows: readonly KubeObject[] }>("starters", {}, version);
  // None before all are known: a button that moves is not the one that was meant.
  const starters = allowances.state === "asking" && !allowances.last ? [] : startersWith(known(allowances)?.rows ?? []);
  const [text, setText] = useText(query, starters[0]?.yaml(first) ?? "", namespaces.length > 0 && starters.length > 0);
  const trial = useTrial(text, { deleted, version, chosen, refs });
  const documents = documentCount(text);
  const index = Math.min(shown, Math.max(0, documents - 1));
  const form = formOf(text, index);
  return (
    <>
      <h1>What if?</h1>
      <div class="toolbar">
        <label class="field">Begin in <select value={chosen} onChange={(event) => setNamespace(event.currentTarget.value)}>{namespaces.map(({ name }) => <option>{name}</option>)}</select></label>
        <span class="actions" role="group" aria-label="begin with">{starters.map(({ title, yaml }) => <button key={title} type="button" onClick={() => setText(yaml(chosen))}>{title}</button>)}</span>
        <Stored refs={refs ?? []} onText={setText} />
      </div>
      <div class="bench">
        <section class="card" aria-label="the policy">
          {form ? <PolicyPicture form={form} /> : <p class="empty">no NetworkPolicy to draw yet</p>}
          {documents > 1 ? <p class="choice" role="group" aria-label="which document">{Array.from({ length: documents }, (_, i) => <button type="button" aria-pressed={i === index} onClick={() => setShown(i)}>{formOf(text, i)?.name ?? `document ${i + 1}`}</button>)}</p> : null}
          {form ? <PolicyFields form={form} onForm={(next) => setText(withForm(text, index, next))} onDrop={(direction, rule) => setText(withoutRule(text, index, { direction, rule }))} /> : null}
        </section>
        <section class="card editor-card" aria-label="YAML">
          <div class="toolbar"><h2>YAML</h2><button type="button" onClick={(event) => void copy(text, event.currentTarget)}>Copy</button></div>
          <Editor text={text} onText={setText} />
        </section>
        <section class="card" aria-label="what would happen">
          <div class="toolbar"><h2>What would happen</h2>
            <span class="choice" role="group" aria-label="if the policies are">
              <button type="button" aria-pressed={!deleted} onClick={() => setDeleted(false)}>applied</button>
              <button type="button" aria-pressed={deleted} onClick={() => setDeleted(true)}>deleted</button>
            </span>
          </div>
          {"failure" in trial ? <p class="failure" role="alert"><Words text={trial.failure} /></p> : null}
          {"view" in trial ? <TrialResult view={trial.view} onFix={(fix) => setText(`${text.trimEnd()}\n---\n${fix}`)} /> : "failure" in trial ? null : <p class="waiting" role="status">asking…</p>}
        </section>
      </div>
    </>
  );
}

/** The text that is written: at first the policy that the address names, or one to begin with. */
function useText(query: URLSearchParams, begin: string, ready: boolean): readonly [string, (text: string) => void] {
  const [text, setText] = useState("");
  const [kind, place, name] = ["kind", "namespace", "name"].map((field) => query.get(field) ?? "") as [string, string, string];
  useEffect(() => {
    if (name !== "") void ask<object>("policy", { kind, namespace: place, name }).then((object) => setText(yamlOf([object])), () => undefined);
  }, [kind, place, name]);
  useEffect(() => {
    if (name === "" && text === "" && ready) setText(begin);
  }, [ready]);
  return [text, setText];
}

type Tried = { readonly view: TrialView } | { readonly failure: string } | { readonly waiting: true };

interface Trying {
  readonly deleted: boolean;
  readonly version: string;
  /** The namespace of what names none. */
  readonly chosen: string;
  readonly refs: readonly ObjectRef[] | undefined;
}

/** Tries a text once nobody types any more; a later text wins. */
function useTrial(text: string, { deleted, version, chosen, refs }: Trying): Tried {
  const [tried, setTried] = useState<Tried>({ waiting: true });
  useEffect(() => {
    let current = true;
    const read = objectsOf(text);
    if ("problem" in read) return setTried({ failure: read.problem });
    if (read.objects.length === 0) return setTried({ failure: "nothing is written yet" });
    const question: Trial = deleted ? { apply: [], remove: read.objects.map((object) => placed(refOf(object), chosen, refs ?? [])) } : { apply: read.objects, remove: [] };
    const timer = setTimeout(() => {
      askWith<TrialView>("what-if", question).then((view) => current && setTried({ view }), (error: unknown) => current && setTried({ failure: error instanceof Error ? error.message : String(error) }));
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text, deleted, version, chosen, refs]);
  return tried;
}

function Editor({ text, onText }: { readonly text: string; onText(text: string): void }) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<YamlEditor>(undefined);
  useEffect(() => {
    if (!host.current) return undefined;
    const made = new YamlEditor(host.current, text, onText);
    editor.current = made;
    return () => made.close();
  }, []);
  useEffect(() => editor.current?.set(text), [text]);
  return <div class="editor" ref={host} />;
}

function Stored({ refs, onText }: { readonly refs: readonly ObjectRef[]; onText(text: string): void }) {
  const nameOf = ({ namespace, name }: ObjectRef): string => (namespace === undefined ? name : `${namespace}/${name}`);
  const load = (value: string): void => {
    const ref = refs.find((one) => `${one.kind} ${nameOf(one)}` === value);
    if (!ref) return;
    void ask<object>("policy", { kind: ref.group === "" ? ref.kind : `${ref.kind}.${ref.group}`, namespace: ref.namespace ?? "", name: ref.name }).then((object) => onText(yamlOf([object])), () => undefined);
  };
  return (
    <label class="field">or edit <select value="" onChange={(event) => load(event.currentTarget.value)}>
      <option value="">one of the cluster…</option>
      {refs.map((ref) => <option value={`${ref.kind} ${nameOf(ref)}`}>{nameOf(ref)}</option>)}
    </select></label>
  );
}
