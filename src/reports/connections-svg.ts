import { graph } from "../plots/graph.js";
import type { ConnectionsReport } from "./report.js";

/** A picture of workloads, and of namespaces where there are many. */
export const connectionsSvg: ConnectionsReport = graph;
