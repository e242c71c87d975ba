import { failure, fine, orElse, warning, whenRead, type Check, type Finding } from "./check.js";
import { secondsText } from "./words.js";

// `matchConditions` are stable since 1.30; API servers without them ask about nodes and cleaners too.
const OLDEST = [1, 30] as const;

/** Can it be asked, and does it know what the webhook configurations say? */
export const apiServer: Check = {
  id: "api server",
  judge: ({ server, version }) =>
    whenRead(version, (text) => {
      const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(text) ?? [];
      const isOld = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
      if (isOld) return [failure(`${text} at ${server} does not know \`matchConditions\``, `upgrade the cluster to ${OLDEST.join(".")} or later: webhooks of older ones wait for Sluice where they must not`)];
      return fine(`${text} at ${server}`);
    }),
};

// The Date header has whole seconds, and the answer takes its time.
const SKEW_MS = 5_000;
// Certificates of Sluice count from some minutes before they were made; leases and exceptions are by the second.
const BAD_SKEW_MS = 60_000;

/** Do this machine, the API server and the leader agree on the time? */
export const clock: Check = {
  id: "clock",
  judge: ({ clocks, lease, now }) =>
    whenRead(clocks, ({ here, there }) => {
      const renewed = "value" in lease ? Date.parse(String((lease.value?.["spec"] as { renewTime?: unknown } | undefined)?.renewTime)) : Number.NaN;
      return orElse([...skew("this machine", here - there), ...(renewed > now ? skew("the leader of Sluice", renewed - now) : [])], `within ${secondsText(SKEW_MS)} of the API server's`);
    }),
};

function skew(who: string, ms: number): readonly Finding[] {
  if (Math.abs(ms) <= SKEW_MS) return [];
  const said = `the clock of ${who} is ${secondsText(Math.abs(ms))} ${ms > 0 ? "ahead of" : "behind"} the API server's`;
  const remedy = "set the clocks by NTP: certificates, exceptions and leases begin and end by them";
  return [Math.abs(ms) > BAD_SKEW_MS ? failure(said, remedy) : warning(said, remedy)];
}
