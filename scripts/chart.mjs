// `npm run chart`: writes the templates of deploy/helm/sluice from the manifests of the kustomize base and its parts, so that both
// say the same. Only what may be set differs: each such place is a row of KNOBS. `--check` writes nothing and fails where a file differs.
import { dump, loadAll } from "js-yaml";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const deploy = fileURLToPath(new URL("../deploy/", import.meta.url));
const chart = `${deploy}helm/sluice/`;
const SOURCE = "# Written by `npm run chart`; do not edit.\n";
const LABELS = { "app.kubernetes.io/name": "sluice", "app.kubernetes.io/part-of": "sluice" };
const CERT_MANAGER = 'eq .Values.certificates.provider "cert-manager"';
const KEPT = 'ne .Values.certificates.provider "cert-manager"';

/** The templates: which manifests, and when. A condition of one object stands by its `Kind/name`. */
const TEMPLATES = {
  "crds.yaml": { from: ["base/crds.yaml"], when: ".Values.crds.enabled" },
  "rbac.yaml": { from: ["base/rbac.yaml"], only: { "Role/sluice-certificates": KEPT, "RoleBinding/sluice-certificates": KEPT, "ClusterRole/sluice-webhooks": KEPT, "ClusterRoleBinding/sluice-webhooks": KEPT } },
  "provision.yaml": { from: ["overlays/provision/rbac.yaml"], when: ".Values.provision.enabled" },
  "availability.yaml": { from: ["base/availability.yaml"], only: { "PriorityClass/sluice-critical": ".Values.priorityClass.create" } },
  "networkpolicy.yaml": { from: ["base/networkpolicy.yaml"], when: ".Values.networkPolicy.enabled" },
  "service.yaml": { from: ["base/service.yaml"] },
  "deployment.yaml": { from: ["base/deployment.yaml"] },
  "certificates.yaml": { from: ["overlays/cert-manager/certificates.yaml"], when: CERT_MANAGER },
  "webhooks.yaml": { from: ["webhooks/webhooks.yaml"], when: CERT_MANAGER },
  "service-monitor.yaml": { from: ["components/service-monitor/service-monitor.yaml"], when: ".Values.monitoring.serviceMonitor.enabled" },
  "alerts.yaml": { from: ["components/alerts/alerts.yaml"], when: ".Values.monitoring.alerts.enabled" },
};

/** A text of the template in place of a value. */
const inline = (text) => ({ replace: (head) => [`${head}${text}`] });
/** A map or list of the values in place of one. */
const block = (value) => ({ replace: (head, indent) => [`${head.trimEnd()} {{- toYaml ${value} | nindent ${indent + 2} }}`] });
/** Lines in place of the whole field or item; those that begin with `{{` stand at the margin. */
const lines = (...texts) => ({ replace: (_, indent) => texts.map((text) => (text.startsWith("{{") ? text : " ".repeat(indent) + text)) });
const given = (value, key) => lines(`{{- with ${value} }}`, `${key}:`, "  {{- toYaml . | nindent INDENT }}", "{{- end }}");

const POD = "spec.template.spec";
/** Places that may be set: a path of the object, and what stands there in the template. Fields that the base lacks are added at the end. */
const KNOBS = {
  "Deployment/sluice": {
    "spec.replicas": inline("{{ .Values.replicas }}"),
    [`${POD}.priorityClassName`]: inline("{{ .Values.priorityClass.name }}"),
    [`${POD}.nodeSelector`]: block(".Values.nodeSelector"),
    [`${POD}.containers.0.image`]: inline('"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"'),
    [`${POD}.containers.0.args.5`]: lines(
      `{{- if ${CERT_MANAGER} }}`, "- --cert-dir=/certificates", "- --set=exemptNamespaces=cert-manager", "{{- else }}", "- --cert-secret=sluice-system/sluice-certificates", "{{- end }}",
      "{{- with .Values.profile }}", "- --profile={{ . }}", "{{- end }}",
      "{{- range $name, $value := .Values.settings }}", '- {{ printf "--set=%s=%v" $name $value | quote }}', "{{- end }}",
      "{{- range .Values.extraArgs }}", "- {{ . | quote }}", "{{- end }}",
    ),
    [`${POD}.containers.0.env.0.value`]: inline('"--max-old-space-size={{ .Values.heapMiB }} --max-semi-space-size=8"'),
    [`${POD}.containers.0.resources`]: block(".Values.resources"),
    [`${POD}.containers.0.imagePullPolicy`]: inline("{{ .Values.image.pullPolicy }}"),
    [`${POD}.containers.0.env.1`]: lines("{{- if .Values.record.enabled }}", "- {name: SLUICE_RECORD, value: /var/lib/sluice/decisions.jsonl}", "{{- end }}"),
    [`${POD}.containers.0.volumeMounts`]: lines(
      `{{- if or (${CERT_MANAGER}) .Values.record.enabled }}`, "volumeMounts:",
      `{{- if ${CERT_MANAGER} }}`, "  - {name: certificates, mountPath: /certificates, readOnly: true}", "{{- end }}",
      "{{- if .Values.record.enabled }}", "  - {name: record, mountPath: /var/lib/sluice}", "{{- end }}", "{{- end }}",
    ),
    [`${POD}.volumes`]: lines(
      `{{- if or (${CERT_MANAGER}) .Values.record.enabled }}`, "volumes:",
      `{{- if ${CERT_MANAGER} }}`, "  - name: certificates", "    secret: {secretName: sluice-tls, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}", "{{- end }}",
      "{{- if .Values.record.enabled }}", "  - {name: record, emptyDir: {sizeLimit: 1Gi}}", "{{- end }}", "{{- end }}",
    ),
    [`${POD}.imagePullSecrets`]: given(".Values.image.pullSecrets", "imagePullSecrets"),
    [`${POD}.tolerations`]: given(".Values.tolerations", "tolerations"),
    [`${POD}.affinity`]: given(".Values.affinity", "affinity"),
    "spec.template.metadata.annotations": given(".Values.podAnnotations", "annotations"),
  },
  "PriorityClass/sluice-critical": { "metadata.name": inline("{{ .Values.priorityClass.name }}") },
  "ServiceMonitor/sluice": { "spec.endpoints.0.tlsConfig.ca.secret.name": inline(`{{ if ${CERT_MANAGER} }}sluice-tls{{ else }}sluice-certificates{{ end }}`) },
};
const KEEP = lines("{{- if .Values.crds.keep }}", "annotations:", "  helm.sh/resource-policy: keep", "{{- end }}");

