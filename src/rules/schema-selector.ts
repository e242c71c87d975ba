import { PROTOCOLS } from "../model/traffic.js";

/** JSON Schema of what several checks take: sets of namespaces, ports, endpoints, flows. Each field says what it means, with examples. */

/** A label selector's fields, as Kubernetes has them. */
const SELECTOR_FIELDS = {
  matchLabels: { type: "object", description: "labels that must be there, with these values", examples: [{ app: "web" }] },
  matchExpressions: {
    type: "array",
    items: {
      type: "object",
      additionalProperties: false,
      required: ["key", "operator"],
      properties: {
        key: { type: "string", description: "name of the label", examples: ["zone"] },
        operator: { enum: ["In", "NotIn", "Exists", "DoesNotExist"], description: "how the label is compared" },
        values: { type: "array", items: { type: "string" }, description: "for In and NotIn", examples: [["frontend", "backend"]] },
      },
    },
    description: "conditions on labels; all must be true",
    examples: [[{ key: "zone", operator: "In", values: ["data"] }]],
  },
} as const;

const TERM_FIELDS = {
  names: { type: "array", items: { type: "string" }, description: "names; `*` stands for any text", examples: [["shop", "shop-*"]] },
  exempt: { type: "boolean", description: "whether the packs in force exempt the namespace by name" },
  ...SELECTOR_FIELDS,
  controlledBy: {
    type: "object",
    required: ["group", "kind"],
    additionalProperties: false,
    properties: { group: { type: "string", description: "API group of the owner", examples: ["example.com"] }, kind: { type: "string", description: "kind of the owner", examples: ["Project"] } },
    description: "its controlling owner",
    examples: [{ group: "example.com", kind: "Project" }],
  },
} as const;

const TERM = { type: "object", additionalProperties: false, minProperties: 1, properties: TERM_FIELDS, description: "all that is given must fit" } as const;

/** A set of namespaces: one term, or `anyOf` several. All fields of a term must fit. */
export const NAMESPACE_SCHEMA = {
  ...TERM,
  properties: { anyOf: { type: "array", minItems: 1, items: TERM, description: "several sets together", examples: [[{ names: ["shop"] }, { matchLabels: { zone: "data" } }]] }, ...TERM_FIELDS },
  description: "a set of namespaces; all that is given must fit",
} as const;

/** A list of ports. */
export const PORTS_SCHEMA = { type: "array", maxItems: 500, items: { type: "string", pattern: "^[0-9]{1,5}(-[0-9]{1,5})?/(TCP|UDP|SCTP)$" }, description: "ports with their protocol", examples: [["53/UDP", "53/TCP"], ["1-65535/TCP"]] } as const;

const SERVICE = {
  type: "object",
  additionalProperties: false,
  required: ["namespace", "selector"],
  properties: {
    namespace: { type: "string", description: "where the Services are", examples: ["kube-system"] },
    selector: { type: "object", additionalProperties: { type: "string" }, description: "what the Services select by", examples: [{ "k8s-app": "kube-dns" }] },
  },
} as const;

const NAMED_PORT = {
  type: "object",
  additionalProperties: false,
  required: ["port"],
  properties: {
    name: { type: "string", description: "name of the port", examples: ["dns"] },
    port: { type: "integer", minimum: 1, maximum: 65_535, description: "its number", examples: [53] },
    protocol: { enum: PROTOCOLS, description: "TCP by default" },
  },
} as const;

const IMAGINE = {
  type: "object",
  additionalProperties: false,
  properties: {
    namespaces: { type: "array", items: { type: "string" }, description: "where it could be; the first one counts. By default the set's own name", examples: [["gateways"]] },
    ports: { type: "array", items: NAMED_PORT, description: "the ports it would declare", examples: [[{ name: "dns", port: 53, protocol: "UDP" }]] },
  },
  description: "while no such pod runs, one that could be stands in",
  examples: [{ ports: [{ name: "dns", port: 53, protocol: "UDP" }] }],
} as const;

const PODS = {
  type: "object",
  additionalProperties: false,
  properties: {
    namespaces: { oneOf: [{ type: "string" }, NAMESPACE_SCHEMA], description: "`same`: the subject's own (default); a set of `spec.namespaces`, or one written here", examples: ["same", "data", { names: ["kube-system"] }] },
    others: { type: "boolean", description: "leave out the subject's own namespace" },
    ...SELECTOR_FIELDS,
    which: { enum: ["running", "every"], description: "running pods (default of required flows), or every pod that could be (default of forbidden ones)" },
    imagine: IMAGINE,
  },
  description: "pods are the other end",
  examples: [{ namespaces: "data", matchLabels: { app: "db" } }],
} as const;

const ENDPOINTS_OF = {
  type: "object",
  additionalProperties: false,
  required: ["namespace", "name"],
  properties: { namespace: { type: "string", description: "where the Service is", examples: ["default"] }, name: { type: "string", description: "its name", examples: ["kubernetes"] } },
  description: "the addresses and ports that a Service's Endpoints or EndpointSlices list are the other end",
  examples: [{ namespace: "default", name: "kubernetes" }],
} as const;

