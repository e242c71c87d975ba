/** Rules as people write them: by kind, operation and namespace, with conditions, labels, flows. Most are about some other team. */
export function packOf(count) {
  const rules = Array.from({ length: count }, (_, i) => {
    const team = `team-${i % 200}`;
    const match = `match: {kinds: [${["Pod", "NetworkPolicy", "Namespace"][i % 3]}], operations: [CREATE, UPDATE], namespaces: {names: [${team}, "${team}-*"]}, conditions: ["request.userInfo.username != 'admin-${i % 7}'"]}`;
    const kinds = [
      `check: require-label, ${match}, with: {labels: [{key: team, values: [${team}]}]}`,
      `check: forbid-allow-all, ${match}`,
      `check: cel-expression, ${match}, with: {expression: "hasLabel(object, 'team')", says: "'no team'"}`,
      `check: forbid-flow, with: {flows: [{what: traffic of ${team}, subject: {namespaces: {names: [${team}]}}, egressTo: {addresses: [10.${i % 250}.0.0/16], ports: [443/TCP]}}]}`,
    ];
    return `  - {id: r${i}, enforcementAction: deny, ${kinds[i % 4]}}`;
  });
  return `apiVersion: sluice.dev/v1alpha1\nkind: RulePack\nmetadata: {name: large}\nspec:\n  rules:\n${rules.join("\n")}\n`;
}
