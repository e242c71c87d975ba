import { ruleId } from "../model/violation.js";
import { detailsOf, escapeMarkup, formatPlace, objectName, remarks, SEVERITIES, summary, type Finding, type FindingsReport } from "./report.js";

const TITLE = { deny: "Refused", warn: "Warnings", dryrun: "Dry run" } as const;

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #57606a; --paper: #fff; --line: #d0d7de; --deny: #b42318; --warn: #8a5a00; --dryrun: #0b6b8a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9aa4af; --paper: #11151a; --line: #30363d; --deny: #ff8a80; --warn: #f0c060; --dryrun: #7cc7e0; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: var(--ink); background: var(--paper); }
h2 { margin-top: 2rem; } code { font-size: 0.9em; } li { margin: 0 0 1rem; } ul.findings { list-style: none; padding: 0; }
ul.findings > li { border: 1px solid var(--line); border-left: 4px solid currentColor; border-radius: 4px; padding: 0.6rem 1rem; }
li.deny { color: var(--deny); } li.warn { color: var(--warn); } li.dryrun { color: var(--dryrun); } li > * { color: var(--ink); }
.place, .details { color: var(--dim); margin: 0.2rem 0 0; } .details p { margin: 0; }
@media print { body { margin: 0; max-width: none; } ul.findings > li { break-inside: avoid; } }`;

/** One file that works offline and prints. */
export const html: FindingsReport = (found, { version }) => {
  const sections = SEVERITIES.flatMap(({ action }) => {
    const findings = found.findings.filter(({ violation }) => violation.action === action);
    return findings.length === 0 ? [] : [`<h2>${TITLE[action]} (${findings.length})</h2>\n<ul class="findings">\n${findings.map(item).join("")}</ul>\n`];
  });
  const items = remarks(found).map((remark) => `<li>${escapeMarkup(remark)}</li>\n`).join("");
  const notes = items === "" ? "" : `<h2>Notes</h2>\n<ul>\n${items}</ul>\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sluice: ${escapeMarkup(summary(found))}</title>
<style>${STYLE}
</style>
</head>
<body>
<main>
<h1>Network policy check</h1>
<p>${escapeMarkup(summary(found))}</p>
${sections.join("")}${notes}</main>
<footer><p>Sluice ${escapeMarkup(version)}</p></footer>
</body>
</html>
`;
};

function item({ violation, place }: Finding): string {
  const details = detailsOf(violation).map((line) => `<p>${escapeMarkup(line)}</p>`).join("");
  const where = place === undefined ? "" : `<p class="place"><code>${escapeMarkup(formatPlace(place))}</code></p>`;
  return `<li class="${violation.action}"><div><strong>${escapeMarkup(objectName(violation))}</strong> <code>${escapeMarkup(ruleId(violation))}</code></div>
<div>${escapeMarkup(violation.message)}</div>${where}<div class="details">${details}</div></li>\n`;
}
