/**
 * What an overloaded proxy does not do any more: read on the paths of requests and connections, written by the overload
 * manager. Source: Envoy, "Overload manager".
 */

/** Time limits that get shorter under load (`reduce_timeouts`). */
export type ScaledTimer = 'connection-idle' | 'stream-idle';

/** One kind of time limit under load. */
export class ScaledTimeout {
  readonly #leastMs: (ms: number) => number;
  /** Called when the share changes, by those whose timers run. */
  readonly watchers = new Set<() => void>();
  #share = 0;

  /** `leastMs` gives what is left of a limit at full load, in milliseconds. */
  constructor(leastMs: (ms: number) => number) {
    this.#leastMs = leastMs;
  }

  /** The limit as it holds now, in milliseconds. */
  scaled(ms: number): number {
    if (this.#share === 0) return ms;
    const least = Math.min(ms, this.#leastMs(ms));
    return ms - (ms - least) * this.#share;
  }

  /** 0: limits are whole; 1: as short as they get. */
  set share(share: number) {
    if (share === this.#share) return;
    this.#share = share;
    for (const tell of this.watchers) tell();
  }
}

/** The proxy's state of overload; of one that is not overloaded every field says so. */
export class Overload {
  /** `stop_accepting_requests`: the share of requests that are answered 503. */
  refusedShare = 0;
  /** `disable_http_keepalive`: the share of responses that close their connection. */
  closingShare = 0;
  /** `reject_incoming_connections`: the share of new connections that are closed at once. */
  rejectedShare = 0;
  /** Connections above which new ones are closed; undefined for no limit. */
  maxConnections: number | undefined = undefined;
  /** Counts connections of the whole proxy. */
  connections: () => number = () => 0;
  readonly timeouts = new Map<ScaledTimer, ScaledTimeout>();
  readonly #onAccepting = new Set<(isAccepting: boolean) => void>();
  #isAccepting = true;

  /** Called with whether new connections are accepted, at once where they are not, and at each change. Returns what ends it. */
  watchAccepting(callback: (isAccepting: boolean) => void): () => void {
    this.#onAccepting.add(callback);
    if (!this.#isAccepting) callback(false);
    return () => this.#onAccepting.delete(callback);
  }

  /** `stop_accepting_connections`: new connections wait where the kernel keeps them. */
  set isAccepting(isAccepting: boolean) {
    if (isAccepting === this.#isAccepting) return;
    this.#isAccepting = isAccepting;
    for (const tell of this.#onAccepting) tell(isAccepting);
  }

  /** Whether the proxy has all the connections that it may have. */
  get isFull(): boolean {
    return this.maxConnections !== undefined && this.connections() >= this.maxConnections;
  }
}
