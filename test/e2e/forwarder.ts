import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Forwarder {
  readonly url: string;
  /** New connections go to these ports from now on; old ones stay where they are. */
  use(next: readonly number[]): void;
  stop(): Promise<void>;
}

/** Forwards TCP connections, each new one to the next port of the list (as it is then) that takes it, as a Service spreads them over its pods. */
export async function startForwarder(first: readonly number[]): Promise<Forwarder> {
  let ports = first;
  const open = new Set<Socket>();
  let count = 0;
  const forward = (client: Socket, tries: number): void => {
    const target = connect(ports[count++ % ports.length] ?? 0, "127.0.0.1");
    target.once("error", () => (tries > 1 ? forward(client, tries - 1) : client.destroy()));
    target.once("connect", () => {
      for (const [socket, other] of [[client, target], [target, client]] as const) {
        open.add(socket);
        socket.setNoDelay(true).removeAllListeners("error").on("error", () => other.destroy()).on("close", () => {
          open.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
  };
  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    forward(client, ports.length);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    use: (next) => void (ports = next),
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
