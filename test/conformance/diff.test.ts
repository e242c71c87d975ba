import { expect } from "vitest";
import { compare, type ConnectionDiff } from "../../src/engine/compare.js";
import { describeFamily, readExpected } from "./cases.js";
import { comparable, readCluster } from "./lines.js";

describeFamily("diff", ({ folder }) => {
  const { diffs } = readExpected<{ diffs: readonly ConnectionDiff[] }>(folder);
  const [before, after] = [readCluster(folder, "old.yaml"), readCluster(folder, "new.yaml")];
  const options = { profile: { cidrSelectsPods: false }, addressFamilies: "ipv4" } as const;
  expect(comparable(compare(before, after, options))).toEqual(comparable(diffs));
});
