import { expect } from "vitest";
import { evaluate } from "../../src/engine/evaluate.js";
import { endpointOf } from "../../src/engine/endpoints.js";
import { trafficPoint, type Protocol } from "../../src/model/traffic.js";
import { describeFamily, readExpected, readSnapshot } from "./cases.js";

type Probe = readonly [src: string, dst: string, protocol: Protocol, port: number, portName: string, ingressAllowed: boolean, egressAllowed: boolean];

describeFamily("probes", ({ folder }) => {
  const snapshot = readSnapshot(folder);
  const { probes } = readExpected<{ probes: readonly Probe[] }>(folder);
  const wrong = probes.filter(([from, to, protocol, port, , ingressAllowed, egressAllowed]) => {
    // Self traffic cannot be blocked (S14); the generator evaluates it like any other.
    if (from === to) return false;
    const [src, dst] = [endpointOf(snapshot, from), endpointOf(snapshot, to)];
    if (!src || !dst) return true;
    const verdict = evaluate(snapshot, { src, dst, traffic: trafficPoint(protocol, port) }, { cidrSelectsPods: true });
    return verdict.ingress.allowed !== ingressAllowed || verdict.egress.allowed !== egressAllowed;
  });
  expect(probes.length).toBeGreaterThan(0);
  expect(wrong).toEqual([]);
});
