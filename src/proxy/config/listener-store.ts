/**
 * Listeners in force, and those on their way: a new or changed listener waits for its route tables and secrets,
 * then takes the place of the former one, which drains. Envoy: "Listener warming".
 */
import { timerMs } from '../../core/timer-limit.ts';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { AdsResource } from '../../xds/client.ts';
import { type Listener as ListenerProto, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { LISTENER_TYPE } from '../../xds/types.ts';
import { type Arrival, readLogged, type ResourceLog } from './resource-log.ts';
import { applyEach, INITIAL_FETCH_TIMEOUT_MS, sameBytes } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';
import { unchangedChains } from './unchanged-chains.ts';

/** First and longest wait before a listener that could not start is tried again. */
const RETRY_MS = 1000;
const RETRY_MAX_MS = 30_000;
/** How often a listener that is in force no more is looked at: it ends when its connections have. */
const IDLE_POLL_MS = 1000;
/** Timers may come a moment early. */
const TIMER_SLACK_MS = 5;

/** The chains of a former version that stand in the version in force. */
function keptChains(former: Uint8Array | undefined, next: Uint8Array | undefined): ReadonlySet<number> | undefined {
  if (former === undefined || next === undefined) return undefined;
  return unchangedChains(decodeResource(former, ListenerSchema, ''), decodeResource(next, ListenerSchema, ''));
}

/** A listener that a server sent. Of a class: an object with a getter of its own takes ten times the memory. */
class ArrivedListener implements Arrival {
  readonly #resource: AdsResource;

  constructor(resource: AdsResource) {
    this.#resource = resource;
  }

  get name(): string {
    return this.#resource.name;
  }

  get typeUrl(): string {
    return this.#resource.typeUrl;
  }

  get version(): string {
    return this.#resource.version;
  }

  get schema(): typeof ListenerSchema {
    return ListenerSchema;
  }

  get isStatic(): boolean {
    return false;
  }

  get message(): ListenerProto {
    return decodeResource(this.#resource.any, ListenerSchema, '');
  }
}

/** A listener as the store handles it. */
export interface ManagedListener<Self> {
  /** Binds and accepts; where `former` has the same address, takes its sockets over. Rejects where it cannot bind. */
  start(former?: Self): Promise<void>;
  /** Asks clients to leave, and accepts more. */
  askToLeave(): void;
  /** Connections that it carries. */
  readonly activeConnections: number;
  /** Accepts no more, and lets what it carries end by itself; chains of `keeping` (by index; DEFAULT_CHAIN) go on as ever. */
  drain(keeping?: ReadonlySet<number>): void;
  /** Ends what runs through chains that have drained for so long. */
  endDrained(ms: number): void;
  /** Ends everything. `keepsStats`: another listener on its address counts on. */
  close(keepsStats?: boolean): Promise<void>;
}

/** A listener that was built, with what it needs before it may start. */
export interface BuiltListener<L extends ManagedListener<L>> {
  readonly listener: L;
  /** Calls back once all route tables and secrets are there. */
  whenReady(callback: () => void): void;
  /** Lets go of what the listener referred to. */
  release(): void;
}

export interface ListenerStoreOptions<L extends ManagedListener<L>> {
  /** `source` has the configuration once more, for a listener that is built when it is used; absent: it is built now. */
  build(config: ListenerProto, path: string, source?: { readonly message: ListenerProto }): BuiltListener<L>;
  readonly resources: ResourceLog;
  readonly log: Log;
  /** How long connections of a listener that was removed, or of a chain that was changed, may go on, in milliseconds. */
  readonly drainMs: number;
  /** A listener has begun, or ceased, to be the one in force. */
  onActive?(listener: L): void;
  onInactive?(listener: L): void;
}

/** A listener that is no longer in force, and has connections. */
interface Retired {
  readonly name: string;
  readonly bytes: Uint8Array | undefined;
  readonly isReplaced: boolean;
}

/** A listener that waits for what it needs, or for its turn to start. */
interface Warming<L extends ManagedListener<L>> {
  readonly built: BuiltListener<L>;
  readonly timer: NodeJS.Timeout;
  /** It has all that it needs: it goes on to its start, which ends it where it has been dropped meanwhile. */
  isStarting: boolean;
}

interface Entry<L extends ManagedListener<L>> {
  active: BuiltListener<L> | undefined;
  /** The resource that `active` was built from. */
  activeBytes?: Uint8Array | undefined;
  warming: Warming<L> | undefined;
  bytes: Uint8Array | undefined;
  readonly isStatic: boolean;
  /** Starts and replacements, one after the other. */
  turn: Promise<void>;
}

export class ListenerStore<L extends ManagedListener<L>> {
  readonly #options: ListenerStoreOptions<L>;
  readonly #entries = new Map<string, Entry<L>>();
  readonly #draining = new Map<BuiltListener<L>, Retired>();
  #hasFirst = false;
  #onSettled: (() => void)[] = [];

  constructor(options: ListenerStoreOptions<L>) {
    this.#options = options;
  }

  /** Listeners in force. */
  *active(): Iterable<L> {
    for (const { active } of this.#entries.values()) if (active !== undefined) yield active.listener;
  }

  /** Listeners that have connections: those in force, and those that drain. */
  *all(): Iterable<L> {
    yield* this.active();
    for (const { listener } of this.#draining.keys()) yield listener;
  }

  /** Adds a listener of the bootstrap. Throws ConfigError; resolves once it accepts, rejects where it cannot bind. */
  addStatic(config: ListenerProto, path: string): Promise<void> {
    const name = config.name === '' ? path : config.name;
    if (this.#entries.has(name)) throw new ConfigError(`${path}.name`, `"${name}" stands twice`);
    const built = this.#options.build(config, path);
    const entry: Entry<L> = { active: undefined, warming: undefined, bytes: undefined, isStatic: true, turn: Promise.resolve() };
    this.#entries.set(name, entry);
    const arrival: Arrival = { name, typeUrl: LISTENER_TYPE, version: '', schema: ListenerSchema, message: config, isStatic: true };
    this.#options.resources.put(arrival, 'warming');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#warm(entry, built, name, (error) => (error === undefined ? resolve() : reject(error)));
    return promise;
  }

  /** Takes over a response of LDS. Throws ConfigError naming what is refused. */
  receive(resources: readonly AdsResource[], removed: readonly string[]): void {
    try {
      applyEach(resources, (resource) => this.#upsert(resource));
    } finally {
      for (const name of removed) this.#remove(name);
      this.#hasFirst = true;
      this.#settled();
    }
  }

  /** Calls back once the first response has come and nothing waits any more. `isExpected`: a response will come. */
  whenInitialized(isExpected: boolean, callback: () => void): void {
    if (!isExpected) this.#hasFirst = true;
    this.#onSettled.push(callback);
    this.#settled();
  }

  /** Clients of every listener are asked to leave, and new ones accepted; `only` chooses some. */
  askToLeave(only: (listener: L) => boolean = () => true): void {
    for (const { active } of this.#entries.values()) if (active !== undefined && only(active.listener)) active.listener.askToLeave();
  }

  /**
   * Every listener drains; `only` chooses some. They stay where connections of this proxy find them: a connection that
   * has been accepted may yet be handed on, and a tunnel that was on its way has an internal listener to reach.
   */
  drain(only: (listener: L) => boolean = () => true): void {
    for (const { active } of this.#entries.values()) if (active !== undefined && only(active.listener)) active.listener.drain();
  }

  /** Ends every listener, those that drain too. */
  async close(): Promise<void> {
    const all = [...this.#entries.values()]
      .flatMap(({ active, warming }) => [active, warming?.built])
      .concat([...this.#draining.keys()])
      .filter((built) => built !== undefined);
    for (const { warming } of this.#entries.values()) clearTimeout(warming?.timer);
    this.#entries.clear();
    await Promise.all(all.map((built) => this.#end(built)));
  }

  #upsert(resource: AdsResource, failures = 0): void {
    const known = this.#entries.get(resource.name);
    if (known?.isStatic === true) throw new ConfigError('name', 'a static listener of the bootstrap has this name');
    if (sameBytes(known?.bytes, resource.any)) return this.#options.resources.again(LISTENER_TYPE, resource.name);
    const arrival = new ArrivedListener(resource);
    const built = readLogged(this.#options.resources, resource, ListenerSchema, () => this.#options.build(arrival.message, '', arrival));
    const entry = known ?? { active: undefined, warming: undefined, bytes: undefined, isStatic: false, turn: Promise.resolve() };
    this.#entries.set(resource.name, entry);
    entry.bytes = resource.any;
    this.#options.resources.put(arrival, 'warming');
    this.#warm(entry, built, resource.name, (error) => {
      if (error === undefined) return;
      const reason = error.message.replace(/^\./, '');
      this.#options.resources.put(arrival, 'refused', reason);
      this.#options.log.error('listener cannot be started', { listener: resource.name, error: reason });
      this.#tryAgain(entry, resource, failures);
    });
  }

  /** A port that was taken may get free: the listener is built anew, ever more rarely, until another version comes. */
  #tryAgain(entry: Entry<L>, resource: AdsResource, failures: number): void {
    const delayMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failures);
    setTimeout(() => {
      const isCurrent = this.#entries.get(resource.name) === entry && entry.bytes === resource.any && entry.warming === undefined;
      if (!isCurrent) return;
      entry.bytes = undefined;
      try {
        this.#upsert(resource, failures + 1);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        // files that it names may have gone since
        entry.bytes = resource.any;
        this.#options.log.error('listener cannot be built', { listener: resource.name, error: error.message });
        this.#tryAgain(entry, resource, failures + 1);
      }
    }, delayMs).unref();
  }

  #warm(entry: Entry<L>, built: BuiltListener<L>, name: string, done: (error: Error | undefined) => void): void {
    // the newer one counts on where it left off
    this.#dropWarming(entry, true);
    const { bytes } = entry;
    const start = (): void => {
      if (warming.isStarting || entry.warming !== warming) return;
      warming.isStarting = true;
      clearTimeout(timer);
      entry.turn = entry.turn
        .then(() => this.#start(entry, built, name, bytes))
        .then(done, (error: unknown) => {
          done(error instanceof Error ? error : new Error(messageOf(error)));
        });
    };
    const timer = setTimeout(start, INITIAL_FETCH_TIMEOUT_MS).unref();
    const warming: Warming<L> = { built, timer, isStarting: false };
    entry.warming = warming;
    built.whenReady(start);
  }

  async #start(entry: Entry<L>, built: BuiltListener<L>, name: string, bytes: Uint8Array | undefined): Promise<undefined> {
    const former = entry.active;
    const isGone = (): boolean => this.#entries.get(name) !== entry;
    try {
      if (!isGone()) await built.listener.start(former?.listener);
    } catch (error) {
      if (entry.warming?.built === built) entry.warming = undefined;
      await this.#end(built);
      this.#settled();
      throw error;
    }
    if (isGone()) {
      await this.#end(built);
      return undefined;
    }
    const formerBytes = entry.activeBytes;
    entry.active = built;
    entry.activeBytes = bytes;
    this.#options.onActive?.(built.listener);
    if (entry.warming?.built === built) entry.warming = undefined;
    this.#options.resources.activate(LISTENER_TYPE, name);
    this.#options.log.info(former === undefined ? 'listener started' : 'listener replaced', { listener: name });
    if (former !== undefined) this.#retire(former, { name, bytes: formerBytes, isReplaced: true });
    this.#drainChanged(name, bytes);
    this.#settled();
    return undefined;
  }

  #remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry?.isStatic === true) return;
    // one that was refused when it first came is known to the log alone
    if (entry === undefined) return this.#options.resources.remove(LISTENER_TYPE, name);
    this.#entries.delete(name);
    this.#dropWarming(entry, entry.active !== undefined);
    this.#options.resources.remove(LISTENER_TYPE, name);
    if (entry.active === undefined) return;
    this.#options.log.info('listener removed', { listener: name });
    this.#retire(entry.active, { name, bytes: entry.activeBytes, isReplaced: false });
    this.#drainChanged(name, undefined);
  }

  /** A listener is in force no more; it ends with its connections, of which `#drainChanged` says when they end. */
  #retire(built: BuiltListener<L>, retired: Retired): void {
    this.#options.onInactive?.(built.listener);
    this.#draining.set(built, retired);
    this.#endWhenIdle(built, Math.min(IDLE_POLL_MS, this.#options.drainMs));
  }

  /** Lets drain what stands no longer in the version in force (`bytes`; undefined: there is none), in all that came before it. */
  #drainChanged(name: string, bytes: Uint8Array | undefined): void {
    const { drainMs } = this.#options;
    for (const [{ listener }, former] of this.#draining) {
      if (former.name !== name) continue;
      listener.drain(listener.activeConnections === 0 ? undefined : keptChains(former.bytes, bytes));
      setTimeout(() => listener.endDrained(drainMs), timerMs(drainMs + TIMER_SLACK_MS)).unref();
    }
  }

  #endWhenIdle(built: BuiltListener<L>, afterMs: number): void {
    setTimeout(() => {
      const retired = this.#draining.get(built);
      if (retired === undefined) return;
      if (built.listener.activeConnections > 0) {
        this.#endWhenIdle(built, IDLE_POLL_MS);
        return;
      }
      this.#endSoon(built, retired.isReplaced);
    }, afterMs).unref();
  }

  #dropWarming(entry: Entry<L>, keepsStats: boolean): void {
    const { warming } = entry;
    if (warming === undefined) return;
    entry.warming = undefined;
    clearTimeout(warming.timer);
    if (!warming.isStarting) this.#endSoon(warming.built, keepsStats);
  }

  #endSoon(built: BuiltListener<L>, keepsStats: boolean): void {
    this.#end(built, keepsStats).catch((error: unknown) => this.#options.log.warn('listener did not close', { error: messageOf(error) }));
  }

  async #end(built: BuiltListener<L>, keepsStats = false): Promise<void> {
    this.#draining.delete(built);
    built.release();
    await built.listener.close(keepsStats);
  }

  #settled(): void {
    if (!this.#hasFirst) return;
    for (const { warming } of this.#entries.values()) if (warming !== undefined) return;
    for (const callback of this.#onSettled.splice(0)) callback();
  }
}
