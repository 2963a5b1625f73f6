/**
 * One of several event loops: a proxy's data path without what only the main loop has (the stream to the control plane,
 * the admin interface, the identity). Runs in a worker thread.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { fromBinary } from '@bufbuild/protobuf';
import { messageOf } from '../../core/errors.ts';
import { createLog, type LeveledLog } from '../../core/log.ts';
import type { NetAddress } from '../../net/address.ts';
import type { AdsHandler } from '../../xds/client.ts';
import { BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { Assembly } from '../assembly.ts';
import type { AdsConnection } from '../config/ads-connection.ts';
import { assembleWhole } from '../assemble-whole.ts';
import { activeConnections, initialize, surviveBugs } from '../initialize.ts';
import type { Listening, ListenSockets, ListenSource } from '../listener/listen-sockets.ts';
import { flushUnsent, sendRest } from '../telemetry/unsent.ts';
import { SharedWork } from '../tracing/shared-work.ts';
import type { FromWorker, ToWorker, WorkerStart } from './protocol.ts';
import { takeSnapshot } from './stats-snapshot.ts';

const DRAIN_POLL_MS = 50;

type Post = (message: FromWorker) => void;

/** Listening sockets as the main loop says. */
class WorkerSockets implements ListenSockets {
  readonly ownsFiles = false;
  readonly #post: Post;
  readonly #asked = new Map<number, (source: ListenSource | string) => void>();
  #ids = 0;

  constructor(post: Post) {
    this.#post = post;
  }

  async claim(key: string, wanted: NetAddress): Promise<ListenSource> {
    const id = ++this.#ids;
    const answered = new Promise<ListenSource | string>((resolve) => this.#asked.set(id, resolve));
    this.#post({ kind: 'claim', id, key, wanted });
    const source = await answered;
    if (typeof source === 'string') throw new Error(source);
    return source;
  }

  answer(id: number, source: ListenSource | string): void {
    this.#asked.get(id)?.(source);
    this.#asked.delete(id);
  }

  opened({ key, descriptors }: Listening): void {
    this.#post({ kind: 'listening', key, descriptors });
  }

  failed(): void {}

  closed({ key }: Listening): void {
    this.#post({ kind: 'listening', key, descriptors: [] });
  }
}

/** The main loop in the place of a server of ADS. */
function relayedAds(post: Post): AdsConnection {
  return {
    start() {},
    health() {},
    close() {},
    subscribe: (typeUrl, names) => post({ kind: 'subscribe', typeUrl, names }),
    unsubscribe: (typeUrl, names) => post({ kind: 'unsubscribe', typeUrl, names }),
  };
}

interface Parts {
  readonly loop: number;
  readonly assembly: Assembly;
  readonly handler: AdsHandler | undefined;
  readonly sockets: WorkerSockets;
  readonly log: LeveledLog;
  readonly post: Post;
}

function drain({ assembly, post }: Parts): void {
  assembly.listeners.drain();
  const timer = setInterval(() => {
    if (flushUnsent(assembly.clusters) || activeConnections(assembly) > 0) return;
    clearInterval(timer);
    post({ kind: 'drained' });
  }, DRAIN_POLL_MS);
}

async function close({ assembly, log }: Parts): Promise<void> {
  await assembly.listeners.close();
  const lost = await sendRest(assembly.clusters, assembly.clock);
  if (lost > 0) log.warn('collectors have not taken all before the end', { lost });
  assembly.clusters.close();
  await assembly.flows?.close();
  assembly.logSink.close();
  // lines that were relayed must be on their way before the thread goes
  setImmediate(() => process.exit(0));
}

function receive({ handler, log }: Parts, { typeUrl, resources, removed }: Extract<ToWorker, { readonly kind: 'resources' }>): void {
  try {
    handler?.onResources(typeUrl, resources, removed);
  } catch (error) {
    log.warn('configuration that the main loop obeys is refused', { typeUrl, error: messageOf(error) });
  }
}

function onMessage(parts: Parts, message: ToWorker): void {
  const { assembly, sockets, log, post } = parts;
  switch (message.kind) {
    case 'resources':
      return receive(parts, message);
    case 'secret':
      return assembly.secrets.set(message.name, message.value);
    case 'source':
      return sockets.answer(message.id, message.source);
    case 'health':
      assembly.health.isFailing = !message.isHealthy;
      return undefined;
    case 'leave': {
      const names = new Set(message.names);
      const isMeant = ({ name }: { readonly name: string }): boolean => names.has(name);
      return message.stops ? assembly.listeners.drain(isMeant) : assembly.listeners.askToLeave(isMeant);
    }
    case 'drain':
      return drain(parts);
    case 'level':
      log.level = message.level;
      return undefined;
    case 'reopen-logs':
      return assembly.logSink.reopen();
    case 'stats':
      return post({ kind: 'stats', id: message.id, snapshot: takeSnapshot(parts.loop, assembly.stats, assembly.clusters) });
    case 'crash':
      throw new Error('told to crash');
    case 'close':
      return void close(parts);
  }
}

/** Runs the loop of this thread until it is told to end. */
export async function runWorker(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('not a worker thread');
  const { start } = workerData as { readonly start: WorkerStart };
  const post: Post = (message) => port.postMessage(message);
  const log = createLog((line) => process.stderr.write(line), Date.now, start.logLevel);
  const sockets = new WorkerSockets(post);
  const bootstrap = fromBinary(BootstrapSchema, start.bootstrap);
  let handler: AdsHandler | undefined;
  const relay = (own: AdsHandler): AdsConnection => {
    handler = own;
    return relayedAds(post);
  };
  const { version, drain: drainOptions, loops } = start;
  const relayLines = (path: string, lines: string): void => post({ kind: 'lines', path, lines });
  // messages wait until then
  const assembly = await assembleWhole({
    bootstrap,
    log,
    version,
    drain: drainOptions,
    loops,
    work: new SharedWork(start.work, start.loop),
    sockets,
    relay,
    relayLines,
  });
  surviveBugs(assembly, log);
  port.on('message', (message: ToWorker) => onMessage({ loop: start.loop, assembly, handler, sockets, log, post }, message));
  try {
    await initialize(assembly, bootstrap, () => {});
    post({ kind: 'live' });
  } catch (error) {
    post({ kind: 'failed', error: messageOf(error) });
  }
}
