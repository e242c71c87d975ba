import { deserialize, serialize } from "node:v8";
import { expect, test } from "vitest";
import { ServerMetrics } from "../../src/server/metrics.js";
import { Totals } from "../../src/workers/totals.js";

/** What one process tells, as another one gets it. */
async function told(requests: number, inFlight = 0): Promise<object[]> {
  const metrics = new ServerMetrics("1.2.3");
  metrics.observe({ inFlight: () => inFlight, waiting: () => 0, kinds: () => (requests === 0 ? [{ kind: "Pod", synced: true, ageSeconds: 1, objects: 7 }] : []), exceptions: () => ({}), pending: () => requests, certificateEnds: () => 5_000, caEnds: () => 9_000 });
  for (let count = 0; count < requests; count++) metrics.answered({ route: "mutate", operation: "CREATE", outcome: "allowed" }, 0.001);
  return deserialize(serialize(await metrics.registry.getMetricsAsJSON())) as object[];
}

test("counts and what is under way are added up; what all know alike is told once", async () => {
  const text = await new Totals().text([await told(0), await told(3, 1), await told(4, 2)]);
  for (const line of ['sluice_admission_requests_total{route="mutate",operation="CREATE",outcome="allowed"} 7', 'sluice_admission_duration_seconds_count{route="mutate"} 7', "sluice_in_flight_requests 3", "sluice_pending_changes 4", "sluice_certificate_expiry_timestamp_seconds 5", "sluice_ca_expiry_timestamp_seconds 9", 'sluice_snapshot_objects{kind="Pod"} 7']) {
    expect(text.split("\n")).toContain(line);
  }
  expect(text).toMatch(/^sluice_build_info\{version="1\.2\.3",.*\} 1$/m);
});

test("what a process had counted stays when it ends, and nothing else of it", async () => {
  const totals = new Totals();
  totals.ended(await told(3, 5));
  totals.ended(await told(10, 5));
  const text = await totals.text([await told(0), await told(4, 1)]);
  for (const line of ['sluice_admission_requests_total{route="mutate",operation="CREATE",outcome="allowed"} 17', 'sluice_admission_duration_seconds_bucket{le="0.001",route="mutate"} 17', "sluice_in_flight_requests 1"]) expect(text.split("\n")).toContain(line);
});
