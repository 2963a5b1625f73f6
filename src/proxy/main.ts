/**
 * A proxy, from its bootstrap to its end:
 *
 *   PRE_INITIALIZING ──(clusters are there)──▶ INITIALIZING ──(listeners accept)──▶ LIVE ──▶ DRAINING
 *
 * One that takes over from another shows itself (admin interface, name server) once it is live; the other drains then.
 */
import type { Clock, Random } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { LeveledLog } from '../core/log.ts';
import type { NetAddress } from '../net/address.ts';
import { NAME_TABLE_TYPE } from '../xds/types.ts';
import type { Bootstrap } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { adminAddressOf, createAdminView } from './admin-view.ts';
import type { AdminServer } from './admin/server.ts';
import type { ListenerStatus, ServerState } from './admin/view.ts';
import { assembleWhole } from './assemble-whole.ts';
import type { Assembly } from './assembly.ts';
import { announcedNode } from './config/local-node.ts';
import type { NameService } from './config/name-service.ts';
import { activeConnections, initialize, surviveBugs } from './initialize.ts';
import type { DrainOptions } from './listener/drain-state.ts';
import { MainSockets } from './listener/main-sockets.ts';
import type { MetricsPush } from './metrics-push/push.ts';
import { createIdentity } from './own-identity.ts';
import { HandOver } from './restart/hand-over.ts';
import type { Predecessor } from './restart/take-over.ts';
import type { OwnCost } from './telemetry/own-cost.ts';
import { flushUnsent, sendRest } from './telemetry/unsent.ts';
import { EventLoops, type LoopOptions } from './workers/event-loops.ts';

export interface ProxyOptions {
  readonly bootstrap: Bootstrap;
  readonly log: LeveledLog;
  readonly version: string;
  /** How long connections may go on once a listener or the proxy drains, in milliseconds. Default 10 s. */
  readonly drainMs?: number;
  /** How clients are asked to leave meanwhile. Default `immediate`. */
  readonly drainStrategy?: DrainOptions['strategy'];
  /** Several event loops; one where absent. */
  readonly loops?: LoopOptions;
  /** The proxy to take over from. */
  readonly predecessor?: Predecessor | undefined;
  /** How long the predecessor may go on, in milliseconds. Default: as long as it likes. */
  readonly predecessorEndsWithinMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  /** A listener writes a line for every request, or traces them: much of what that makes is short-lived. May be called again. */
  readonly onTellsOfAll?: () => void;
  /** The admin interface was asked to end the process. */
  onQuit?(): void;
  /** Another process serves in our place: drain, and end at most after `endsWithinMs`. */
  onReplaced?(endsWithinMs: number): void;
}

export interface RunningProxy {
  /** Where the admin interface is; undefined where the bootstrap has none, or before a successor is live. */
  readonly adminAddress: NetAddress | undefined;
  /** Resolves when every listener known at the start accepts; rejects where a static one cannot. */
  readonly ready: Promise<void>;
  state(): ServerState;
  listeners(): readonly ListenerStatus[];
  /** Accepts no more, asks clients to leave, and resolves when they have left or the drain time is over. */
  drain(): Promise<void>;
  /** Opens access logs anew, in all loops: their files were moved away. */
  reopenLogs(): void;
  /** Ends everything at once. */
  close(): Promise<void>;
}

const DRAIN_MS = 10_000;
const DRAIN_POLL_MS = 50;

/** Clients are there still, or a collector has not taken all yet; what waits for one is sent. */
function isBusy(assembly: Assembly, loops: EventLoops): boolean {
  return flushUnsent(assembly.clusters) || activeConnections(assembly) > 0 || !loops.isDrained;
}

/** A predecessor lets go of the name server's ports soon after it has heard. */
const NAMES_RETRIES = 50;
const NAMES_RETRY_MS = 20;

async function startNames(assembly: Assembly, log: LeveledLog): Promise<NameService | undefined> {
  const { dns } = assembly.tulle;
  if (dns === undefined) return undefined;
  const { startNameService } = await import('./config/name-service.ts');
  const namespace = assembly.node.metadata['NAMESPACE'];
  const service = await startNameService(dns, typeof namespace === 'string' ? namespace : '', log);
  assembly.setNameService(service);
  assembly.subscriptions.subscribe(NAME_TABLE_TYPE, '*');
  return service;
}

/** As `startNames`, on ports that another process is about to leave. */
async function inheritNames(assembly: Assembly, log: LeveledLog): Promise<NameService | undefined> {
  for (let left = NAMES_RETRIES; ; left--) {
    try {
      return await startNames(assembly, log);
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, NAMES_RETRY_MS));
    }
  }
}

