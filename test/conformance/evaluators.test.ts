import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/engine/evaluate.js";
import { reachability } from "../../src/engine/reachability.js";
import type { Endpoint } from "../../src/model/endpoint.js";
import { trafficPoint } from "../../src/model/traffic.js";
import { parseAddress } from "../../src/sets/ip-set.js";
import { casesOf } from "./cases.js";
import { readCluster } from "./lines.js";

/** The fast evaluator and the judge agree on every cluster that the field gave us, whatever is expected of it. */

const FAMILIES = ["connectivity", "packets", "pokes", "probes", "walkthroughs"];
const POINTS = [trafficPoint("TCP", 80), trafficPoint("TCP", 8080), trafficPoint("UDP", 53), trafficPoint("SCTP", 9003)];
const OUTSIDE = ["8.8.8.8", "10.10.0.1", "172.21.0.1"].map((text): Endpoint => ({ kind: "address", address: parseAddress(text) ?? 0 }));
/** Enough of each cluster: pairs beyond repeat what the pairs before them show. */
const PODS = 12;

describe.each(FAMILIES)("the evaluators agree on conformance/%s", (family) => {
  const cases = casesOf(family);
  if (cases.length === 0) return void test.skip(`no cases of ${family}`);
  test.each(cases.map(({ name, folder }) => [name, folder] as const))("%s", (_, folder) => {
    const snapshot = readCluster(folder, "cluster.yaml");
    const ends = [...[...snapshot.pods()].slice(0, PODS).map((pod): Endpoint => ({ kind: "pod", pod })), ...OUTSIDE];
    for (const cidrSelectsPods of [false, true]) {
      const reach = reachability(snapshot, { cidrSelectsPods });
      const connections = ends.flatMap((src) => ends.flatMap((dst) => POINTS.map((traffic) => ({ src, dst, traffic }))));
      const wrong = connections.filter((connection) => {
        const { allowed, egress, ingress } = evaluate(snapshot, connection, { cidrSelectsPods });
        const answer = reach.check(connection);
        return answer.allowed !== allowed || answer.egressAllowed !== egress.allowed || answer.ingressAllowed !== ingress.allowed;
      });
      expect(wrong).toEqual([]);
    }
  });
});
