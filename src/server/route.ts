/** The paths that take an AdmissionReview. `validate` holds every rule, and so does `validate/deny`, for what may be refused; `validate/warn` refuses in exempt namespaces only. Generated configurations call these two. */
export type Route = "validate" | "validate/deny" | "validate/warn" | "mutate";

export const ROUTES: readonly Route[] = ["validate", "validate/deny", "validate/warn", "mutate"];

/** What an error inside, an overload or an over-long body is answered with. */
export type FailureMode = "Deny" | "Allow";

/** `/validate/warn` stands behind `failurePolicy: Ignore`, where a refusal would still refuse (facts/admission.md 2): trouble of ours never does. */
export function failureModeOf(route: Route, configured: FailureMode): FailureMode {
  return route === "validate/warn" ? "Allow" : configured;
}
