import { describe, expect, test } from "vitest";
import { ALL_PORTS, ALL_TRAFFIC, formatTraffic, NO_TRAFFIC, OTHER_TRAFFIC, pointOf, portRange, portsOf, PROTOCOLS, trafficPoint } from "../../src/model/traffic.js";

describe("traffic", () => {
  test.each(PROTOCOLS)("a point of %s is its protocol and port", (protocol) => {
    for (const port of [1, 80, 65535]) expect(pointOf(trafficPoint(protocol, port))).toEqual({ protocol, port });
  });

  test("traffic without ports is a point of its own", () => {
    expect(pointOf(OTHER_TRAFFIC.ranges[0]?.[0] ?? 0)).toBeUndefined();
    expect(ALL_PORTS.overlaps(OTHER_TRAFFIC)).toBe(false);
    expect(ALL_TRAFFIC.subtract(ALL_PORTS).equals(OTHER_TRAFFIC)).toBe(true);
  });

  test("protocols do not run into each other", () => {
    expect(portRange("TCP").union(portRange("UDP")).ranges).toHaveLength(2);
    expect(portsOf(portRange("TCP").union(portRange("UDP", 53, 53)), "UDP")).toEqual([[53, 53]]);
  });

  test.each([
    ["All Connections", ALL_TRAFFIC],
    ["All Connections", ALL_PORTS],
    ["No Connections", NO_TRAFFIC],
    ["SCTP 1-65535,TCP 1-79,81-65535,UDP 53", ALL_PORTS.subtract(portRange("UDP")).subtract(portRange("TCP", 80, 80)).union(portRange("UDP", 53, 53))],
  ])("%s", (text, set) => {
    expect(formatTraffic(set)).toBe(text);
  });
});
