import type { Connection } from '../../net/connection.ts';

/** What a client says before there is an upstream. Envoy: TcpProxy.max_early_data_bytes. */
export class EarlyData {
  readonly #connection: Connection;
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** The client has ended its side. */
  hasEnded = false;

  constructor(connection: Connection, bytesMax: number) {
    this.#connection = connection;
    this.#bytesMax = bytesMax;
  }

  /** Keeps bytes that are borrowed; the client is not read any further once there are as many as may be kept. */
  add(bytes: Uint8Array): void {
    this.#chunks.push(new Uint8Array(bytes));
    this.#bytes += bytes.length;
    if (this.#bytes >= this.#bytesMax) this.#connection.pause();
  }

  /** All that was kept. */
  take(): readonly Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }
}
