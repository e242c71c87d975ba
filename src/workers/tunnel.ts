import { Duplex } from "node:stream";
import type { TunnelPiece } from "./messages.js";

/** Connections that go from a worker on to the primary, piece by piece over the channel between them: no port and no file that somebody else could reach. */
export class Tunnels {
  readonly #tell: (piece: TunnelPiece) => Promise<void>;
  readonly #open = new Map<number, Tunnel>();
  readonly #accept: ((connection: Duplex) => void) | undefined;
  #last = 0;

  /** `accept`: of the end that is connected to. */
  constructor(tell: (piece: TunnelPiece) => Promise<void>, accept?: (connection: Duplex) => void) {
    this.#tell = tell;
    this.#accept = accept;
  }

  connect(): Duplex {
    return this.#make(++this.#last);
  }

  take({ id, data, end }: TunnelPiece): void {
    const tunnel = this.#open.get(id) ?? this.#next(id);
    if (data) tunnel?.push(data);
    else if (end) tunnel?.push(null);
    else tunnel?.destroy();
  }

  /** The other end is gone. */
  close(): void {
    for (const tunnel of this.#open.values()) tunnel.destroy();
  }

  /** Pieces of a connection that is closed here may still be on their way. */
  #next(id: number): Tunnel | undefined {
    if (!this.#accept || id <= this.#last) return undefined;
    this.#last = id;
    const tunnel = this.#make(id);
    this.#accept(tunnel);
    return tunnel;
  }

  #make(id: number): Tunnel {
    const tunnel = new Tunnel((piece) => this.#tell({ id, ...piece }));
    this.#open.set(id, tunnel);
    tunnel.once("close", () => {
      this.#open.delete(id);
      void this.#tell({ id });
    });
    return tunnel;
  }
}

class Tunnel extends Duplex {
  readonly #tell: (piece: Omit<TunnelPiece, "id">) => Promise<void>;

  constructor(tell: (piece: Omit<TunnelPiece, "id">) => Promise<void>) {
    super();
    this.#tell = tell;
  }

  override _read(): void {
    // What comes is pushed.
  }

  override _write(data: Buffer, _: BufferEncoding, done: () => void): void {
    void this.#tell({ data }).then(done);
  }

  override _final(done: () => void): void {
    void this.#tell({ end: true }).then(done);
  }
}
