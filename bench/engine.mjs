// Figures of the fast evaluator against the judge, in one run. `npm run build` first; `node --expose-gc bench/engine.mjs [--quick]`.
// Prints a table and JSON; says whether the two agree, and never fails on time. Times are of this process' CPU, so that
// neighbours on the machine do not count; memory is heap and array buffers after collection, beyond the parsed objects.
import { clusterOf, random } from "./cluster.mjs";

const dist = process.env.SLUICE_DIST ?? new URL("../dist", import.meta.url).href;
const [{ readObjects }, { Snapshot }, { reachability }, { evaluate }, { trafficPoint }] = await Promise.all(
  ["dialects/index", "model/snapshot", "engine/reachability", "engine/evaluate", "model/traffic"].map((file) => import(`${dist}/${file}.js`)),
);

const SIZES = [[400, 60, 4], [2_000, 300, 20], [20_000, 2_000, 200], [100_000, 10_000, 1_000]];
const quick = process.argv.includes("--quick");
const PROFILE = { cidrSelectsPods: true };
const POINT = trafficPoint("TCP", 8080);
const ALL_PAIRS_LIMIT = quick ? 400 : 2_000;
const SAMPLE = 10_000;

const rows = (quick ? SIZES.slice(0, 3) : SIZES).map(([pods, policies, namespaces]) => measure({ pods, policies, namespaces }));
const columns = Object.keys(rows[0]);
const width = (column) => Math.max(column.length, ...rows.map((row) => String(row[column]).length));
for (const line of [Object.fromEntries(columns.map((column) => [column, column])), ...rows]) console.log(columns.map((column) => String(line[column]).padStart(width(column))).join("  "));
console.log(JSON.stringify({ bench: "engine", node: process.version, quick, rows }));

function measure(size) {
  let objects = clusterOf(size);
  const before = memory();
  let longest = 0;
  const [read, ms] = cpu(() => {
    const snapshot = Snapshot.EMPTY.with(readObjects(objects).changes);
    const reach = reachability(snapshot, PROFILE);
    const pods = [...snapshot.pods()];
    // There is no build: each end and row is made when it is asked for, and whoever asks for many may let others have their turn in between.
    const ends = pods.map((pod) => {
      const [end, step] = cpu(() => {
        const made = reach.end({ kind: "pod", pod });
        reach.row(made, "egress");
        return made;
      });
      longest = Math.max(longest, step);
      return end;
    });
    return { snapshot, reach, pods, ends };
  });
  const added = memory() - before;
  objects = undefined;
  const pairs = allPairs(read);
  const judged = judge(read, size.pods);
  const whatIf = whatIfs(read);
  const event = watchEvents(read);
  const queries = eachQuery(read);
  return {
    pods: size.pods, policies: size.policies, classes: read.reach.index.classes.size,
    "ready ms": ms.toFixed(0), "longest step ms": longest.toFixed(1), "added MB": (added / 1e6).toFixed(1),
    "all pairs ms": pairs.ms.toFixed(0), "pairs allowed": pairs.allowed, "rows MB": ((memory() - before - added) / 1e6).toFixed(1),
    "pairs judged": judged.count, "judge us": judged.us.toFixed(1), "fast cold us": judged.coldUs.toFixed(2), "warm us": judged.warmUs.toFixed(2),
    ratio: Math.round(judged.us / judged.warmUs), agree: judged.agree,
    "what-if p50 ms": whatIf.p50, "p99 ms": whatIf.p99, "max ms": whatIf.max, "cpu p99": whatIf.busy99, "event us": event.us, "its snapshot us": event.snapshotUs, "100k queries ms": queries,
    "RSS MB": (process.memoryUsage().rss / 1e6).toFixed(0),
  };
}

/** The traffic of every ordered pair of pods: worked out per pair of classes, looked up per pair of pods. Above 20,000 pods: of 100 sources. */
function allPairs({ reach, ends }) {
  const [result, ms] = cpu(() => {
    const classOf = new Map();
    const members = [];
    const kind = Uint32Array.from(ends, (end) => {
      const key = `${end.families} ${end.classIn(4).id} ${end.classIn(6).id}`;
      if (!classOf.has(key)) classOf.set(key, members.push(end) - 1);
      return classOf.get(key);
    });
    const sources = ends.length > 20_000 ? members.slice(0, 100) : members;
    let allowed = 0;
    for (const [i, src] of sources.entries()) {
      const open = Uint8Array.from(members, (dst) => (reach.between(src, dst).isEmpty ? 0 : 1));
      for (let a = 0; a < ends.length; a++) if (kind[a] === i) for (let b = 0; b < ends.length; b++) allowed += open[kind[b]];
    }
    return allowed;
  });
  return { ms, allowed: result };
}

