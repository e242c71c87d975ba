import type { KubeObject } from "../../src/model/kubernetes.js";
import type { ObjectAt, ObjectCollection, ObjectStore } from "../../src/model/object-store.js";

/** Objects with the API server's compare-and-swap, in this process; each replica has its own way to them, which can be cut. */
export class MemoryObjects {
  readonly writes: { readonly by: string; readonly at: string; readonly object: KubeObject }[] = [];
  readonly #stored = new Map<string, KubeObject>();
  #version = 0;

  get(name: string): KubeObject | undefined {
    return [...this.#stored].find(([key]) => key.endsWith(`/${name}`))?.[1];
  }

  all(): readonly KubeObject[] {
    return [...this.#stored.values()];
  }

  edit(name: string, change: (object: KubeObject) => KubeObject): void {
    for (const [key, object] of this.#stored) if (key.endsWith(`/${name}`)) this.#put(key, change(structuredClone(object)));
  }

  delete(name: string): void {
    for (const key of this.#stored.keys()) if (key.endsWith(`/${name}`)) this.#stored.delete(key);
  }

  put(at: ObjectAt, object: KubeObject): void {
    this.#put(keyOf(at), object);
  }

  /** `cut`: requests hang until they are given up. `loseAnswers`: they are carried out, and nobody hears of it. */
  client(by: string): { readonly store: ObjectStore; readonly way: { cut: boolean; loseAnswers: boolean } } {
    const way = { cut: false, loseAnswers: false };
    const through = async <T>(signal: AbortSignal, work: () => T): Promise<T> => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (way.cut) await givenUp(signal);
      const answer = work();
      if (way.loseAnswers) await givenUp(signal);
      return answer;
    };
    const store: ObjectStore = {
      read: (at, signal) => through(signal, () => structuredClone(this.#stored.get(keyOf(at)))),
      write: (at, object, signal) => through(signal, () => this.#write(by, keyOf(at), object)),
    };
    return { store, way };
  }

  /** What lies under these plurals, for those who look at all of it. */
  collection(resources: readonly string[]): ObjectCollection {
    const under = (resource: string): [string, KubeObject][] => [...this.#stored].filter(([key]) => key.startsWith(`${resource}/`));
    return {
      isKnown: async ({ resource }) => resources.includes(resource),
      list: async function* ({ resource }, labels) {
        for (const [, object] of under(resource)) if (Object.entries(labels).every(([name, value]) => object.metadata.labels?.[name] === value)) yield structuredClone(object);
      },
      remove: async (at) => void this.#stored.delete(keyOf(at)),
    };
  }

  #write(by: string, key: string, object: KubeObject): KubeObject | "conflict" {
    if (object.metadata.resourceVersion !== this.#stored.get(key)?.metadata.resourceVersion) return "conflict";
    const stored = this.#put(key, object);
    this.writes.push({ by, at: key, object: stored });
    return structuredClone(stored);
  }

  #put(key: string, object: KubeObject): KubeObject {
    const stored = structuredClone({ ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } });
    this.#stored.set(key, stored);
    return stored;
  }
}

function keyOf({ resource, namespace = "", name }: ObjectAt): string {
  return `${resource}/${namespace}/${name}`;
}

function givenUp(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => (signal.aborted ? reject(signal.reason as Error) : signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true })));
}
