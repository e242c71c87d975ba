import { useState } from "preact/hooks";
import type { NamespaceRow } from "../model/views.js";
import { known, useAnswer } from "./api.js";
import type { PageProps } from "./page.js";
import { Badge, IsolationBadge, Table, Waiting } from "./parts.js";
import { linkTo } from "./routing.js";

const SHOWN = 300;

/** Every namespace, with how closed it is. */
export function Namespaces({ version }: PageProps) {
  const [find, setFind] = useState("");
  const answer = useAnswer<{ readonly rows: readonly NamespaceRow[] }>("namespaces", {}, version);
  const rows = known(answer)?.rows.filter(({ name }) => name.includes(find));
  return (
    <>
      <h1>Namespaces</h1>
      <div class="toolbar"><label class="field">Find <input type="search" value={find} onInput={(event) => setFind(event.currentTarget.value)} /></label></div>
      <Waiting answer={answer} />
      {rows ? (
        <div class="card">
          <Table caption="namespaces" rows={rows.slice(0, SHOWN)} empty="no namespace of that name" columns={[
            { name: "namespace", cell: ({ name, exempt }) => <><a href={linkTo("namespace", { name })}>{name}</a> {exempt ? <Badge tone="plain">exempt</Badge> : null}</> },
            { name: "ingress", cell: ({ isolated, pods }) => (pods === 0 ? <span class="hint">no pods</span> : <IsolationBadge what="" isolation={isolated.ingress} />) },
            { name: "egress", cell: ({ isolated, pods }) => (pods === 0 ? null : <IsolationBadge what="" isolation={isolated.egress} />) },
            { name: "policies", number: true, cell: ({ policies }) => policies },
            { name: "workloads", number: true, cell: ({ workloads }) => workloads },
            { name: "pods", number: true, cell: ({ pods }) => pods },
          ]} />
          {rows.length > SHOWN ? <p class="hint">{rows.length - SHOWN} more: find them by name</p> : null}
        </div>
      ) : null}
    </>
  );
}