/** The judge and the fast evaluator on the same pairs: all of them, or a seeded sample. The first pass of the fast one works out rows. */
function judge({ snapshot, reach, pods }, size) {
  const dice = random(7);
  const all = size <= ALL_PAIRS_LIMIT;
  const count = all ? pods.length ** 2 : SAMPLE;
  const pairs = Uint32Array.from({ length: all ? 0 : count * 2 }, () => dice.below(pods.length));
  const connection = (i) => {
    const [src, dst] = all ? [Math.floor(i / pods.length), i % pods.length] : [pairs[2 * i], pairs[2 * i + 1]];
    return { src: { kind: "pod", pod: pods[src] }, dst: { kind: "pod", pod: pods[dst] }, traffic: POINT };
  };
  const pass = (answer) => cpu(() => Uint8Array.from({ length: count }, (_, i) => (answer(connection(i)) ? 1 : 0)));
  const [verdicts, slow] = pass((one) => evaluate(snapshot, one, PROFILE).allowed);
  const [answers, cold] = pass((one) => reach.check(one).allowed);
  const [, warm] = pass((one) => reach.check(one).allowed);
  const us = (ms) => (ms * 1_000) / count;
  return { us: us(slow), coldUs: us(cold), warmUs: us(warm), agree: verdicts.every((verdict, i) => verdict === answers[i]), count };
}

/** Replaces one policy by another of its namespace: a new snapshot, an evaluator for it, and every pair of classes whose traffic differs. */
function whatIfs({ snapshot, reach }) {
  const dice = random(11);
  const policies = [...snapshot.policies()];
  const times = Array.from({ length: quick ? 300 : 1_000 }, () => {
    const old = dice.pick(policies);
    const donor = dice.pick(policies.filter(({ ref }) => ref.namespace === old.ref.namespace));
    const next = { ...old, subject: donor.subject, isolates: donor.isolates, rules: donor.rules };
    const started = performance.now();
    const [, busy] = cpu(() => {
      const after = reachability(snapshot.with([{ put: { fact: "policy", value: next } }]), PROFILE, reach);
      let pairs = 0;
      for (const pod of representatives(snapshot.namespaces.get(old.ref.namespace), reach)) {
        for (const direction of ["ingress", "egress"]) pairs += count(reach.row(pod, direction).difference(after.row(pod, direction)));
      }
      return pairs;
    });
    return { wall: performance.now() - started, busy };
  });
  const at = (share, kind) => times.map((time) => time[kind]).sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(2);
  return { p50: at(0.5, "wall"), p99: at(0.99, "wall"), max: at(1, "wall"), busy99: at(0.99, "busy") };
}

function representatives(state, reach) {
  const byClass = new Map();
  for (const pod of state.pods.values()) {
    const end = reach.end({ kind: "pod", pod });
    byClass.set(end.classIn(4).id, end);
  }
  return byClass.values();
}

function count(bits) {
  let n = 0;
  for (const word of bits) for (let rest = word; rest !== 0; rest &= rest - 1) n++;
  return n;
}

/** A replica of a running pod appears: the snapshot with it, an evaluator, and its class and rows known. */
function watchEvents({ snapshot, reach, pods }) {
  const dice = random(13);
  let [current, evaluator, snapshots] = [snapshot, reach, 0];
  const events = 2_000;
  const added = Array.from({ length: events }, (_, i) => ({ ...dice.pick(pods), name: `added-${i}` }));
  const total = wall(() => {
    for (const value of added) {
      const started = performance.now();
      current = current.with([{ put: { fact: "pod", value } }]);
      snapshots += performance.now() - started;
      evaluator = reachability(current, PROFILE, evaluator);
      const end = evaluator.end({ kind: "pod", pod: value });
      evaluator.row(end, "ingress");
      evaluator.row(end, "egress");
    }
  });
  return { us: ((total * 1_000) / events).toFixed(1), snapshotUs: ((snapshots * 1_000) / events).toFixed(1) };
}

function eachQuery({ reach, pods }) {
  const dice = random(17);
  const queries = Array.from({ length: 100_000 }, () => ({ src: { kind: "pod", pod: dice.pick(pods) }, dst: { kind: "pod", pod: dice.pick(pods) }, traffic: POINT }));
  return cpu(() => queries.map((query) => reach.check(query)))[1].toFixed(0);
}

function cpu(work) {
  const started = process.cpuUsage();
  const result = work();
  return [result, process.cpuUsage(started).user / 1_000 + process.cpuUsage(started).system / 1_000];
}

function wall(work) {
  const started = performance.now();
  work();
  return performance.now() - started;
}

function memory() {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
