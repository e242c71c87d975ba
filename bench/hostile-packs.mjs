// Packs that are meant to hurt whoever reads them: each must be told with its place. Used by test/packs/hostile.test.ts and bench/packs.mjs.

const head = (name = "hostile") => `apiVersion: sluice.dev/v1alpha1\nkind: RulePack\nmetadata: {name: ${name}}\n`;
const rule = (i, more = "") => `  - {id: r${i}, check: forbid-allow-all, enforcementAction: deny${more}}\n`;
const repeat = (count, make) => Array.from({ length: count }, (_, i) => make(i)).join("");

/** Name, files, and a pattern that one of the problems (as printed, with its place) must match. */
export const HOSTILE = [
  ["a file of 3 MB", { "p.yaml": `${head()}spec:\n  rules:\n${repeat(60_000, (i) => rule(i))}` }, /^p\.yaml:1:1: has \d+ characters/],
  ["nested deep in flow style", { "p.yaml": `${head()}spec: ${"[".repeat(100_000)}${"]".repeat(100_000)}\n` }, /^p\.yaml:\d+/],
  ["nested deep in JSON", { "p.json": `{"apiVersion":"sluice.dev/v1alpha1","kind":"RulePack","metadata":{"name":"x"},"spec":{"rules":${"[".repeat(5_000)}${"]".repeat(5_000)}}}` }, /^p\.json:1:\d+: .*(?:nested more than 64 deep|cannot be read|not valid)/],
  ["nested deeper than anyone writes", { "p.yaml": `${head()}spec: {rules: [], baselines: {b: {description: d, policies: [${"{a: ".repeat(200)}1${"}".repeat(200)}]}}}\n` }, /^p\.yaml:4:\d+: .*(?:nested more than 64 deep|nesting exceeded)/],
  ["a bomb of aliases", { "p.yaml": `${head()}a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nspec: [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n` }, /^p\.yaml:\d+(?::\d+)?: .*aliases/],
  ["a larger bomb of aliases", { "p.yaml": `${head()}${repeat(30, (i) => `a${i}: &a${i} [${i === 0 ? "x" : `*a${i - 1}, *a${i - 1}`}]\n`)}` }, /^p\.yaml:1: .*aliases/],
  ["a value within itself", { "p.yaml": `${head()}spec: &s {rules: [], baselines: *s}\n` }, /^p\.yaml:\d+/],
  ["duplicate keys", { "p.yaml": `${head()}spec:\n  rules: []\n  rules: []\n` }, /^p\.yaml:6:3: `rules` is given twice/],
  ["duplicate keys in JSON", { "p.json": '{"apiVersion": "sluice.dev/v1alpha1", "kind": "RulePack", "metadata": {"name": "x"},\n "spec": {"rules": [], "rules": [1]}}' }, /^p\.json:2:25: `rules` is given twice/],
  ["wrong types everywhere", { "p.yaml": `${head()}spec:\n  rules: 7\n  parameters: [a]\n  namespaces: x\n  exemptNamespaces: {}\n  failureMode: [Deny]\n` }, /^p\.yaml:6:3: spec\.parameters: must be object/],
  ["a name that is a list", { "p.yaml": "apiVersion: sluice.dev/v1alpha1\nkind: RulePack\nmetadata: {name: [a]}\nspec: {rules: []}\n" }, /^p\.yaml:3:\d+: metadata\.name: must be string/],
  ["a spec that is a text", { "p.yaml": `${head()}spec: all\n` }, /^p\.yaml:4:1: spec: must be object/],
  ["ten thousand unknown fields", { "p.yaml": `${head()}spec:\n  rules: []\n${repeat(10_000, (i) => `  f${i}: 1\n`)}` }, /^p\.yaml:\d+:\d+: spec\.f\d+: unknown field/],
  ["ten thousand wrong rules", { "p.yaml": `${head()}spec:\n  rules:\n${repeat(10_000, (i) => `  - {id: R${i}, check: nothing, enforcementAction: no}\n`)}` }, /^p\.yaml:\d+:\d+: spec\.rules\[\d+\]/],
  ["a regular expression that backtracks for ever", { "p.yaml": `${head()}spec:\n  rules: []\n  parameters:\n    p: {type: string, pattern: '^(a+)+$', default: ${"a".repeat(60)}!, description: d}\n` }, /^p\.yaml:\d+:\d+: .*parameter `hostile\.p` must match pattern/],
  ["a regular expression of enormous size", { "p.yaml": `${head()}spec:\n  rules:\n  - {id: r, check: require-label, enforcementAction: deny, with: {labels: [{key: a, pattern: '((a{100}){100}){100}'}]}}\n` }, /^p\.yaml:6:\d+: spec\.rules\[0\]\.with\.labels\[0\]\.pattern: pattern/],
  ["an expression that costs too much", { "p.yaml": `${head()}spec:\n  parameters: {l: {type: array, items: {type: string}, default: [${repeat(200, () => "a, ")}b], description: d}}\n  rules:\n  - {id: r, check: forbid-allow-all, enforcementAction: deny, when: "params.l.all(a, params.l.all(b, params.l.all(c, a + b + c != '')))"}\n` }, /^p\.yaml:7:\d+: spec\.rules\[0\]\.when: expression .* costs more than/],
  ["expressions that cost too much together", { "p.yaml": `${head()}spec:\n  parameters: {l: {type: array, items: {type: string}, default: [${repeat(100, () => "a, ")}b], description: d}}\n  rules: []\n  exemptNamespaces:\n${repeat(2_000, () => "  - $(params.l.filter(a, params.l.all(b, a + b != '')))\n")}` }, /^p\.yaml:\d+:\d+: spec/],
  ["lists that double", { "p.yaml": `${head()}spec:\n  rules: []\n  exemptNamespaces: "$([[1, 2, 3, 4]]${".map(x, x + x)".repeat(25)}[0])"\n` }, /^p\.yaml:6:3: spec\.exemptNamespaces: expression .* costs more than/],
  ["an expression of enormous length", { "p.yaml": `${head()}spec:\n  rules:\n  - {id: r, check: forbid-allow-all, enforcementAction: deny, when: "${"1 + ".repeat(100_000)}1 == 1"}\n` }, /^p\.yaml:6:\d+: spec\.rules\[0\]\.when: expression .* does not compile/],
  ["sixty thousand addresses", { "p.yaml": `${head()}spec:\n  rules: []\n  endpoints:\n    e:\n      addresses: [${repeat(60_000, (i) => `10.${(i >> 15) & 255}.${(i >> 7) & 255}.${(i * 2) & 255}, `)}10.0.0.1]\n` }, /^p\.yaml:\d+:\d+: spec\.endpoints\.e\.addresses: must NOT have more than 5000 items/],
  ["packs that extend each other in a circle", { "a.yaml": `${head("a")}spec: {extends: [b], rules: []}\n`, "b.yaml": `${head("b")}spec: {extends: [a], rules: []}\n` }, /^[ab]\.yaml:4:\d+: spec\.extends\[0\]: pack `[ab]` extends itself/],
  ["a ladder of packs", Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`p${i}.yaml`, `${head(`p${i}`)}spec: {extends: [${i === 0 ? "" : `p${i - 1}, p${Math.max(0, i - 2)}`}], rules: []}\n`])), /^p\d+\.yaml:4:\d+: spec\.extends\[\d\]: packs extend each other more than 20 deep/],
  ["a file that is not text", { "p.yaml": Buffer.from([0xff, 0xfe, 0x00, 0x80]) }, /^p\.yaml: is not UTF-8 text/],
  ["keys of every object in JavaScript", { "p.yaml": `${head()}spec: {rules: [], endpoints: {__proto__: {pods: 1}, constructor: 7}}\n` }, /^p\.yaml:4:\d+: spec\.endpoints/],
];