/** What pushes metrics, where the bootstrap says so. Rejects with ConfigError. */
async function openPush(
  { bootstrap, version, log }: Pick<ProxyOptions, 'bootstrap' | 'version' | 'log'>,
  { clusters, clock, stats, adsSettings, tulle }: Assembly,
  loops?: EventLoops,
): Promise<MetricsPush | undefined> {
  if (bootstrap.statsSinks.length === 0) return undefined;
  const { createMetricsPush } = await import('./metrics-push/push.ts');
  return createMetricsPush({
    bootstrap,
    node: announcedNode(bootstrap, version),
    version,
    ads: adsSettings,
    pushesSignals: tulle.pushesSignals,
    clusters,
    clock,
    stats,
    reader: () => loops?.stats ?? stats,
    refresh: loops?.refresh,
    log,
  });
}

/** The running proxy, as one thing. */
class WholeProxy implements RunningProxy {
  readonly #ready = Promise.withResolvers<void>();
  readonly #options: ProxyOptions;
  readonly #assembly: Assembly;
  readonly #sockets: MainSockets;
  readonly #loops: EventLoops;
  readonly #handOver: HandOver;
  readonly #identity: ReturnType<typeof createIdentity>;
  readonly #push: MetricsPush | undefined;
  #cost: OwnCost | undefined;
  #admin: AdminServer | undefined;
  #names: NameService | undefined;
  #state: ServerState = 'PRE_INITIALIZING';

  constructor(options: ProxyOptions, assembly: Assembly, sockets: MainSockets, loops: EventLoops, push: MetricsPush | undefined) {
    const { log } = options;
    this.#push = push;
    this.#options = options;
    this.#assembly = assembly;
    this.#sockets = sockets;
    this.#loops = loops;
    this.#identity = createIdentity(assembly, log, (name, value) => loops.setSecret(name, value));
    this.#handOver = new HandOver({
      sockets: () => sockets.all(),
      counters: () => loops.counters(),
      health: () => (assembly.health.isSaid ? (assembly.health.isFailing ? 'failing' : 'ok') : 'unsaid'),
      log,
      onReady: (endsWithinMs) => this.#stepDown(endsWithinMs),
    });
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get adminAddress(): NetAddress | undefined {
    return this.#admin?.address;
  }

  state(): ServerState {
    return this.#state;
  }

  listeners(): readonly ListenerStatus[] {
    return [...this.#assembly.listeners.active()].map(({ name, boundAddresses }) => ({ name, addresses: boundAddresses }));
  }

  /** What must be there before the proxy is begun: rejects where it cannot be had. */
  async show(): Promise<void> {
    if (this.#options.predecessor !== undefined) return;
    await this.#startAdmin();
    this.#names = await startNames(this.#assembly, this.#options.log);
  }

  /** Begins to work; `ready` tells what comes of it. */
  begin(): void {
    this.#loops.start();
    this.#ready.resolve(this.#startUp());
  }

  async drain(): Promise<void> {
    this.#state = 'DRAINING';
    const { clock, listeners } = this.#assembly;
    listeners.drain();
    this.#loops.drain();
    const endMs = clock.monotonicMs() + (this.#options.drainMs ?? DRAIN_MS);
    while (isBusy(this.#assembly, this.#loops) && clock.monotonicMs() < endMs)
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }

  reopenLogs(): void {
    this.#assembly.logSink.reopen();
    this.#loops.broadcast({ kind: 'reopen-logs' });
  }

  async close(): Promise<void> {
    const { ads, flows, listeners, clusters, logSink, overload } = this.#assembly;
    overload.stop();
    await this.#sendRest();
    // while the other loops are there to be asked
    await this.#loops.refresh?.();
    this.#cost?.stop();
    this.#identity?.stop();
    ads?.close();
    await this.#handOver.end();
    await this.#loops.close();
    await listeners.close();
    // of what was cut off just now
    await this.#sendRest();
    await this.#push?.end();
    clusters.close();
    await flows?.close();
    await this.#names?.close();
    await this.#admin?.close();
    logSink.close();
  }

  /** Spans and log entries that collectors have not taken. */
  async #sendRest(): Promise<void> {
    const { clusters, clock } = this.#assembly;
    const lost = await sendRest(clusters, clock);
    if (lost > 0) this.#options.log.warn('collectors have not taken all before the end', { lost });
  }

  async #startUp(): Promise<void> {
    const { bootstrap, log } = this.#options;
    const { ads, node } = this.#assembly;
    this.#identity?.start();
    this.#push?.start();
    this.#takeHealth();
    ads?.start();
    await initialize(this.#assembly, bootstrap, (next) => this.#onState(next));
    await this.#loops.whenLive();
    await this.#replace();
    this.#onState('LIVE');
    void this.#measureCost();
    log.info('proxy live', { node: node.id });
  }

  /** Begins once there is time for it. */
  async #measureCost(): Promise<void> {
    const { OwnCost: Cost } = await import('./telemetry/own-cost.ts');
    if (this.#state !== 'LIVE') return;
    this.#cost = new Cost(this.#assembly.stats);
    this.#cost.start();
  }

  #onState(next: ServerState): void {
    if (this.#state === 'DRAINING' || (next === 'LIVE' && !this.#loops.isLive)) return;
    this.#state = next;
  }

  /** What the workload has told the predecessor of its health. */
  #takeHealth(): void {
    const { health = 'unsaid' } = this.#options.predecessor ?? {};
    if (health !== 'unsaid') this.#setHealth(health === 'ok');
  }

  #setHealth(isHealthy: boolean): void {
    const { health, ads } = this.#assembly;
    health.isFailing = !isHealthy;
    health.isSaid = true;
    ads?.health(isHealthy, isHealthy ? '' : 'the workload says so');
    this.#loops.tell({ kind: 'health', isHealthy });
  }

  /** Takes the place of the predecessor, which drains from now on. */
  async #replace(): Promise<void> {
    const { predecessor, predecessorEndsWithinMs, log } = this.#options;
    if (predecessor === undefined) return;
    const { stats, work } = this.#assembly;
    await this.#startAdmin();
    this.#sockets.closeRest();
    this.#sockets.ownsFiles = true;
    // of its work we do not know
    const itsWork = work.enter(undefined);
    predecessor.ready(
      predecessorEndsWithinMs,
      (counters) => {
        stats.absorb(counters);
        // it has pushed them
        this.#push?.absorbed(counters);
      },
      () => work.leave(itsWork),
    );
    log.info('took over', { from: predecessor.pid });
    this.#names = await inheritNames(this.#assembly, log);
  }

  /** A successor serves: what only one of us can have is its own from now on. */
  #stepDown(endsWithinMs: number): void {
    // of its work we do not know
    this.#assembly.work.enter(undefined);
    this.#sockets.ownsFiles = false;
    this.#identity?.stop();
    this.#assembly.ads?.close();
    void this.#admin?.close();
    void this.#names?.close();
    this.#admin = undefined;
    this.#names = undefined;
    this.#options.onReplaced?.(endsWithinMs);
  }

  async #startAdmin(): Promise<void> {
    const { bootstrap, version, log } = this.#options;
    const address = adminAddressOf(bootstrap);
    if (address === undefined) return;
    const { startAdmin } = await import('./admin/server.ts');
    const proxy = createAdminView({
      assembly: this.#assembly,
      loops: this.#loops,
      bootstrap,
      version,
      log,
      state: () => this.#state,
      setHealth: (isHealthy) => this.#setHealth(isHealthy),
      handOver: (socketPath) => this.#handOver.begin(socketPath),
      reopenLogs: () => this.reopenLogs(),
      readCost: () => this.#cost?.refresh(),
      quit: () => this.#options.onQuit?.(),
    });
    this.#admin = await startAdmin({ address, proxy, sockets: this.#sockets });
  }
}

