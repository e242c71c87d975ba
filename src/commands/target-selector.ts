import { WrongUse, type Config } from "../config.js";
import type { WebhookTarget } from "../review/webhooks.js";

/** Where the API server is to find Sluice: `--url`, or the Service of `--service`. */
export function targetAt({ url, service }: Config): WebhookTarget["at"] {
  return url === undefined ? namedPair("--service", service) : { url: httpsUrl(url) };
}

/** `namespace/name` of a flag. */
export function namedPair(flag: string, text: string): { readonly namespace: string; readonly name: string } {
  const [namespace, name, ...rest] = text.split("/");
  if (!namespace || !name || rest.length > 0) throw new WrongUse(`\`${flag} ${text}\` is not NAMESPACE/NAME`);
  return { namespace, name };
}

/** "The scheme must be https"; user names, fragments and queries are not allowed (admissionregistration.k8s.io/v1, WebhookClientConfig). */
function httpsUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" || url.username || url.search || url.hash) throw new WrongUse(`\`--url ${text}\` is not of the form https://host:port, which the API server asks for`);
  return text;
}
