import type { ComponentChildren } from "preact";
import type { Isolation } from "../model/views.js";
import type { Answer } from "./api.js";

/** Pieces that several pages are made of. */

/** A verdict or state in colour and in words. */
export function Badge({ tone, children }: { readonly tone: "good" | "bad" | "warn" | "info" | "plain"; readonly children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** What an answer came to: its failure, or that it is still asked for. */
export function Waiting({ answer }: { readonly answer: Answer<unknown> }) {
  if (answer.state === "failed") return <p class="failure" role="alert">{answer.message}</p>;
  return answer.state === "asking" && answer.last === undefined ? <p class="waiting" role="status">asking…</p> : null;
}

export interface Column<T> {
  readonly name: string;
  /** Numbers stand to the right. */
  readonly number?: boolean;
  cell(row: T): ComponentChildren;
}

/** A table with a caption for screen readers; it scrolls by itself where it is too wide. */
export function Table<T>({ caption, columns, rows, empty }: { readonly caption: string; readonly columns: readonly Column<T>[]; readonly rows: readonly T[]; readonly empty: string }) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead><tr>{columns.map(({ name, number }) => <th scope="col" class={number ? "number" : ""}>{name}</th>)}</tr></thead>
        <tbody>{rows.map((row) => <tr>{columns.map(({ number, cell }) => <td class={number ? "number" : ""}>{cell(row)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}

/** Text with the parts between backticks as code. */
export function Words({ text }: { readonly text: string }) {
  return <>{text.split("`").map((part, i) => (i % 2 === 1 ? <code>{part}</code> : part))}</>;
}

const ISOLATED = { all: "good", some: "warn", none: "bad" } as const;

/** How closed pods are in a direction. */
export function IsolationBadge({ what, isolation }: { readonly what: string; readonly isolation: Isolation }) {
  const words = { all: "closed", some: "partly open", none: "open" } as const;
  return <Badge tone={ISOLATED[isolation]}>{what} {words[isolation]}</Badge>;
}

/** `All Connections` and lists of ports, as people read them. */
export function portsText(ports: string): string {
  return ports === "All Connections" ? "all ports" : ports.replaceAll(/,(?=[A-Z])/g, ", ");
}

/** `1 pod`, `2 pods`. */
export function count(number: number, what: string): string {
  const plural = what.endsWith("y") ? `${what.slice(0, -1)}ies` : `${what}s`;
  return `${number.toLocaleString("en")} ${number === 1 ? what : plural}`;
}

/** Copies a text; the button says so. */
export async function copy(text: string, button: HTMLButtonElement): Promise<void> {
  const before = button.textContent;
  await navigator.clipboard.writeText(text).then(() => (button.textContent = "copied"), () => (button.textContent = "not allowed"));
  setTimeout(() => (button.textContent = before), 1_500);
}
