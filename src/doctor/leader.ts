import { isRecord } from "../model/kubernetes.js";
import { failure, fine, notChecked, whenRead, type Check } from "./check.js";
import { runsReplicas, willLead } from "./features.js";
import { secondsText } from "./words.js";

// Renewed every 2 s, and taken over 15 s after the last renewal.
const STALE_MS = 60_000;

/** Does a replica lead: renew certificates and keep the webhook configurations true? */
export const leader: Check = {
  id: "leader",
  judge: ({ lease: read, pods, certSecret: { namespace, name }, now }) =>
    whenRead(read, (lease) => {
      if (!lease && runsReplicas(pods) && !willLead(pods)) return fine("no replica has to: certificates and webhook configurations come from elsewhere (no `--cert-secret`)");
      if (!lease) return notChecked(`there is no Lease \`${namespace}/${name}\`: no replica keeps certificates and webhook configurations here (\`--cert-secret\`)`);
      const { holderIdentity, renewTime } = isRecord(lease["spec"]) ? lease["spec"] : {};
      const age = now - Date.parse(String(renewTime));
      const holder = typeof holderIdentity === "string" ? holderIdentity.replace(/_[0-9a-f-]{36}$/, "") : "";
      const remedy = `look at \`kubectl get pods -n ${namespace}\` and the logs: certificates are not renewed, and webhook configurations not kept`;
      if (!(age < STALE_MS)) return [failure(`nobody leads: the Lease \`${namespace}/${name}\` was last renewed ${Number.isNaN(age) ? "never" : `${secondsText(age)} ago`}`, remedy)];
      return holder === "" ? [failure(`nobody holds the Lease \`${namespace}/${name}\``, remedy)] : fine(`\`${holder}\` leads`);
    }),
};
