import { expect, test } from "vitest";
import type { Judge } from "../../src/server/admission-edge.js";
import { decodeValue } from "../../src/server/decode.js";
import { waitForProvision, type Pending } from "../../src/server/provision-wait.js";
import { ALLOWED, DENIED } from "./decisions.js";
import { reviewOf } from "./requests.js";

function podRequest(changes: Record<string, unknown> = {}) {
  const decoded = decodeValue(reviewOf({ kind: { group: "", version: "v1", kind: "Pod" }, name: "web", object: { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "demo" } }, ...changes }));
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
  return decoded.request;
}

/** A provision that is pending until it was waited for. */
function setUp({ pending = true, settles = true } = {}) {
  const state = { pending, waited: 0, judged: 0 };
  const provision: Pending = {
    isPending: () => state.pending,
    settled: async () => {
      state.waited += 1;
      state.pending = !settles;
    },
  };
  const inner: Judge = () => {
    state.judged += 1;
    return state.pending ? DENIED : ALLOWED;
  };
  return { state, provision, judge: waitForProvision(inner, provision) };
}
const soon = () => performance.now() + 5_000;

test("A12: a pod behind its namespace is judged again when the policies are written, so that its ReplicaSet does not back off", async () => {
  const { judge, state } = setUp();
  expect(await judge(podRequest(), "validate/deny", soon())).toEqual(ALLOWED);
  expect(state).toMatchObject({ waited: 1, judged: 2 });
});

test("a pod whose policies were written while its denial was confirmed is judged again without a wait", async () => {
  const { provision, state } = setUp();
  const decisions = [DENIED, ALLOWED];
  const judge = waitForProvision(() => {
    state.pending = false;
    return decisions.shift() ?? DENIED;
  }, provision);
  expect(await judge(podRequest(), "validate/deny", soon())).toEqual(ALLOWED);
  expect(state.waited).toBe(0);
});

test("a pod is refused when waiting did not help", async () => {
  const { judge, state } = setUp({ settles: false });
  expect(await judge(podRequest(), "validate/deny", soon())).toEqual(DENIED);
  expect(state).toMatchObject({ waited: 1, judged: 2 });
});

test("a pod whose policies were never about to be written is not judged again", async () => {
  const judged: string[] = [];
  const judge = waitForProvision(({ name }) => (judged.push(name), DENIED), { isPending: () => true, settled: async () => false });
  expect(await judge(podRequest(), "validate/deny", soon())).toEqual(DENIED);
  expect(judged).toHaveLength(1);
});

test.each([
  ["nothing is pending", { pending: false }, {}, soon],
  ["it is no pod", {}, { kind: { group: "", version: "v1", kind: "Service" } }, soon],
  ["it is no new pod", {}, { operation: "UPDATE" }, soon],
  ["there is no time", {}, {}, () => performance.now() + 100],
] as const)("nobody waits when %s", async (_what, options, changes, deadline) => {
  const { judge, state } = setUp(options);
  await judge(podRequest(changes), "validate/deny", deadline());
  expect(state).toMatchObject({ waited: 0, judged: 1 });
});

test("no more than sixteen wait together", async () => {
  const ends: (() => void)[] = [];
  const judge = waitForProvision(() => DENIED, { isPending: () => true, settled: () => new Promise((resolve) => void ends.push(resolve)) });
  const all = Array.from({ length: 20 }, () => judge(podRequest(), "validate/deny", soon()));
  await Promise.all(all.slice(16));
  expect(ends).toHaveLength(16);
  for (const end of ends) end();
  expect(await Promise.all(all)).toEqual(Array.from({ length: 20 }, () => DENIED));
});
