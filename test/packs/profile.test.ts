import { describe, expect, it } from "vitest";
import { formatProblem } from "../../src/model/result.js";
import { readSetting } from "../../src/packs/parameters.js";
import { parseProfile } from "../../src/packs/profile.js";
import { parseCidr } from "../../src/sets/ip-set.js";

const read = (values: Readonly<Record<string, unknown>>) => {
  const parsed = parseProfile(values);
  return parsed.ok ? parsed.value : parsed.problems.map(formatProblem);
};

describe("the profile", () => {
  it("has the documented defaults", () => {
    expect(read({})).toMatchObject({ cidrSelectsPods: true, dnsMode: "kube-dns", dataplane: "v1", apiServer: [], apiServerSources: [], addressFamilies: "ipv4" });
  });
  it("takes requests of the API server to come from the API server, unless it says otherwise", () => {
    expect(read({ apiServer: ["10.0.0.2/32"] })).toMatchObject({ apiServerSources: ["10.0.0.2/32"] });
    expect(read({ apiServer: ["10.0.0.2/32"], apiServerSources: ["10.1.0.0/16"] })).toMatchObject({ apiServerSources: ["10.1.0.0/16"] });
  });
  it("knows what the Internet is", () => {
    const { publicInternet } = read({}) as { publicInternet: string[] };
    const holds = (address: string): boolean => publicInternet.some((cidr) => parseCidr(cidr)?.covers(parseCidr(`${address}/32`)!));
    expect(["8.8.8.8", "1.0.0.0", "192.0.0.9", "199.36.153.8", "223.255.255.255"].filter(holds)).toHaveLength(5);
    expect(["0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "255.255.255.255"].filter(holds)).toEqual([]);
    expect(read({ publicInternet: ["8.0.0.0/8"] })).toMatchObject({ publicInternet: ["8.0.0.0/8"] });
  });
  it("names every wrong switch", () => {
    expect(read({ dnsMode: "bind", dataplane: 2, x: 1 })).toEqual([
      "x: unknown profile switch `x`; one of cidrSelectsPods, dnsMode, dataplane, apiServer, apiServerSources, addressFamilies, publicInternet",
      "dnsMode: profile switch `dnsMode` must be equal to one of the allowed values: kube-dns, node-local, cloud-dns",
      "dataplane: profile switch `dataplane` must be string",
      "dataplane: profile switch `dataplane` must be equal to one of the allowed values: v1, v2",
    ]);
    expect(read({ apiServer: [1] })).toEqual(["apiServer[0]: profile switch `apiServer[0]` must be string"]);
    expect(read({ apiServer: ["10.0.0.2/32", "10.0.0.2"], publicInternet: ["::/129"] })).toEqual(["apiServer[1]: `10.0.0.2` is no CIDR", "publicInternet[0]: `::/129` is no CIDR"]);
  });
});

describe("a value given as text", () => {
  it.each([
    ["true", "boolean", true], ["false", "boolean", false], ["yes", "boolean", "yes"], ["3", "integer", 3], ["-3", "integer", -3], ["3.5", "integer", "3.5"],
    ["", "array", []], ["a", "array", ["a"]], ["a, b", "array", ["a", "b"]], ["a,b", "string", "a,b"],
  ])("%j as %s", (text, type, value) => expect(readSetting(text, { type })).toEqual(value));
});
