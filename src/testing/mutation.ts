import type { KubeObject } from "../model/kubernetes.js";
import { compilePacks, type CompiledPacks, type PackSettings } from "../packs/compile.js";
import type { Mutant } from "./mutants.js";
import { fails, type Trial } from "./run-case.js";

/** A case with what its packs are compiled from. */
export interface Subject {
  readonly trial: Trial;
  readonly source: { readonly objects: readonly KubeObject[]; readonly options: PackSettings };
}

export type Fate = "killed" | "survived" | "invalid";

/** Asks the tests about one mutant after the other; the cases that told a change of the same part of the pack are asked first. */
export class Mutation {
  private readonly subjects: readonly Subject[];
  private readonly killers = new Map<string, Subject[]>();

  constructor(subjects: readonly Subject[]) {
    this.subjects = subjects;
  }

  /** killed: some case fails; invalid: the packs no longer compile. `pack`: the object that the mutant is a change of. */
  try(mutant: Mutant, pack: KubeObject): Fate {
    const compiled = new Map<Subject["source"], CompiledPacks | undefined>();
    const section = sectionOf(mutant.path);
    for (const subject of this.inOrder(section)) {
      const { source, trial } = subject;
      if (!source.objects.includes(pack)) continue;
      if (!compiled.has(source)) compiled.set(source, compileWith(source, pack, mutant.object));
      const packs = compiled.get(source);
      if (!packs) return "invalid";
      if (!fails({ ...trial, packs })) continue;
      this.killers.set(section, [subject, ...(this.killers.get(section) ?? []).filter((one) => one !== subject)]);
      return "killed";
    }
    return "survived";
  }

  private inOrder(section: string): Iterable<Subject> {
    return new Set([...(this.killers.get(section) ?? []), ...this.subjects]);
  }
}

function compileWith({ objects, options }: Subject["source"], pack: KubeObject, mutant: KubeObject): CompiledPacks | undefined {
  const compiled = compilePacks(objects.map((object) => (object === pack ? mutant : object)), options);
  return compiled.ok ? compiled.value : undefined;
}

/** `spec.rules[3]`, `spec.endpoints.registry`: the part of the pack that a path lies in. */
function sectionOf(path: string): string {
  return /^[^.]+(?:\.[^.[]+(?:\[\d+\]|\.[^.[]+)?)?/.exec(path)?.[0] ?? path;
}
