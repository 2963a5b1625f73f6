/**
 * From changes to what proxies hear of them: documents are debounced, instances count at once; then one mesh is built,
 * compiled for each connected proxy, and handed to its session, which sends the difference.
 */
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { WorkloadInstance } from '../model/workload.ts';
import type { Snapshot } from '../xds/server-core.ts';
import type { TypeResources, XdsResource } from '../xds/subscription.ts';
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  LISTENER_TYPE,
  NAME_TABLE_TYPE,
  ROUTE_TYPE,
  RUNTIME_TYPE,
  SECRET_TYPE,
  VIRTUAL_HOST_TYPE,
} from '../xds/types.ts';
import type { Compiled, Compiler, ProxyNode } from './compiler.ts';
import { debounce } from './debounce.ts';
import type { MeshState } from './model.ts';
import type { Metrics } from './metrics.ts';
import type { FileTexts } from './sources/files.ts';

/** A connected proxy that takes configuration. */
export interface Receiver {
  readonly proxy: ProxyNode;
  /** True where it showed who it is: only then it gets private keys. */
  readonly isTrusted: boolean;
  /** Secrets that are its own. */
  ownSecrets(): readonly XdsResource[];
  /** The layer of Envoy's runtime that it may ask for. */
  runtime(): TypeResources;
  /** Takes a new snapshot; `changedAtMs` (monotonic) is when the change behind it was noticed. */
  take(snapshot: Snapshot, generation: string, changedAtMs: number | undefined): void;
}

/** The mesh over time, and which of its versions a proxy gets (`rollout/versioned-model.ts`). */
export interface Versions {
  /** The mesh in force; undefined before the first one is built. */
  readonly state: MeshState | undefined;
  setTexts(texts: FileTexts): void;
  build(instances: readonly WorkloadInstance[]): MeshState;
  /** The mesh in force, or the one that the proxy is to try. */
  stateFor(proxy: ProxyNode): MeshState | undefined;
}

export interface PushOptions {
  readonly quietMs: number;
  readonly maxMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

const NO_SECRETS: TypeResources = new Map();
const joinedSecrets = new WeakMap<TypeResources, WeakMap<readonly XdsResource[], TypeResources>>();

/** Both kinds of secrets: the same map for the same ones, so that nothing seems to have changed. */
function secretsOf(shared: TypeResources, own: readonly XdsResource[]): TypeResources {
  if (own.length === 0) return shared;
  const known = joinedSecrets.get(shared) ?? new WeakMap<readonly XdsResource[], TypeResources>();
  joinedSecrets.set(shared, known);
  const joined = known.get(own) ?? new Map([...shared, ...own.map((secret): [string, XdsResource] => [secret.name, secret])]);
  known.set(own, joined);
  return joined;
}

interface Shared {
  readonly secrets: TypeResources;
  readonly runtime: TypeResources;
  readonly snapshot: Snapshot;
}

/** The last snapshot made of each configuration: most receivers have nothing of their own. */
const lastSnapshots = new WeakMap<Compiled, Shared>();

function snapshotOf(config: Compiled, receiver: Receiver): Snapshot {
  const secrets = secretsOf(receiver.isTrusted ? config.secrets : NO_SECRETS, receiver.ownSecrets());
  const runtime = receiver.runtime();
  const last = lastSnapshots.get(config);
  if (last?.secrets === secrets && last.runtime === runtime) return last.snapshot;
  const snapshot = new Map<string, TypeResources>([
    [CLUSTER_TYPE, config.clusters],
    [ENDPOINT_TYPE, config.endpoints],
    [LISTENER_TYPE, config.listeners],
    [ROUTE_TYPE, config.routes],
    [VIRTUAL_HOST_TYPE, config.virtualHosts],
    [SECRET_TYPE, secrets],
    [NAME_TABLE_TYPE, config.names],
    [RUNTIME_TYPE, runtime],
  ]);
  lastSnapshots.set(config, { secrets, runtime, snapshot });
  return snapshot;
}

/** Keeps every receiver at the newest mesh. */
export class Pusher {
  readonly #compiler: Compiler;
  readonly #model: Versions;
  readonly #instances: () => readonly WorkloadInstance[];
  readonly #options: PushOptions;
  readonly #receivers = new Map<Receiver, Compiled>();
  readonly #listeners = new Set<(state: MeshState) => void>();
  readonly #debounce: ReturnType<typeof debounce>;
  readonly #triggers: ReturnType<Metrics['counter']>;
  readonly #failures: ReturnType<Metrics['counter']>;
  #changedAtMs: number | undefined;
  #soon: NodeJS.Immediate | undefined;

