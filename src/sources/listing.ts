import { readdir, realpath, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Problem } from "../model/result.js";

/** How standard input is named among paths and in messages. */
export const STDIN = "-";

const MANIFESTS = new Set([".yaml", ".yml", ".json"]);

export interface FoundFile {
  readonly file: string;
  /** The user named this very file; files found in a folder may be something else. */
  readonly named: boolean;
}

export interface Listing {
  readonly files: readonly FoundFile[];
  /** Every folder that was looked into: what a watch has to follow. */
  readonly folders: readonly string[];
  readonly problems: readonly Problem[];
}

/** The files that paths stand for, in a stable order, each once. Hidden entries and `node_modules` in folders are left out. */
export async function listFiles(paths: readonly string[]): Promise<Listing> {
  const walk = new Walk();
  for (const path of paths) await walk.path(path);
  return walk;
}

class Walk implements Listing {
  readonly files: FoundFile[] = [];
  readonly folders: string[] = [];
  readonly problems: Problem[] = [];
  private readonly seen = new Set<string>();

  async path(path: string): Promise<void> {
    if (path === STDIN) return this.add({ file: STDIN, named: true }, STDIN);
    const before = this.files.length;
    const folder = await this.entry(path, true);
    if (folder && this.files.length === before) this.fail(path, "holds no .yaml, .yml or .json file");
  }

  /** Answers whether the path is a folder. A link that goes round in a circle, or to a file twice, is followed once. */
  private async entry(path: string, named: boolean): Promise<boolean> {
    try {
      const [found, real] = [await stat(path), await realpath(path)];
      if (!found.isDirectory()) this.add({ file: path, named }, real);
      else if (!this.seen.has(real)) await this.folder(path, real);
      return found.isDirectory();
    } catch (error) {
      const { code } = error as { code?: string };
      this.fail(path, code === "ENOENT" ? "no such file or folder" : code === "EACCES" ? "may not be read" : `cannot be read (${code ?? String(error)})`);
      return false;
    }
  }

  private async folder(path: string, real: string): Promise<void> {
    this.seen.add(real);
    this.folders.push(path);
    const entries = await readdir(path, { withFileTypes: true });
    for (const { name } of entries.filter(isWanted).sort((a, b) => (a.name < b.name ? -1 : 1))) await this.entry(join(path, name), false);
  }

  private add(file: FoundFile, real: string): void {
    if (this.seen.has(real)) return;
    this.seen.add(real);
    this.files.push(file);
  }

  private fail(file: string, message: string): void {
    this.problems.push({ code: "file/unreadable", message, path: "", place: { file } });
  }
}

/** Links may be folders, so their names decide only later; mounted ConfigMaps keep theirs in `..data`, which is hidden. */
function isWanted(entry: { name: string; isDirectory(): boolean; isSymbolicLink(): boolean }): boolean {
  if (entry.name.startsWith(".") || entry.name === "node_modules") return false;
  return entry.isDirectory() || MANIFESTS.has(extname(entry.name).toLowerCase()) || (entry.isSymbolicLink() && extname(entry.name) === "");
}
