import { useState } from "preact/hooks";
import { ask, keepToken } from "./api.js";

/** Asks for the token that the API server knows the reader by. It stays in the memory of this page. */
export function Login({ onToken }: { onToken(): void }) {
  const [failure, setFailure] = useState("");
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    keepToken(String(new FormData(event.target as HTMLFormElement).get("token") ?? ""));
    await ask("about").then(onToken, (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)));
  };
  return (
    <section class="card narrow">
      <h1>Who asks?</h1>
      <p>The API server decides who may look. Paste a token of somebody who may <code>get</code> the paths <code>/console/v1/*</code>, such as that of</p>
      <pre>kubectl create token -n sluice-system NAME</pre>
      <form onSubmit={(event) => void submit(event)}>
        <label for="token">Bearer token</label>
        <input id="token" name="token" type="password" autocomplete="off" required />
        <button type="submit">Look</button>
      </form>
      <p class="hint">It is kept in the memory of this page only, and sent to this server only.</p>
      {failure === "" ? null : <p class="failure" role="alert">{failure}</p>}
    </section>
  );
}