const DECLARED_PORTS = {
  type: "object",
  additionalProperties: false,
  properties: {
    protocol: { enum: PROTOCOLS, description: "TCP by default" },
    exceptContainers: { type: "array", items: { type: "string" }, description: "containers whose ports do not count", examples: [["proxy"]] },
    otherwise: { ...PORTS_SCHEMA, description: "the ports of a pod that declares none" },
  },
  description: "the ports that the destination pod's containers declare",
  examples: [{ protocol: "TCP", otherwise: ["8080/TCP"] }],
} as const;

const ALTERNATIVE_FIELDS = {
  when: { type: "string", description: "CEL over params and profile; the alternative counts only where it is true", examples: ["profile.dnsMode == 'kube-dns'"] },
  pods: PODS,
  addresses: { type: "array", maxItems: 5_000, items: { type: "string" }, description: "addresses and CIDRs are the other end, all of them, with or without a port", examples: [["10.0.0.0/8", "10.1.2.3/32:3128"]] },
  anyAddress: { type: "array", maxItems: 500, items: { type: "string" }, description: "like addresses, but each is an alternative of its own", examples: [["10.1.0.0/16", "10.2.0.0/16"]] },
  services: { ...SERVICE, description: "the cluster addresses of the Services with this selector are the other end", examples: [{ namespace: "kube-system", selector: { "k8s-app": "kube-dns" } }] },
  endpointsOf: ENDPOINTS_OF,
  some: { type: "boolean", description: "some address of the range is enough" },
  ports: { ...PORTS_SCHEMA, description: "ports with their protocol; of a forbidden flow, none means all traffic" },
  viaServices: { ...SERVICE, description: "ports are those of these Services: on a pod, their targetPort counts", examples: [{ namespace: "kube-system", selector: { "k8s-app": "kube-dns" } }] },
  declaredPorts: DECLARED_PORTS,
} as const;

const ALTERNATIVE = { type: "object", additionalProperties: false, minProperties: 1, properties: ALTERNATIVE_FIELDS, description: "one alternative" } as const;

/** An endpoint: one alternative, or `anyOf` several. */
export const ENDPOINT_SCHEMA = {
  ...ALTERNATIVE,
  properties: {
    anyOf: { type: "array", minItems: 1, items: ALTERNATIVE, description: "alternatives: of a required flow one must hold in full, of a forbidden one none in part", examples: [[{ addresses: ["10.1.0.0/16"], ports: ["443/TCP"] }, { pods: { namespaces: "proxies" }, ports: ["3128/TCP"] }]] },
    ...ALTERNATIVE_FIELDS,
  },
  description: "the other end of a flow: pods, addresses, Services, or `anyOf` several",
} as const;

const SUBJECT = {
  type: "object",
  additionalProperties: false,
  required: ["namespaces"],
  properties: { namespaces: { oneOf: [{ type: "string" }, NAMESPACE_SCHEMA], description: "a set of `spec.namespaces` (`pack/name`: of another pack), or one written here", examples: ["frontend", { names: ["shop"] }] }, ...SELECTOR_FIELDS },
  description: "the pods it is about: every pod that these namespaces could have",
  examples: [{ namespaces: "frontend", matchLabels: { app: "web" } }],
} as const;

const FLOW = {
  type: "object",
  additionalProperties: false,
  required: ["what", "subject"],
  oneOf: [{ required: ["egressTo"] }, { required: ["ingressFrom"] }],
  properties: {
    what: { type: "string", description: "the traffic in words, for messages", examples: ["DNS", "traffic from frontend to data"] },
    when: { type: "string", description: "CEL over params and profile; the flow counts only where it is true", examples: ["params.strict"] },
    subject: SUBJECT,
    egressTo: { oneOf: [{ type: "string" }, ENDPOINT_SCHEMA], description: "where the subject sends: an endpoint of `spec.endpoints` (`pack/name`: of another pack), or one written here", examples: ["database", { addresses: ["10.0.0.0/8"], ports: ["443/TCP"] }] },
    ingressFrom: { oneOf: [{ type: "string" }, ENDPOINT_SCHEMA], description: "where the subject is reached from, written likewise", examples: ["gateway"] },
    enforcementAction: { enum: ["deny", "warn", "dryrun", "off"], description: "where this flow does less than the rule" },
    protects: { enum: ["AllPods", "ExistingPods"], description: "also pods not created yet (default), or running pods only" },
  },
  description: "one flow: egressTo or ingressFrom",
} as const;

/** A rule's `flows`. */
export const FLOWS_SCHEMA = { type: "array", minItems: 1, items: FLOW, description: "the flows; each is asked by itself", examples: [[{ what: "traffic from frontend to data", subject: { namespaces: "frontend" }, egressTo: "database" }]] } as const;
