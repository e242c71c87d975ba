import type { Direction } from "../model/policy.js";
import type { FormPeer, FormRule, PolicyForm } from "./policy-document.js";

type Rule = NonNullable<FormRule>;

/** The simple parts of a policy as fields. `onDrop` takes a rule out, also one that only the YAML can say. */
export function PolicyFields({ form, onForm, onDrop }: { readonly form: PolicyForm; onForm(form: PolicyForm): void; onDrop(direction: Direction, rule: number): void }) {
  const setRule = (direction: Direction, index: number, rule: Rule): void => {
    const rules = form.rules[direction].map((one, i) => (i === index ? rule : one));
    onForm({ ...form, rules: { ...form.rules, [direction]: rules } });
  };
  const add = (direction: Direction): void => {
    const rules = [...form.rules[direction], { peers: [{ kind: "pods", namespace: "", labels: "app=other" }], ports: "TCP 8080" } as const];
    onForm({ ...form, isolates: { ...form.isolates, [direction]: true }, rules: { ...form.rules, [direction]: rules } });
  };
  return (
    <div class="form">
      <div class="row">
        <Field label="Name" value={form.name} onValue={(name) => onForm({ ...form, name })} />
        <Field label="Namespace" value={form.namespace} onValue={(namespace) => onForm({ ...form, namespace })} />
      </div>
      {form.pods === undefined ? <p class="hint">Which pods it is for stands in the YAML only.</p> : <Field label="For pods with labels (none: every pod)" value={form.pods} placeholder="app=web,tier=front" onValue={(pods) => onForm({ ...form, pods })} />}
      {(["ingress", "egress"] as const).map((direction) => (
        <fieldset>
          <legend>{direction === "ingress" ? "Who may come in" : "Where they may go"}</legend>
          <label class="check"><input type="checkbox" checked={form.isolates[direction]} onChange={(event) => onForm({ ...form, isolates: { ...form.isolates, [direction]: event.currentTarget.checked } })} /> deny all other {direction}</label>
          {form.rules[direction].map((rule, i) => <RuleFields direction={direction} number={i + 1} rule={rule} onRule={(next) => setRule(direction, i, next)} onDrop={() => onDrop(direction, i)} />)}
          <button type="button" onClick={() => add(direction)}>Allow {direction === "ingress" ? "somebody" : "something"}</button>
        </fieldset>
      ))}
    </div>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  onValue(value: string): void;
}

/** Tells of a value when somebody is done with it: half a name is no name. */
function Field({ label, value, placeholder, onValue }: FieldProps) {
  return <label class="stack">{label} <input value={value} placeholder={placeholder ?? ""} autocomplete="off" onChange={(event) => onValue(event.currentTarget.value.trim())} /></label>;
}

function RuleFields({ direction, number, rule, onRule, onDrop }: { readonly direction: Direction; readonly number: number; readonly rule: FormRule; onRule(rule: Rule): void; onDrop(): void }) {
  const name = `${direction} rule ${number}`;
  const setPeer = (index: number, peer: FormPeer): void => void (rule && onRule({ ...rule, peers: rule.peers.map((one, i) => (i === index ? peer : one)) }));
  return (
    <div class="rule" role="group" aria-label={name}>
      {rule === undefined ? <p class="hint">This rule says more than the form can: it stands in the YAML.</p> : (
        <>
          {rule.peers.length === 0 ? <p>everybody</p> : rule.peers.map((peer, i) => <PeerFields peer={peer} onPeer={(next) => setPeer(i, next)} />)}
          <Field label="on ports (none: every port)" value={rule.ports} placeholder="TCP 443, UDP 53" onValue={(ports) => onRule({ ...rule, ports })} />
        </>
      )}
      <button type="button" class="quiet" onClick={onDrop}>Remove<span class="unseen"> {name}</span></button>
    </div>
  );
}

function PeerFields({ peer, onPeer }: { readonly peer: FormPeer; onPeer(peer: FormPeer): void }) {
  if (peer.kind === "addresses") return <Field label="addresses" value={peer.cidr} placeholder="10.0.0.0/8" onValue={(cidr) => onPeer({ kind: "addresses", cidr })} />;
  return (
    <div class="row">
      <Field label="pods with labels" value={peer.labels} placeholder="every pod" onValue={(labels) => onPeer({ ...peer, labels })} />
      <Field label="of namespace (* for all)" value={peer.namespace} placeholder="this one" onValue={(namespace) => onPeer({ ...peer, namespace })} />
    </div>
  );
}
