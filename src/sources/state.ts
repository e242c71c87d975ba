import { failed, type Result } from "../model/result.js";
import { loadState, type LoadedState } from "./files.js";

export interface StateOf {
  readonly files: readonly string[];
  readonly cluster: boolean;
}

/** The state of the cluster that a verb is asked about: from files, or read once from the cluster of the current kubeconfig. */
export async function openState({ files, cluster }: StateOf): Promise<Result<LoadedState>> {
  if (files.length > 0 && cluster) return failed({ code: "use/both", message: "give files or `--cluster`, not both", path: "" });
  if (files.length === 0 && !cluster) return failed({ code: "use/nothing", message: "nothing to read: give files, folders, `-` or `--cluster`", path: "" });
  return loadState(files);
}
