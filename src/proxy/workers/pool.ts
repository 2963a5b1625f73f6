/** The event loops of a proxy besides the main one: begun, told what they need, asked what they count, and replaced when they die. */
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { MainSockets } from '../listener/main-sockets.ts';
import type { LogSink } from '../telemetry/log-sink.ts';
import type { StatsRegistry } from '../telemetry/registry.ts';
import type { FromWorker, ToWorker, WorkerStart } from './protocol.ts';
import type { SharedConfiguration } from './shared-configuration.ts';
import { countersOf, type StatsSnapshot } from './stats-snapshot.ts';
import { WorkerThread } from './worker-thread.ts';

export interface PoolOptions {
  readonly start: Omit<WorkerStart, 'loop'>;
  /** The module that has `runWorkerThread`. */
  readonly entry: string;
  readonly sockets: MainSockets;
  readonly configuration: () => SharedConfiguration | undefined;
  readonly stats: StatsRegistry;
  readonly logSink: LogSink;
  readonly log: Log;
}

/** How long a loop has to say what it counts. */
const SNAPSHOT_MS = 1000;
/** How long a loop must have lived for the next to begin at once, and what the others wait, in milliseconds. */
const STEADY_MS = 5000;
const BACK_OFF_MS = 1000;

interface Loop {
  readonly number: number;
  thread: WorkerThread | undefined;
  sinceMs: number;
  isDrained: boolean;
  readonly live: PromiseWithResolvers<void>;
  last: StatsSnapshot | undefined;
  readonly asked: Map<number, (snapshot: StatsSnapshot | undefined) => void>;
}

export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #loops: readonly Loop[];
  #asked = 0;
  #isClosing = false;
  /** What loops that begin later are to know besides their configuration. */
  readonly #standing = new Map<ToWorker['kind'], ToWorker>();

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#loops = Array.from({ length: options.start.loops - 1 }, (_, i) => ({
      number: i + 1,
      thread: undefined,
      sinceMs: 0,
      isDrained: false,
      live: Promise.withResolvers<void>(),
      last: undefined,
      asked: new Map(),
    }));
  }

  /** Begins every loop. */
  start(): void {
    for (const loop of this.#loops) {
      loop.live.promise.catch(() => {});
      this.#begin(loop);
    }
  }

  /** Resolves when every loop serves; rejects where one cannot. */
  async whenLive(): Promise<void> {
    await Promise.all(this.#loops.map(({ live }) => live.promise));
  }

  broadcast(message: ToWorker): void {
    for (const { thread } of this.#loops) thread?.send(message);
  }

  send(loop: number, message: ToWorker): void {
    this.#loops[loop - 1]?.thread?.send(message);
  }

  /** Tells every loop, and those that take the place of one that dies. */
  tell(message: ToWorker): void {
    this.#standing.set(message.kind, message);
    this.broadcast(message);
  }

  /** What every loop counts now; of one that does not answer in time, what it said last. */
  async snapshots(): Promise<readonly StatsSnapshot[]> {
    const all = await Promise.all(this.#loops.map((loop) => this.#snapshot(loop)));
    return all.filter((snapshot) => snapshot !== undefined);
  }

  /** All loops are without connections. */
  get isDrained(): boolean {
    return this.#loops.every(({ isDrained, thread }) => isDrained || thread === undefined);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#loops.map(async ({ thread }) => thread?.end()));
  }

  #begin(loop: Loop): void {
    const { entry, start, configuration } = this.#options;
    loop.sinceMs = performance.now();
    loop.isDrained = false;
    loop.thread = new WorkerThread(
      entry,
      { ...start, loop: loop.number },
      {
        onMessage: (message) => this.#onMessage(loop, message),
        onEnd: (error) => this.#onEnd(loop, error),
      },
    );
    for (const message of [...(configuration()?.secrets() ?? []), ...this.#standing.values()]) loop.thread.send(message);
  }

  #onEnd(loop: Loop, error: string | undefined): void {
    const { sockets, configuration, stats, log } = this.#options;
    loop.thread = undefined;
    for (const resolve of loop.asked.values()) resolve(undefined);
    loop.asked.clear();
    sockets.loopEnded(loop.number);
    configuration()?.loopEnded(loop.number);
    // what it has counted must not be uncounted
    if (loop.last !== undefined) stats.absorb(countersOf(loop.last));
    loop.last = undefined;
    loop.live.reject(new Error(error ?? 'an event loop has ended'));
    if (this.#isClosing) return;
    stats.counter('server.worker_deaths').value++;
    log.error('an event loop has died and is replaced', { loop: loop.number, error: error ?? '' });
    const delayMs = performance.now() - loop.sinceMs < STEADY_MS ? BACK_OFF_MS : 0;
    setTimeout(() => {
      if (!this.#isClosing) this.#begin(loop);
    }, delayMs);
  }

  #onMessage(loop: Loop, message: FromWorker): void {
    const { sockets, configuration, logSink } = this.#options;
    switch (message.kind) {
      case 'subscribe':
      case 'unsubscribe':
        return configuration()?.subscriptionsOf(loop.number)[message.kind](message.typeUrl, message.names);
      case 'claim':
        return void this.#answerClaim(loop, message);
      case 'listening':
        return sockets.reported(loop.number, message.key, message.descriptors);
      case 'live':
        return loop.live.resolve();
      case 'failed':
        return loop.live.reject(new Error(message.error));
      case 'stats':
        loop.last = message.snapshot;
        return loop.asked.get(message.id)?.(message.snapshot);
      case 'lines':
        return logSink.target(message.path).write(message.lines);
      case 'drained':
        loop.isDrained = true;
        return undefined;
    }
  }

  async #answerClaim(loop: Loop, { id, key, wanted }: Extract<FromWorker, { readonly kind: 'claim' }>): Promise<void> {
    let source: Extract<ToWorker, { readonly kind: 'source' }>['source'];
    try {
      source = await this.#options.sockets.claimFor(loop.number, key, wanted);
    } catch (error) {
      source = messageOf(error);
    }
    loop.thread?.send({ kind: 'source', id, source });
  }

  async #snapshot(loop: Loop): Promise<StatsSnapshot | undefined> {
    const { thread } = loop;
    if (thread === undefined) return undefined;
    const id = ++this.#asked;
    const { promise, resolve } = Promise.withResolvers<StatsSnapshot | undefined>();
    loop.asked.set(id, resolve);
    thread.send({ kind: 'stats', id });
    const timer = setTimeout(() => resolve(loop.last), SNAPSHOT_MS);
    const snapshot = await promise;
    clearTimeout(timer);
    loop.asked.delete(id);
    return snapshot;
  }
}
