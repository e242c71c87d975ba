import { expect, test } from "vitest";
import { heatMap } from "../../src/plots/heat-map.js";
import { connectionsHtml } from "../../src/reports/connections-html.js";
import { html } from "../../src/reports/html.js";

const LINES = [
  { src: "shop/web[Pod]", dst: "shop/db[Pod]", conn: "TCP 5432" },
  { src: "lab/a[Pod]", dst: "shop/web[Pod]", conn: "TCP 8080" },
  { src: "lab/b[Pod]", dst: "shop/web[Pod]", conn: "TCP 8080-8090,9090,UDP 53,54" },
  { src: "0.0.0.0-255.255.255.255[External]", dst: "lab/a[Pod]", conn: "All Connections" },
];

/** What the cells say, by source and destination. */
function cells(svg: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...svg.matchAll(/<title>([^<:]*): ([^<]*)<\/title><rect class="cell (\w+)"/g)].map(([, pair, text, level]) => [pair, `${level}: ${text}`]));
}

test("a heat map has a cell for each pair of namespaces, and the outside first", () => {
  const svg = [...heatMap(LINES)].join("");
  expect(Object.keys(cells(svg))).toEqual(["(outside) to (outside)", "(outside) to lab", "(outside) to shop", "lab to (outside)", "lab to lab", "lab to shop", "shop to (outside)", "shop to lab", "shop to shop"]);
  expect(cells(svg)).toMatchObject({ "(outside) to lab": "all: All Connections", "lab to shop": "many: TCP 8080; TCP 8080-8090,9090,UDP 53,54", "shop to shop": "some: TCP 5432", "shop to lab": "none: nothing", "lab to lab": "own: nothing between its workloads" });
});

test("a heat map of many namespaces says how many it leaves out", () => {
  const many = Array.from({ length: 150 }, (_, i) => ({ src: `n${String(i).padStart(3, "0")}/a[Pod]`, dst: "n000/a[Pod]", conn: "TCP 1" }));
  const svg = [...heatMap(many)].join("");
  expect(Object.keys(cells(svg))).toHaveLength(120 * 120);
  expect(svg).toContain("30 more namespaces are not drawn");
});

test("names cannot break out of a page", () => {
  const page = [...connectionsHtml([{ src: 'x"><script>/a[Pod]', dst: "b/<b>[Pod]", conn: "TCP 1" }])].join("");
  expect(page).not.toContain("<script>");
  expect(page).toContain("&lt;script&gt;");
});

test("a page asks nobody for anything", () => {
  const page = [...connectionsHtml(LINES)].join("");
  expect(page.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|url\((?!#)|<link|<script/);
  expect(page).toContain("<td>shop/web[Pod]</td><td>shop/db[Pod]</td><td>TCP 5432</td>");
});

test("a report of findings has the pictures where it is given what to draw", () => {
  const found = { findings: [], warnings: [], notes: [], checked: 1 };
  const options = { color: false, version: "1.2.3" };
  expect(html({ ...found, connections: LINES }, options)).toContain('class="heat"');
  expect(html(found, options)).not.toContain("<svg");
});
