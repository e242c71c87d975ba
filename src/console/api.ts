import { useEffect, useState } from "preact/hooks";

/** What a question came to. */
export type Answer<T> = { readonly state: "asking"; readonly last?: T } | { readonly state: "answered"; readonly value: T } | { readonly state: "failed"; readonly message: string };

/** Query of a question; a list is a name given several times. */
export type Query = Readonly<Record<string, string | readonly string[]>>;

/** Said by the server when it wants to know who asks. */
export class TokenNeeded extends Error {}

/** Kept in memory only: closing the page forgets it. */
let token = "";
let onToken: (needed: boolean) => void = () => undefined;

/** From now on the token goes with every question. */
export function keepToken(text: string): void {
  token = text.trim();
}

/** Who is told when the server wants a token, or took it. */
export function whenTokenNeeded(listener: (needed: boolean) => void): void {
  onToken = listener;
}

/** GET of a question; rejects with what the server says is wrong. */
export async function ask<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const parameters = new URLSearchParams(Object.entries(query).flatMap(([name, value]) => (typeof value === "string" ? [value] : value).map((one) => [name, one])));
  const text = parameters.toString();
  return answerOf<T>(await fetch(`/console/v1/${path}${text === "" ? "" : `?${text}`}`, { headers: headers(), ...(signal && { signal }) }));
}

/** POST of a question that is too long for a query. It changes nothing. */
export async function askWith<T>(path: string, body: unknown): Promise<T> {
  return answerOf<T>(await fetch(`/console/v1/${path}`, { method: "POST", headers: { ...headers(), "content-type": "application/json" }, body: JSON.stringify(body) }));
}

function headers(): Record<string, string> {
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}

async function answerOf<T>(response: Response): Promise<T> {
  const body = (await response.json()) as T & { readonly error?: string };
  if (response.status === 401) {
    onToken(true);
    throw new TokenNeeded(token === "" ? "a token is needed" : "the server does not know this token");
  }
  if (!response.ok) throw new Error(body.error ?? `the server answered ${response.status}`);
  onToken(false);
  return body;
}

/** The answer to a question, asked again when it or `version` changes. While it is asked again, the last one stays. */
export function useAnswer<T>(path: string | undefined, query: Query = {}, version: unknown = ""): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ state: "asking" });
  const key = JSON.stringify(query);
  useEffect(() => {
    if (path === undefined) return undefined;
    const gone = new AbortController();
    setAnswer((before) => (before.state === "answered" ? { state: "asking", last: before.value } : before.state === "asking" ? before : { state: "asking" }));
    ask<T>(path, JSON.parse(key) as Query, gone.signal).then(
      (value) => gone.signal.aborted || setAnswer({ state: "answered", value }),
      (error: unknown) => gone.signal.aborted || setAnswer({ state: "failed", message: error instanceof Error ? error.message : String(error) }),
    );
    return () => gone.abort();
  }, [path, key, version]);
  return answer;
}

/** What is known: the answer, or the last one while it is asked for again. */
export function known<T>(answer: Answer<T>): T | undefined {
  return answer.state === "answered" ? answer.value : answer.state === "asking" ? answer.last : undefined;
}