  constructor(compiler: Compiler, model: Versions, instances: () => readonly WorkloadInstance[], options: PushOptions) {
    this.#compiler = compiler;
    this.#model = model;
    this.#instances = instances;
    this.#options = options;
    this.#debounce = debounce(() => this.#pushChange(), options.quietMs, options.maxMs);
    this.#triggers = options.metrics.counter('pilot_push_triggers', 'Pushes by what caused them.');
    this.#failures = options.metrics.counter('pilot_total_xds_internal_errors', 'Proxies whose configuration could not be compiled.', [{}]);
  }

  /** The folder's content became another. */
  textsChanged(texts: FileTexts): void {
    this.#attempt('the documents cannot be read; the former ones stay', () => this.#model.setTexts(texts));
    this.#changedAtMs ??= this.#options.clock.monotonicMs();
    this.#triggers.add({ type: 'config' });
    this.#debounce.trigger();
  }

  /** An instance came, went, or changed its health: pushed in this turn of the event loop. */
  instancesChanged(): void {
    this.#changedAtMs ??= this.#options.clock.monotonicMs();
    this.#triggers.add({ type: 'endpoint' });
    this.#soon ??= setImmediate(() => this.#pushChange());
  }

  /** Keys of token issuers became others. */
  keysChanged(): void {
    this.#changedAtMs ??= this.#options.clock.monotonicMs();
    this.#triggers.add({ type: 'jwks' });
    this.#soon ??= setImmediate(() => this.#pushChange());
  }

  /** Another version is to be tried, or put into force. */
  versionChanged(): void {
    this.#changedAtMs ??= this.#options.clock.monotonicMs();
    this.#triggers.add({ type: 'version' });
    this.#soon ??= setImmediate(() => this.#pushChange());
  }

  /** Builds the first mesh. */
  start(): MeshState {
    this.#push();
    return this.state();
  }

  state(): MeshState {
    const { state } = this.#model;
    if (state === undefined) throw new Error('asked for the mesh before it was built');
    return state;
  }

  /** The mesh that a proxy gets. */
  stateFor(proxy: ProxyNode): MeshState {
    return this.#model.stateFor(proxy) ?? this.state();
  }

  /** Calls `listener` after every new mesh, until the returned function is called. */
  onState(listener: (state: MeshState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A proxy connected. Returns its first snapshot. Throws where its configuration cannot be compiled. */
  add(receiver: Receiver): { snapshot: Snapshot; generation: string } {
    const state = this.stateFor(receiver.proxy);
    const config = this.#compiler.compile(state.mesh, receiver.proxy);
    this.#receivers.set(receiver, config);
    return { snapshot: snapshotOf(config, receiver), generation: String(state.generation) };
  }

  remove(receiver: Receiver): void {
    this.#receivers.delete(receiver);
  }

  /** The receiver's own secrets became others. */
  refresh(receiver: Receiver): void {
    const config = this.#receivers.get(receiver);
    if (config !== undefined) receiver.take(snapshotOf(config, receiver), String(this.stateFor(receiver.proxy).generation), undefined);
  }

  /** What proxies have of their runtime may have become another: those that are meant hear of it. */
  refreshWhere(isMeant: (proxy: ProxyNode) => boolean): void {
    for (const receiver of this.#receivers.keys()) if (isMeant(receiver.proxy)) this.refresh(receiver);
  }

  close(): void {
    this.#debounce.cancel();
    clearImmediate(this.#soon);
    this.#receivers.clear();
    this.#listeners.clear();
  }

  /** A mistake of ours in the compiler must not stop the serving of what stands. */
  #attempt(message: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failures.add();
      this.#options.log.error(message, { error: error instanceof Error ? error.stack : messageOf(error) });
    }
  }

  #pushChange(): void {
    this.#attempt('the mesh cannot be built; the former one stays', () => this.#push());
  }

  #push(): void {
    clearImmediate(this.#soon);
    this.#soon = undefined;
    const changedAtMs = this.#changedAtMs;
    this.#changedAtMs = undefined;
    const state = this.#model.build(this.#instances());
    for (const [receiver, former] of this.#receivers) this.#pushTo(receiver, former, changedAtMs);
    for (const listener of this.#listeners) listener(state);
  }

  /** One proxy's configuration that cannot be compiled is no reason to leave the others behind. */
  #pushTo(receiver: Receiver, former: Compiled, changedAtMs: number | undefined): void {
    try {
      const state = this.stateFor(receiver.proxy);
      const config = this.#compiler.compile(state.mesh, receiver.proxy);
      if (former === config) return;
      this.#receivers.set(receiver, config);
      receiver.take(snapshotOf(config, receiver), String(state.generation), changedAtMs);
    } catch (error) {
      this.#failures.add();
      this.#options.log.error('the configuration of a proxy cannot be compiled; its former one stays', {
        proxy: receiver.proxy.id,
        error: messageOf(error),
      });
    }
  }
}
