import { useEffect, useState } from "preact/hooks";

export type Theme = "light" | "dark";

const KEPT = "sluice-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The theme in use, and how to use the other one: what somebody chose, else what the system prefers. */
export function useTheme(): readonly [Theme, () => void] {
  const [chosen, setChosen] = useState<Theme | undefined>(() => read());
  const [system, setSystem] = useState<Theme>(dark.matches ? "dark" : "light");
  useEffect(() => {
    const changed = (): void => setSystem(dark.matches ? "dark" : "light");
    dark.addEventListener("change", changed);
    return () => dark.removeEventListener("change", changed);
  }, []);
  const theme = chosen ?? system;
  useEffect(() => {
    if (chosen) document.documentElement.dataset["theme"] = chosen;
  }, [chosen]);
  const toggle = (): void => {
    const next = theme === "dark" ? "light" : "dark";
    localStorage.setItem(KEPT, next);
    setChosen(next);
  };
  return [theme, toggle];
}

function read(): Theme | undefined {
  const kept = localStorage.getItem(KEPT);
  return kept === "dark" || kept === "light" ? kept : undefined;
}
