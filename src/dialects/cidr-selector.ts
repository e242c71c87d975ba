import { parseCidr, type IpSet } from "../sets/ip-set.js";
import { quote, type Part } from "./dialect.js";

/** A CIDR of either family; undefined, with a problem, when it is none. Host bits are masked (S11). */
export function readCidr(part: Part): IpSet | undefined {
  const text = part.text();
  if (text === undefined) return part.absent ? part.problem("policy/no-cidr", "a CIDR is missing, such as `10.0.0.0/8`") : undefined;
  const block = parseCidr(text);
  if (block) return block;
  const advice = text.includes("/") ? "" : `; for one address write \`${text.slice(0, 60)}/${text.includes(":") ? 128 : 32}\``;
  return part.problem("policy/bad-cidr", `${quote(text)} is no CIDR, such as \`10.0.0.0/8\` or \`fd00::/8\`${advice}`);
}
