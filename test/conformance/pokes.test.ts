import { expect } from "vitest";
import { endpointOf } from "../../src/engine/endpoints.js";
import { evaluate } from "../../src/engine/evaluate.js";
import { trafficPoint, type Protocol } from "../../src/model/traffic.js";
import { describeFamily, readExpected, readSnapshot } from "./cases.js";

interface Poke {
  readonly src: string;
  readonly dst: string;
  readonly dstIP: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly allowed: boolean;
}

describeFamily("pokes", ({ folder }) => {
  const snapshot = readSnapshot(folder);
  const { pokes } = readExpected<{ pokes: readonly Poke[] }>(folder);
  const wrong = pokes.filter(({ src: from, dst: to, dstIP, protocol, port, allowed }) => {
    const src = endpointOf(snapshot, from);
    // By name and by address must come to the same.
    const verdicts = [to, dstIP].map((text) => {
      const dst = endpointOf(snapshot, text);
      return src && dst && evaluate(snapshot, { src, dst, traffic: trafficPoint(protocol, port) }, { cidrSelectsPods: true });
    });
    return verdicts.some((verdict) => verdict?.allowed !== allowed);
  });
  expect(pokes.length).toBeGreaterThan(0);
  expect(wrong).toEqual([]);
});
