import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { linter, lintGutter, type Diagnostic } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { parseAllDocuments } from "yaml";

/** Colours are those of the page: variables reach into the shadow. */
const LOOK = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--paper)", fontSize: "13.5px", height: "100%" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--code)", lineHeight: "1.55" },
  ".cm-gutters": { backgroundColor: "var(--ground)", color: "var(--dim)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 8%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-tooltip": { backgroundColor: "var(--paper)", color: "var(--ink)", border: "1px solid var(--line)" },
});

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--info)" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--dim)", fontStyle: "italic" },
  { tag: [tags.separator, tags.punctuation, tags.meta], color: "var(--dim)" },
]);

/** The editor of policies. It stands in a shadow root, where its styles need no exception of the page's policy. */
export class YamlEditor {
  readonly #view: EditorView;

  constructor(host: HTMLElement, text: string, onChange: (text: string) => void) {
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const changed = EditorView.updateListener.of((update) => void (update.docChanged && onChange(update.state.doc.toString())));
    const extensions = [
      lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), highlightActiveLine(), yaml(), syntaxHighlighting(COLOURS), lintGutter(), linter(mistakesIn), LOOK,
      keymap.of([...defaultKeymap, ...historyKeymap]), EditorView.contentAttributes.of({ "aria-label": "policies as YAML", tabindex: "0" }), changed,
    ];
    this.#view = new EditorView({ state: EditorState.create({ doc: text, extensions }), parent: root, root });
  }

  /** Another text, as far as it is another one: what stays keeps cursor and history. */
  set(text: string): void {
    const old = this.#view.state.doc.toString();
    if (old === text) return;
    let from = 0;
    while (from < old.length && from < text.length && old[from] === text[from]) from++;
    let [end, newEnd] = [old.length, text.length];
    while (end > from && newEnd > from && old[end - 1] === text[newEnd - 1]) [end, newEnd] = [end - 1, newEnd - 1];
    this.#view.dispatch({ changes: { from, to: end, insert: text.slice(from, newEnd) } });
  }

  close(): void {
    this.#view.destroy();
  }
}

function mistakesIn(view: EditorView): Diagnostic[] {
  const text = view.state.doc.toString();
  return parseAllDocuments(text).flatMap(({ errors }) => errors).map(({ pos: [from, to], message }) => ({
    from: Math.min(from, text.length), to: Math.min(Math.max(to, from), text.length), severity: "error", message: message.split("\n")[0] ?? "",
  }));
}