function main(check) {
  const files = { ...templates(), "dashboards/sluice.json": read("components/dashboard/sluice.json"), "Chart.yaml": chartYaml() };
  const stale = Object.entries(files).filter(([name, text]) => readOr(`${chart}${name}`) !== text).map(([name]) => name);
  const left = readdirSync(`${chart}templates`).map((name) => `templates/${name}`).filter((name) => readOr(`${chart}${name}`)?.startsWith(SOURCE) && !(name in files));
  if (check) {
    for (const name of [...stale, ...left]) console.error(`deploy/helm/sluice/${name} is not what the manifests say: run \`npm run chart\``);
    process.exitCode = stale.length + left.length > 0 ? 1 : 0;
    return;
  }
  mkdirSync(`${chart}dashboards`, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(`${chart}${name}`, text);
  for (const name of left) rmSync(`${chart}${name}`);
}

function templates() {
  return Object.fromEntries(Object.entries(TEMPLATES).map(([name, { from, when, only = {} }]) => {
    const objects = from.flatMap((file) => loadAll(read(file)));
    const text = objects.map((object) => guarded(template(object), only[keyOf(object)])).join("");
    return [`templates/${name}`, SOURCE + guarded(text, when)];
  }));
}

const guarded = (text, condition) => (condition === undefined ? text : `{{- if ${condition} }}\n${text}{{- end }}\n`);
const keyOf = ({ kind, metadata }) => `${kind}/${metadata.name}`;

/** One object as a template: labelled, braces of its own escaped, knobs put in. */
function template(object) {
  const { metadata, ...rest } = object;
  const labelled = structuredClone({ apiVersion: rest.apiVersion, kind: rest.kind, metadata: { ...metadata, labels: { ...metadata.labels, ...LABELS, "@chart": "" } }, ...rest });
  const knobs = { ...KNOBS[keyOf(object)], ...(object.kind === "CustomResourceDefinition" && { "metadata.annotations": KEEP }), ...(object.kind.endsWith("WebhookConfiguration") && { "metadata.annotations": lines("annotations: {cert-manager.io/inject-ca-from: sluice-system/sluice}") }) };
  const placed = Object.entries(knobs).map(([path, knob], i) => {
    put(labelled, path.split("."), `@knob${i}@`);
    return knob;
  });
  const text = dump(labelled, { lineWidth: -1, noRefs: true }).replaceAll("{{", '{{ "{{" }}');
  return `---\n${text.split("\n").flatMap((line) => written(line, placed)).join("\n")}`;
}

function written(line, knobs) {
  const indent = /^ */.exec(line)[0].length;
  if (line.includes("@chart")) return ["helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}", "app.kubernetes.io/managed-by: {{ .Release.Service }}"].map((label) => " ".repeat(indent) + label);
  const [, head, number] = /^(.*?)'?@knob(\d+)@'?$/.exec(line) ?? [];
  if (number === undefined) return [line];
  return knobs[Number(number)].replace(head, indent).map((one) => one.replace("INDENT", String(indent + 2)));
}

function put(object, [key, ...path], value) {
  if (path.length === 0) object[key] = value;
  else put((object[key] ??= {}), path, value);
}

function chartYaml() {
  const { version, description } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return SOURCE + dump({ apiVersion: "v2", name: "sluice", description, type: "application", version, appVersion: version, kubeVersion: ">= 1.30.0-0", keywords: ["network-policy", "admission-webhook", "security"] }, { lineWidth: -1 });
}

const read = (file) => readFileSync(`${deploy}${file}`, "utf8");
function readOr(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

main(process.argv.includes("--check"));
