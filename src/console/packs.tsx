import { useState } from "preact/hooks";
import type { PacksView } from "../model/views.js";
import { known, useAnswer } from "./api.js";
import { Exceptions } from "./namespace.js";
import type { PageProps } from "./page.js";
import { Badge, Table, Waiting, Words } from "./parts.js";

const ACTIONS: Readonly<Record<string, "bad" | "warn" | "info" | "plain">> = { deny: "bad", warn: "warn", dryrun: "info" };

/** What is in force: rules, exceptions, parameters, profile. */
export function Packs({ version }: PageProps) {
  const [find, setFind] = useState("");
  const answer = useAnswer<PacksView>("packs", {}, version);
  const view = known(answer);
  return (
    <>
      <h1>Rules and exceptions in force</h1>
      <Waiting answer={answer} />
      {view ? (
        <div class="cards">
          {view.problems.map((problem) => <p class="failure"><Words text={problem} /></p>)}
          <section class="card">
            <div class="toolbar"><h2>Rules</h2><label class="field">Find <input type="search" value={find} onInput={(event) => setFind(event.currentTarget.value)} /></label></div>
            <Table caption="rules" rows={view.rules.filter(({ id, description }) => `${id} ${description}`.includes(find))} empty="no such rule" columns={[
              { name: "rule", cell: ({ id }) => <code>{id}</code> },
              { name: "does", cell: ({ action }) => <Badge tone={ACTIONS[action] ?? "plain"}>{action}</Badge> },
              { name: "check", cell: ({ check }) => check },
              { name: "severity", cell: ({ severity }) => severity },
              { name: "what must be true", cell: ({ description }) => <Words text={description} /> },
            ]} />
          </section>
          <section class="card"><h2>Exceptions</h2><Exceptions rows={view.exceptions} /></section>
          <div class="columns">
            <section class="card"><h2>Parameters</h2><Table caption="parameters" rows={view.parameters} empty="none" columns={[{ name: "parameter", cell: ({ pack, name }) => <code>{pack}.{name}</code> }, { name: "value", cell: ({ value }) => value }]} /></section>
            <section class="card"><h2>Profile</h2><Table caption="profile" rows={view.profile} empty="none" columns={[{ name: "switch", cell: ({ name }) => <code>{name}</code> }, { name: "value", cell: ({ value }) => value }]} /></section>
          </div>
          <p class="hint">digest <code>{view.digest}</code></p>
        </div>
      ) : null}
    </>
  );
}
