import type { Server } from "node:http";

/** Knows whether a server is answering anything. */
export class UnderWay {
  #open = 0;
  #since = performance.now();

  constructor(server: Pick<Server, "on">) {
    server.on("request", (_, response) => {
      this.#open += 1;
      response.once("close", () => {
        this.#open -= 1;
        this.#since = performance.now();
      });
    });
  }

  /** For how long nothing has been under way, in milliseconds. */
  quietMs(): number {
    return this.#open > 0 ? 0 : performance.now() - this.#since;
  }
}
