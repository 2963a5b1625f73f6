import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import type { Timers, WheelTimer } from '../timers.ts';

export interface FlushOptions {
  readonly timers: Timers;
  /** How long the peer may take nothing; 0: for ever. */
  readonly idleMs: number;
  /** What the peer still says ends the connection, for there is nobody to hear it. */
  readonly endsOnData: boolean;
  /** Called once when the connection is closed. */
  readonly onClosed?: () => void;
}

/** A connection whose other side has gone, while what was written to it flows out. */
class Flushing implements ConnectionHandlers {
  readonly #connection: Connection;
  readonly #options: FlushOptions;
  #pendingBytes: number;
  #timer: WheelTimer | undefined = undefined;

  constructor(connection: Connection, options: FlushOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#pendingBytes = connection.pendingBytes;
    this.#arm();
  }

  #arm(): void {
    const { timers, idleMs } = this.#options;
    if (idleMs > 0) this.#timer = timers.after(idleMs, () => this.#check());
  }

  #check(): void {
    const { pendingBytes } = this.#connection;
    if (pendingBytes === this.#pendingBytes) this.#connection.destroy();
    else {
      this.#pendingBytes = pendingBytes;
      this.#arm();
    }
  }

  onData(): void {
    if (this.#options.endsOnData) this.#connection.destroy();
  }

  onEnd(): void {}

  onDrain(): void {
    if (this.#connection.pendingBytes === 0) this.#connection.destroy();
  }

  onClose(): void {
    this.#options.timers.cancel(this.#timer);
    this.#options.onClosed?.();
  }
}

/** Closes a connection once what was written has left. */
export function closeAfterFlush(connection: Connection, options: FlushOptions): void {
  if (connection.isClosed || connection.pendingBytes === 0) {
    if (!connection.isClosed) connection.destroy();
    options.onClosed?.();
    return;
  }
  connection.read(new Flushing(connection, options));
  connection.end();
  connection.resume();
}
