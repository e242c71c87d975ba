import { useEffect, useState } from "preact/hooks";

/** Where in the console somebody is: `#/reach?from=shop/web`. */
export interface Place {
  readonly page: string;
  readonly query: URLSearchParams;
}

/** The place that the address names. */
export function usePlace(): Place {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = (): void => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const [path = "", query = ""] = hash.replace(/^#\//, "").split("?");
  return { page: path === "" ? "connectivity" : path, query: new URLSearchParams(query) };
}

/** The address of a place; empty values are left out. */
export function linkTo(page: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const parameters = new URLSearchParams(Object.entries(query).flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, value]])));
  const text = parameters.toString();
  return `#/${page}${text === "" ? "" : `?${text}`}`;
}

/** Goes there, as if a link had been followed. */
export function goTo(page: string, query: Readonly<Record<string, string | undefined>> = {}): void {
  location.hash = linkTo(page, query);
}
