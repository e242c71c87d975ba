import { ruleId } from "../model/violation.js";
import { detailsOf, escapeMarkup, formatPlace, objectName, PAGE_STYLE, pictures, remarks, SEVERITIES, summary, type Finding, type FindingsReport } from "./report.js";

const TITLE = { deny: "Refused", warn: "Warnings", dryrun: "Dry run" } as const;

const STYLE = `${PAGE_STYLE}
ul.findings { list-style: none; padding: 0; }
ul.findings > li { border: 1px solid var(--line); border-left: 4px solid currentColor; border-radius: 4px; padding: 0.6rem 1rem; }
li.deny { color: var(--deny); } li.warn { color: var(--warn); } li.dryrun { color: var(--dryrun); } li > * { color: var(--ink); }
.place, .details { color: var(--dim); margin: 0.2rem 0 0; } .details p { margin: 0; }
@media print { ul.findings > li { break-inside: avoid; } }`;

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
${sections.join("")}${notes}${[...pictures(found.connections ?? [])].join("")}</main>
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