/** Starts a proxy. Rejects with ConfigError for a bootstrap that cannot be obeyed; `ready` tells when it serves. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { log, bootstrap, version, drainMs = DRAIN_MS, drainStrategy = 'immediate', predecessor, clock, random, onTellsOfAll } = options;
  const count = options.loops?.count ?? 1;
  const drain: DrainOptions = { strategy: drainStrategy, timeMs: drainMs };
  const sockets = new MainSockets(count, predecessor?.sockets);
  const loops = new EventLoops(options.loops, { bootstrap, version, drain, sockets, log });
  const assembly = await assembleWhole({
    bootstrap,
    log,
    version,
    drain,
    sockets,
    loops: count,
    ...loops.hooks,
    ...(onTellsOfAll === undefined ? {} : { onTellsOfAll }),
    ...(clock === undefined ? {} : { clock }),
    ...(random === undefined ? {} : { random }),
  });
  surviveBugs(assembly, log);
  loops.attach(assembly);
  const push = await openPush(options, assembly, loops);
  const proxy = new WholeProxy(options, assembly, sockets, loops, push);
  // whoever does not ask learns from the log
  proxy.ready.catch((error: unknown) => log.error('proxy cannot serve', { error: messageOf(error) }));
  await proxy.show();
  proxy.begin();
  return proxy;
}

/** Builds everything that a bootstrap describes and drops it again. Rejects with ConfigError where something is wrong. */
export async function validateBootstrap(bootstrap: Bootstrap, log: LeveledLog): Promise<void> {
  const assembly = await assembleWhole({ bootstrap, log, version: '', drain: { strategy: 'immediate', timeMs: 0 } });
  await (await openPush({ bootstrap, log, version: '' }, assembly))?.close();
  await assembly.listeners.close();
  assembly.clusters.close();
  assembly.logSink.close();
}
