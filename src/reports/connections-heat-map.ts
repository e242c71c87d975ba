import { heatMap } from "../plots/heat-map.js";
import type { ConnectionsReport } from "./report.js";

/** A grid of namespaces, as SVG. */
export const connectionsHeatMap: ConnectionsReport = heatMap;
