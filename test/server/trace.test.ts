import { expect, test } from "vitest";
import { traceParentOf } from "../../src/server/trace.js";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";

test.each([`00-${TRACE}-${PARENT}-01`, `00-${TRACE}-${PARENT}-00`, `cc-${TRACE}-${PARENT}-01-what-comes-later`])("%s names a trace", (header) => {
  expect(traceParentOf(header)).toEqual({ traceId: TRACE, spanId: PARENT, traceFlags: header.includes("-00", 50) ? 0 : 1 });
});

test.each([
  undefined,
  "",
  TRACE,
  `ff-${TRACE}-${PARENT}-01`,
  `00-${"0".repeat(32)}-${PARENT}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${PARENT}-01`,
  `00-${TRACE}-${PARENT}-01-more`,
  `00-${TRACE}-${PARENT}-1`,
  ` 00-${TRACE}-${PARENT}-01`,
])("%j names none", (header) => {
  expect(traceParentOf(header)).toBeUndefined();
});
