import { expect } from "vitest";
import { connectivity, type ConnectionLine } from "../../src/engine/connectivity.js";
import { describeFamily, readExpected } from "./cases.js";
import { comparable, readCluster } from "./lines.js";

describeFamily("connectivity", ({ folder }) => {
  const { connections } = readExpected<{ connections: readonly ConnectionLine[] }>(folder);
  const lines = [...connectivity(readCluster(folder, "cluster.yaml"), { profile: { cidrSelectsPods: false }, addressFamilies: "ipv4" })];
  expect(connections.length).toBeGreaterThan(0);
  expect(comparable(lines)).toEqual(comparable(connections));
});
