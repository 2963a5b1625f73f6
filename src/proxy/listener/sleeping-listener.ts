/**
 * A listener that is built when its first connection comes: one that listens on nothing itself, and takes what another
 * hands over. Where a mesh has thousands of addresses a proxy has a listener for each, of which it uses a few. What cannot
 * be obeyed is refused when it arrives, for it was read then.
 */
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { NetAddress } from '../../net/address.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { AcceptedSocket, RuntimeListener } from './listener-scope.ts';

/** True where a listener only gets connections that another has accepted. */
export function isHandedTo({ bindToPort, deprecatedV1, listenerSpecifier }: Listener): boolean {
  return !(bindToPort ?? deprecatedV1?.bindToPort ?? true) && listenerSpecifier.case !== 'internalListener';
}

/** How long first connections wait for route tables and secrets; they go on without then. */
const WAIT_MS = 5000;

interface Built {
  readonly listener: RuntimeListener;
  whenReady(callback: () => void): void;
  release(): void;
}

/** What all sleeping listeners of a proxy share. */
export interface SleepingParts {
  readonly build: (config: Listener) => Built;
  /** Calls back once listeners may be built. */
  readonly whenReady: (callback: () => void) => void;
  readonly log: Log;
}

/** Where a listener's configuration is read from, as often as it is looked at. */
export interface ListenerSource {
  readonly message: Listener;
}

const NO_ADDRESSES: readonly NetAddress[] = [];

/** A listener with what the store of listeners wants to know of it: there are thousands, so that all of it is one object. */
export class SleepingListener implements RuntimeListener {
  readonly name: string;
  readonly addresses: readonly NetAddress[];
  readonly #source: ListenerSource;
  readonly #parts: SleepingParts;
  #built: Built | undefined = undefined;
  /** Connections that wait for what the listener needs; undefined where nothing is waited for. */
  #waiting: AcceptedSocket[] | undefined = undefined;
  #isOver = false;
  /** What it was told before it was built. */
  #isLeaving = false;
  #isDrained = false;

  constructor(name: string, addresses: readonly NetAddress[], source: ListenerSource, parts: SleepingParts) {
    this.name = name;
    this.addresses = addresses;
    this.#source = source;
    this.#parts = parts;
  }

  get listener(): this {
    return this;
  }

  get isInternal(): boolean {
    return false;
  }

  get boundAddresses(): readonly NetAddress[] {
    return NO_ADDRESSES;
  }

  get isWarm(): boolean {
    return true;
  }

  whenReady(callback: () => void): void {
    this.#parts.whenReady(callback);
  }

  get activeConnections(): number {
    return (this.#built?.listener.activeConnections ?? 0) + (this.#waiting?.length ?? 0);
  }

  onWarm(callback: () => void): void {
    callback();
  }

  async start(): Promise<void> {
    // there is nothing to listen on
    await Promise.resolve();
  }

  accept(accepted: AcceptedSocket): void {
    const built = this.#built ?? this.#wake();
    if (built === undefined) accepted.incoming.destroy();
    else if (this.#waiting === undefined) built.listener.accept(accepted);
    else this.#waiting.push(accepted);
  }

  acceptInternal(): void {
    throw new Error('it has no name within the process');
  }

  askToLeave(): void {
    this.#isLeaving = true;
    this.#built?.listener.askToLeave();
  }

  drain(keeping?: ReadonlySet<number>): void {
    this.#isDrained = true;
    this.#built?.listener.drain(keeping);
  }

  endDrained(ms: number): void {
    this.#built?.listener.endDrained(ms);
  }

  async close(keepsStats = false): Promise<void> {
    this.#isOver = true;
    for (const { incoming } of this.#waiting?.splice(0) ?? []) incoming.destroy();
    await this.#built?.listener.close(keepsStats);
  }

  /** Lets go of what the listener referred to. */
  release(): void {
    this.#built?.release();
  }

  #wake(): Built | undefined {
    if (this.#isOver) return undefined;
    let built: Built;
    try {
      built = this.#parts.build(this.#source.message);
    } catch (error) {
      this.#parts.log.error('a listener cannot be built', { listener: this.name, error: messageOf(error) });
      return undefined;
    }
    this.#built = built;
    if (this.#isLeaving) built.listener.askToLeave();
    if (this.#isDrained) built.listener.drain();
    this.#waiting = [];
    const goOn = (): void => {
      clearTimeout(timer);
      const waiting = this.#waiting ?? [];
      this.#waiting = undefined;
      if (this.#isOver) return;
      for (const accepted of waiting) built.listener.accept(accepted);
    };
    const timer = setTimeout(goOn, WAIT_MS);
    built.whenReady(goOn);
    return built;
  }
}
