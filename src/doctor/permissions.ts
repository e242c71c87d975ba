import { OWN_KINDS } from "../packs/crd.js";
import { CONFIGURATION_NAMES } from "../review/webhooks.js";
import { failure, notChecked, orElse, warning, whenRead, type Check } from "./check.js";
import type { Named, Permission } from "./facts.js";
import { count } from "./words.js";

/** Everything: what nobody of Sluice needs. */
export const ALL: Permission = { group: "*", resource: "*", verb: "*" };

interface Asking {
  readonly kinds: readonly { readonly group: string; readonly resource: string }[];
  readonly service: Named;
  readonly certSecret: Named;
  /** Does a replica lead here? */
  readonly leads: boolean;
}

/** What the replicas ask of the API server while they guard these kinds. */
export function permissionsFor({ kinds, service, certSecret, leads }: Asking): readonly Permission[] {
  const read = kinds.flatMap(({ group, resource }) => ["list", "watch"].map((verb): Permission => ({ group, resource, verb })));
  const told = OWN_KINDS.flatMap(({ group, resource }): readonly Permission[] => [{ group, resource, verb: "get" }, { group, resource, subresource: "status", verb: "update" }]);
  const { namespace } = service;
  const shared = ["get", "update"].map((verb): Permission => ({ group: "", resource: "configmaps", namespace, name: "sluice-pending-changes", verb }));
  const asked: readonly Permission[] = [{ group: "authentication.k8s.io", resource: "tokenreviews", verb: "create" }, { group: "authorization.k8s.io", resource: "subjectaccessreviews", verb: "create" }];
  return [...read, ...told, ...shared, { group: "", resource: "configmaps", namespace, verb: "create" }, ...asked, ...(leads ? ofLeader(certSecret) : [])];
}

function ofLeader({ namespace, name }: Named): readonly Permission[] {
  const own = [{ group: "coordination.k8s.io", resource: "leases" }, { group: "", resource: "secrets" }];
  const objects = own.flatMap((one): readonly Permission[] => [...["get", "update"].map((verb) => ({ ...one, namespace, name, verb })), { ...one, namespace, verb: "create" }]);
  const configurations = Object.entries(CONFIGURATION_NAMES).flatMap(([kind, one]): readonly Permission[] => {
    const resource = kind === "mutating" ? "mutatingwebhookconfigurations" : "validatingwebhookconfigurations";
    return ["get", "update"].map((verb) => ({ group: "admissionregistration.k8s.io", resource, name: one, verb }));
  });
  return [...objects, ...configurations, { group: "", resource: "namespaces", name: namespace, verb: "get" }];
}

/** By what the permissions are needed for; undefined: every installation needs them. */
const REMEDIES: readonly (readonly [Permission["feature"], string])[] = [
  [undefined, "apply the roles of `deploy/`, and one that lets it list and watch the kinds that your packs watch"],
  ["reports", "apply the ClusterRole `sluice-reports` of `deploy/base/rbac.yaml` and its binding, or serve with `--reports off`: the audit cannot be reported"],
  ["provision", "apply `deploy/overlays/provision`, or take the provisions out of the packs: namespaces wait for policies that nobody may write"],
];

/** May the ServiceAccount of the replicas do what they need, and nothing like everything? */
export const permissions: Check = {
  id: "permissions",
  judge: ({ permissions: read, account }) =>
    whenRead(read, (asked) => {
      if (asked.length === 0) return notChecked("nothing was asked");
      const who = `\`${account.namespace}/${account.name}\``;
      const needed = asked.filter(({ permission }) => permission !== ALL);
      const missing = needed.filter(({ allowed }) => !allowed).map(({ permission }) => permission);
      const all = asked.some(({ permission, allowed }) => permission === ALL && allowed);
      return orElse(
        [
          ...REMEDIES.flatMap(([feature, remedy]) => {
            const lacking = missing.filter((permission) => permission.feature === feature).map(textOf);
            return lacking.length > 0 ? [failure(`the ServiceAccount ${who} may not ${lacking.slice(0, 5).join(", ")}${lacking.length > 5 ? ` and ${lacking.length - 5} more` : ""}`, remedy)] : [];
          }),
          ...(all ? [warning(`the ServiceAccount ${who} may do everything`, "take cluster-admin from it: the roles of `deploy/` are all it needs")] : []),
        ],
        `the ServiceAccount ${who} may do what is needed (${count(needed.length, "permission")})`,
      );
    }),
};

function textOf({ group, resource, subresource, verb, namespace, name }: Permission): string {
  const what = `${resource}${group === "" ? "" : `.${group}`}${subresource === undefined ? "" : `/${subresource}`}`;
  return `\`${verb} ${what}${name === undefined ? "" : ` ${name}`}${namespace === undefined ? "" : ` -n ${namespace}`}\``;
}

