import { describe, expect, test } from "vitest";
import { formatAddress, formatRange, IpSet, parseAddress, parseCidr } from "../../src/sets/ip-set.js";

describe("addresses", () => {
  test.each([["10.0.0.1", "10.0.0.1"], ["fd00::1", "fd00::1"], ["::ffff:10.0.0.1", "10.0.0.1"], ["0:0:0:0:0:0:0:1", "::1"]])("%s is %s", (text, written) => {
    const address = parseAddress(text);
    expect(address === undefined ? undefined : formatAddress(address)).toBe(written);
  });

  test.each(["", "10.0.0", "10.0.0.256", "010.0.0.1", "1e3.0.0.1", "10.0.0.1 ", "fe80::1%eth0", "::g", "10.0.0.1/32"])("`%s` is no address", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("blocks", () => {
  test.each([
    ["10.1.2.3/8", "10.0.0.0-10.255.255.255"],
    ["0.0.0.0/0", "0.0.0.0-255.255.255.255"],
    ["10.0.0.1/32", "10.0.0.1-10.0.0.1"],
    ["::ffff:10.0.0.0/104", "10.0.0.0-10.255.255.255"],
  ])("%s is %s", (text, range) => {
    expect(parseCidr(text)?.v4.ranges.map(formatRange)).toEqual([range]);
    expect(parseCidr(text)?.v6.isEmpty).toBe(true);
  });

  test("IPv6 blocks", () => {
    expect(parseCidr("fd00::1/127")?.v6.ranges.map(formatRange)).toEqual(["fd00::-fd00::1"]);
    expect(parseCidr("::/0")?.equals(IpSet.ALL.subtract(IpSet.ALL_V4))).toBe(true);
  });

  test.each(["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/8", "fd00::/129", "::ffff:10.0.0.0/129", "10.0.0.0/8/8", "a/8"])("`%s` is none", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
});

test("all together are the same as one after the other", () => {
  const sets = ["10.0.0.0/8", "10.1.0.0/16", "192.168.1.1/32", "fd00::/16", "11.0.0.0/8"].map((text) => parseCidr(text) ?? IpSet.EMPTY);
  expect(IpSet.unionOf(sets)).toEqual(sets.reduce((all, set) => all.union(set), IpSet.EMPTY));
  expect(IpSet.unionOf([])).toEqual(IpSet.EMPTY);
});
