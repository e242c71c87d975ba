import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { AboutView } from "../model/views.js";
import { ask, whenTokenNeeded } from "./api.js";
import { Connectivity } from "./connectivity.js";
import { Audit } from "./audit.js";
import { Decisions } from "./decisions.js";
import { Login } from "./login.js";
import { Namespace } from "./namespace.js";
import { Namespaces } from "./namespaces.js";
import { Packs } from "./packs.js";
import type { Page, PageProps } from "./page.js";
import { Reach } from "./reach.js";
import { linkTo, usePlace } from "./routing.js";
import { useTheme } from "./theme.js";

/** The editor is most of the code: it is loaded when somebody goes there. */
const PAGES: Readonly<Record<string, { readonly title: string; readonly within?: string; load(): Promise<Page> }>> = {
  connectivity: { title: "Connectivity", load: async () => Connectivity },
  reach: { title: "Reach", load: async () => Reach },
  namespaces: { title: "Namespaces", load: async () => Namespaces },
  "what-if": { title: "What if", load: async () => (await import("./what-if.js")).WhatIf },
  audit: { title: "Audit", load: async () => Audit },
  decisions: { title: "Decisions", load: async () => Decisions },
  packs: { title: "Rules", load: async () => Packs },
  namespace: { title: "Namespace", within: "namespaces", load: async () => Namespace },
};

/** How often the page asks whether anything changed. */
const LOOK_MS = 2_000;

function useAbout(again: number): AboutView | undefined {
  const [about, setAbout] = useState<AboutView>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const look = async (): Promise<void> => {
      await ask<AboutView>("about").then(setAbout, () => undefined);
      timer = setTimeout(() => void look(), LOOK_MS);
    };
    void look();
    return () => clearTimeout(timer);
  }, [again]);
  return about;
}

function App() {
  const place = usePlace();
  const [theme, toggle] = useTheme();
  const [tokenNeeded, setTokenNeeded] = useState(false);
  const [logins, setLogins] = useState(0);
  useEffect(() => whenTokenNeeded(setTokenNeeded), []);
  const about = useAbout(logins);
  const first = useRef<string>(undefined);
  first.current ??= about?.state;
  // What a page asks before the first word of the server is as good as what it would ask after it.
  const version = about === undefined || about.state === first.current ? "" : about.state;
  const page = PAGES[place.page] ?? PAGES["connectivity"];
  useEffect(() => {
    document.title = `${page?.title ?? ""} · Sluice`;
  }, [page]);
  return (
    <>
      <a class="skip" href="#main">to the content</a>
      <header>
        <a class="brand" href="#/"><Mark /> Sluice</a>
        <nav aria-label="pages">
          {Object.entries(PAGES).map(([name, { title, within }]) => (within === undefined ? <a href={linkTo(name)} aria-current={name === (page?.within ?? place.page) ? "page" : undefined}>{title}</a> : null))}
        </nav>
        <button type="button" class="quiet" onClick={toggle}>{theme === "dark" ? "light" : "dark"}<span class="unseen"> theme</span></button>
      </header>
      <main id="main" tabIndex={-1}>
        {tokenNeeded ? <Login onToken={() => setLogins((before) => before + 1)} /> : <Shown key={`${place.page} ${logins}`} name={place.page} place={place} theme={theme} version={version} />}
      </main>
      <footer>{about ? <>Sluice {about.version} · {about.source}{about.ready ? "" : " · not ready yet"} · <a href="/licenses.txt">licences</a></> : null}</footer>
    </>
  );
}

function Shown({ name, ...props }: PageProps & { readonly name: string }) {
  const [Loaded, setLoaded] = useState<Page>();
  useEffect(() => void (PAGES[name] ?? PAGES["connectivity"])?.load().then((page) => setLoaded(() => page)), [name]);
  return Loaded ? <Loaded {...props} /> : <p class="waiting" role="status">loading…</p>;
}

/** A gate in a stream. */
function Mark() {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <path d="M4 3v18M20 3v18M4 7h16M9 7v9h6V7" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" />
      <path d="M1 20c2-1.6 4-1.6 6 0s4 1.6 6 0 4-1.6 6 0 3 1.2 4 .6" fill="none" stroke="var(--accent)" stroke-width="2" stroke-linecap="round" />
    </svg>
  );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
