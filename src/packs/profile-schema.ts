const CIDRS = { type: "array", items: { type: "string" } } as const;

/** The switches, as JSON Schema: types, values, defaults, meanings. */
export const PROFILE_SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    cidrSelectsPods: { type: "boolean", default: true, description: "an ipBlock matches pod addresses too (S12)" },
    dnsMode: { type: "string", enum: ["kube-dns", "node-local", "cloud-dns"], default: "kube-dns", description: "where DNS goes" },
    dataplane: { type: "string", enum: ["v1", "v2"], default: "v1", description: "where the metadata server answers" },
    apiServer: { ...CIDRS, default: [], description: "addresses of the API server; empty: read from `default/kubernetes`" },
    apiServerSources: { ...CIDRS, default: [], description: "where requests of the API server to webhooks come from; empty: `apiServer`" },
    addressFamilies: { type: "string", enum: ["ipv4", "dual"], default: "ipv4", description: "which external ends are listed" },
    publicInternet: { ...CIDRS, default: [], description: "what `the Internet` means; empty: IPv4 without the special-purpose ranges" },
  },
} as const;
