import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { evaluate, promqlProgram } from "../promql/promql.mjs";

/** Each alert on series of a trouble and of none, by the engine of Prometheus: it is pending as long as it should be, and then it fires. */

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

const { spec } = parse(readFileSync(new URL("../../deploy/components/alerts/alerts.yaml", import.meta.url), "utf8")) as { spec: { groups: readonly { readonly rules: readonly Rule[] }[] } };
const rules = spec.groups.flatMap((group) => group.rules);
const MINUTES = 180;
const DAY = 86_400;

const calls = (metric: string, labels: string, values: string): string => `${metric}{${labels}} ${values}`;
const rejections = (webhook: string, error: string): string => calls("apiserver_admission_webhook_rejection_count", `name="${webhook}",error_type="${error}"`, `5+3x${MINUTES}`);
const openings = (webhook: string): string => calls("apiserver_admission_webhook_fail_open_count", `name="${webhook}",type="validating"`, `5+3x${MINUTES}`);
const constant = (metric: string, value: number): string => `${metric} ${value}x${MINUTES}`;
/** So many of a hundred reviews a minute take less than half a second; the others take less than two and a half. */
const durations = (quick: number): string[] => [["0.5", quick], ["2.5", 100], ["+Inf", 100]].map(([le, each]) => `sluice_admission_duration_seconds_bucket{le="${le}",route="deny"} 0+${each}x${MINUTES}`);

/** By alert: series with which it fires, and since which minute; series with which it never does. */
const TROUBLES: Readonly<Record<string, { readonly fires: readonly string[]; readonly at: number; readonly quiet: readonly (readonly string[])[] }>> = {
  SluiceUnreachable: { fires: [rejections("deny.sluice.dev", "calling_webhook_error")], at: 3, quiet: [[rejections("deny.sluice.dev", "no_error")], [rejections("deny.example.com", "calling_webhook_error")]] },
  SluiceFailsOpen: { fires: [openings("deny.sluice.dev")], at: 6, quiet: [[openings("warn.sluice.dev")], [openings("deny.example.com")]] },
  SluiceDown: { fires: [], at: 5, quiet: [[constant('sluice_build_info{pod="a"}', 1)], [`sluice_build_info{pod="a"} 1x10 _x4 1x${MINUTES}`]] },
  SluiceCertificateEnds: { fires: [constant("sluice_certificate_expiry_timestamp_seconds", 7 * DAY)], at: 11, quiet: [[constant("sluice_certificate_expiry_timestamp_seconds", 8 * DAY)]] },
  SluiceNobodyLeads: { fires: [constant('sluice_leader{pod="a"}', 0), constant('sluice_leader{pod="b"}', 0)], at: 5, quiet: [[constant('sluice_leader{pod="a"}', 0), constant('sluice_leader{pod="b"}', 1)], [`sluice_leader 1x10 0x3 1x${MINUTES}`]] },
  SluiceSuspended: { fires: [constant('sluice_suspended{pod="a"}', 1)], at: 60, quiet: [[constant('sluice_suspended{pod="a"}', 0)]] },
  SluiceBlind: { fires: [`sluice_snapshot_age_seconds{kind="Pod"} 0+60x${MINUTES}`], at: 11, quiet: [[`sluice_snapshot_age_seconds{kind="Pod"} 0 60 0 60 120 0x${MINUTES}`, constant('sluice_snapshot_synced{kind="Pod"}', 1)]] },
  SluiceDecidesByFailureMode: { fires: [`sluice_failure_mode_total{route="deny",mode="Deny"} 0+1x${MINUTES}`], at: 11, quiet: [[constant('sluice_failure_mode_total{route="deny",mode="Deny"}', 7)], [`sluice_failure_mode_total{route="deny",mode="Deny"} 0x20 1x${MINUTES}`]] },
  SluiceSlow: { fires: durations(98), at: 16, quiet: [durations(100)] },
  SluicePacksRefused: { fires: [constant('sluice_packs_refused{pod="a"}', 1), constant('sluice_packs_refused{pod="b"}', 0)], at: 15, quiet: [[constant("sluice_packs_refused", 0)]] },
  SluicePacksDiffer: { fires: [constant('sluice_packs_info{digest="a"}', 1), constant('sluice_packs_info{digest="b"}', 1)], at: 15, quiet: [[constant('sluice_packs_info{digest="a",pod="a"}', 1), constant('sluice_packs_info{digest="a",pod="b"}', 1)]] },
  SluiceAuditLeavesOut: { fires: [constant("sluice_audit_violations_left_out", 12)], at: 60, quiet: [[constant("sluice_audit_violations_left_out", 0)]] },
  SluiceExceptionsExpire: { fires: [constant('sluice_exceptions{state="expiring"}', 1)], at: 60, quiet: [[constant('sluice_exceptions{state="expired"}', 3), constant('sluice_exceptions{state="expiring"}', 0)]] },
};

const found = await promqlProgram();
const missing = typeof found === "string" ? undefined : found.missing;
if (missing !== undefined && process.env["CI"] === "true") throw new Error(missing);

/** The first minute in which it has been so for as long as the rule says. */
async function firesAt({ expr, for: wait }: Rule, series: readonly string[]): Promise<number | undefined> {
  const minutes = Number.parseInt(wait, 10) * (wait.endsWith("h") ? 60 : 1);
  const answers = await evaluate(String(found), { series, expr, minutes: MINUTES });
  const times = answers.flatMap(({ values }) => Object.keys(values).map(Number).filter((end) => Array.from({ length: minutes + 1 }, (_, back) => end - back).every((minute) => String(minute) in values)));
  return times.length === 0 ? undefined : Math.min(...times);
}

describe("the alerts", () => {
  it("are each tried, with a severity and a sentence", () => {
    expect(Object.keys(TROUBLES).sort()).toEqual(rules.map(({ alert }) => alert).sort());
    for (const { labels, annotations } of rules) expect([["critical", "warning", "info"].includes(labels.severity), annotations.summary.length > 20]).toEqual([true, true]);
  });

  it.skipIf(missing !== undefined).each(rules.map((rule) => [rule.alert, rule] as const))("%s fires in time, and not without its trouble", async (alert, rule) => {
    const { fires = [], at, quiet = [] } = TROUBLES[alert] ?? {};
    expect(await firesAt(rule, fires)).toBe(at);
    for (const series of quiet) expect([series, await firesAt(rule, series)]).toEqual([series, undefined]);
  });
});

it.skipIf(missing !== undefined)("an expression that is none is told", async () => {
  await expect(evaluate(String(found), { series: [], expr: "max(sluice_leader) <", minutes: 1 })).rejects.toThrow("parse error");
});
