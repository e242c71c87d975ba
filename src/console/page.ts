import type { ComponentType } from "preact";
import type { Place } from "./routing.js";
import type { Theme } from "./theme.js";

/** What every page is told. */
export interface PageProps {
  readonly place: Place;
  readonly theme: Theme;
  /** Another one whenever the cluster or the packs changed. */
  readonly version: string;
}

export type Page = ComponentType<PageProps>;
