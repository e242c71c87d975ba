import type { StylesheetJson } from "cytoscape";
import type { Theme } from "./theme.js";

/** The colours of the picture, the same as those of styles.css; a canvas reads no variables. */
const COLOURS = {
  light: { ink: "#1b2230", dim: "#5b6675", paper: "#ffffff", box: "#f4f6f9", line: "#c3cad4", good: "#1a7f4b", warn: "#9a6700", bad: "#c2352b", accent: "#1f5fd0", outside: "#6b4fbb", open: "#aab3c0" },
  dark: { ink: "#e8edf4", dim: "#9aa6b5", paper: "#151b24", box: "#10151d", line: "#3a4656", good: "#4cc38a", warn: "#e0b04a", bad: "#ff8178", accent: "#7aa9ff", outside: "#b39dff", open: "#465264" },
} as const;

/** How nodes and edges look. Posture is the border: its colour, and its dashes for those who do not see colours. */
export function graphStyle(theme: Theme): StylesheetJson {
  const c = COLOURS[theme];
  return [
    { selector: "node", style: {
      label: "data(label)", color: c.ink, "font-size": 12, "font-family": "system-ui, sans-serif", "text-wrap": "wrap", "text-max-width": "150px", "text-valign": "center", "text-halign": "center",
      shape: "round-rectangle", width: "data(width)", height: 34, "background-color": c.paper, "border-width": 2, "border-color": c.bad, "border-style": "dashed",
    } },
    { selector: "node.half", style: { "border-color": c.warn, "border-style": "dashed" } },
    { selector: "node.closed", style: { "border-color": c.good, "border-style": "solid" } },
    { selector: "node.external", style: { shape: "cut-rectangle", "border-color": c.outside, "border-style": "solid", "border-width": 1.5 } },
    { selector: "node.empty", style: { "border-color": c.line, "border-style": "dotted", color: c.dim } },
    { selector: "node.box", style: {
      shape: "round-rectangle", "background-color": c.box, "background-opacity": 0.75, "border-width": 1, "border-style": "solid", "border-color": c.line, "text-valign": "top", "text-halign": "center", "font-weight": "bold", "text-margin-y": -4, padding: "18px",
    } },
    { selector: "edge", style: {
      width: 1.4, "line-color": c.accent, "target-arrow-color": c.accent, "target-arrow-shape": "triangle", "arrow-scale": 0.9, "curve-style": "bezier", "line-opacity": 0.75,
      "font-size": 10, "font-family": "system-ui, sans-serif", color: c.ink, "text-background-color": c.paper, "text-background-opacity": 0.9, "text-background-padding": "2px", "text-rotation": "autorotate",
    } },
    { selector: "edge.every", style: { width: 2.2, "line-color": c.warn, "target-arrow-color": c.warn } },
    { selector: "edge.open", style: { width: 1, "line-color": c.open, "target-arrow-color": c.open, "line-style": "dashed" } },
    { selector: "edge.both", style: { "source-arrow-shape": "triangle", "source-arrow-color": c.accent } },
    { selector: "edge.both.every", style: { "source-arrow-color": c.warn } },
    { selector: "edge.both.open", style: { "source-arrow-color": c.open } },
    { selector: "edge.many", style: { "curve-style": "straight", "line-opacity": 0.45, width: 1 } },
    { selector: "edge.told", style: { label: "data(ports)" } },
    { selector: ".faded", style: { opacity: 0.16 } },
    { selector: "edge.near", style: { label: "data(ports)" } },
    { selector: "edge.near", style: { "line-opacity": 1, width: 2.4, "z-index": 9 } },
    { selector: "node.chosen", style: { "background-color": c.accent, color: c.paper, "border-color": c.accent, "border-style": "solid" } },
    { selector: "node.box.chosen", style: { "background-color": c.box, color: c.accent } },
    { selector: "core", style: { "active-bg-opacity": 0, "selection-box-opacity": 0 } },
  ] as unknown as StylesheetJson;
}
