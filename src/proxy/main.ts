/**
 * A proxy, from its bootstrap to its end:
 *
 *   PRE_INITIALIZING ──(clusters are there)──▶ INITIALIZING ──(listeners accept)──▶ LIVE ──▶ DRAINING
 */
import { setBugReporter } from '../core/bugs.ts';
import type { Clock, Random } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { loadRe2, Re2Missing } from '../core/re2.ts';
import type { LeveledLog } from '../core/log.ts';
import type { NetAddress } from '../net/address.ts';
import { CLUSTER_TYPE, LISTENER_TYPE, NAME_TABLE_TYPE } from '../xds/types.ts';
import type { Bootstrap } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { createAdminView } from './admin-view.ts';
import type { ListenerStatus, ServerState } from './admin/view.ts';
import { type Assembly, assemble, type AssemblyOptions, OWN_KEY_PAIR, OWN_TRUST } from './assembly.ts';
import { Identity } from './config/identity.ts';
import { readToken } from './config/ads-target.ts';
import type { NameService } from './config/name-service.ts';
import { INITIAL_FETCH_TIMEOUT_MS } from './config/subscriptions.ts';

export interface ProxyOptions {
  readonly bootstrap: Bootstrap;
  readonly log: LeveledLog;
  readonly version: string;
  /** How long connections may go on once a listener or the proxy drains, in milliseconds. Default 10 s. */
  readonly drainMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  /** The admin interface was asked to end the process. */
  onQuit?(): void;
}

export interface RunningProxy {
  /** Where the admin interface is; undefined where the bootstrap has none. */
  readonly adminAddress: NetAddress | undefined;
  /** Resolves when every listener known at the start accepts; rejects where a static one cannot. */
  readonly ready: Promise<void>;
  state(): ServerState;
  listeners(): readonly ListenerStatus[];
  /** Accepts no more, asks clients to leave, and resolves when they have left or the drain time is over. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
}

const DRAIN_MS = 10_000;
const DRAIN_POLL_MS = 50;
const SIGN_TIMEOUT_MS = 10_000;
const CERTIFICATE_LIFE_SECONDS = 86_400n;

/** Builds all parts; a regular expression that needs re2js loads it. Throws ConfigError. */
async function assembleWhole(options: AssemblyOptions): Promise<Assembly> {
  try {
    return assemble(options);
  } catch (error) {
    if (!(error instanceof Re2Missing)) throw error;
    await loadRe2();
    return assemble(options);
  }
}

function createIdentity(assembly: Assembly, log: LeveledLog): Identity | undefined {
  const { adsSettings, tulle, clock, random, stats } = assembly;
  const { tokenFile } = tulle;
  if (tokenFile === undefined || adsSettings === undefined) return undefined;
  return new Identity({
    async sign(csr) {
      const [{ callUnary }, { IstioCertificateService }] = await Promise.all([
        import('../net/grpc-client.ts'),
        import('../xds/gen/istio/v1/auth/ca_pb.ts'),
      ]);
      const call = { token: () => readToken(tokenFile), timeoutMs: SIGN_TIMEOUT_MS };
      const request = { csr, validityDuration: CERTIFICATE_LIFE_SECONDS };
      return (await callUnary(adsSettings.target, IstioCertificateService.method.createCertificate, request, call)).certChain;
    },
    onCertificate(keyPair, trust) {
      assembly.secrets.set(OWN_TRUST, { trust });
      assembly.secrets.set(OWN_KEY_PAIR, { keyPair });
    },
    clock,
    random,
    log,
    stats: stats.scope('identity'),
  });
}

async function startNames(assembly: Assembly, log: LeveledLog): Promise<NameService | undefined> {
  const { dns } = assembly.tulle;
  if (dns === undefined) return undefined;
  const { startNameService } = await import('./config/name-service.ts');
  const namespace = assembly.node.metadata['NAMESPACE'];
  const service = await startNameService(dns, typeof namespace === 'string' ? namespace : '', log);
  assembly.setNameService(service);
  assembly.ads?.subscribe(NAME_TABLE_TYPE, '*');
  return service;
}

async function startAdminOf(options: ProxyOptions, assembly: Assembly, state: () => ServerState) {
  const address = options.bootstrap.admin?.address?.address;
  if (address?.case === undefined || address.case === 'envoyInternalAddress') return undefined;
  const { startAdmin } = await import('./admin/server.ts');
  const { value } = address;
  const port = address.case === 'socketAddress' && address.value.portSpecifier.case === 'portValue' ? address.value.portSpecifier.value : 0;
  const where = 'path' in value ? { path: value.path } : { host: value.address, port };
  const { bootstrap, version, log } = options;
  const proxy = createAdminView({ assembly, bootstrap, version, log, state, quit: () => options.onQuit?.() });
  return await startAdmin({ address: where, proxy });
}

function activeConnections(assembly: Assembly): number {
  let active = 0;
  for (const listener of assembly.listeners.active()) active += listener.activeConnections;
  return active;
}

/** Subscribes, and lets listeners start when clusters are there. Resolves when the proxy is live. */
async function initialize(assembly: Assembly, bootstrap: Bootstrap, onState: (state: ServerState) => void): Promise<void> {
  const dynamic = bootstrap.dynamicResources;
  if (dynamic?.cdsConfig !== undefined && !assembly.tulle.isOnDemand) assembly.ads?.subscribe(CLUSTER_TYPE, '*');
  const waitMs = assembly.ads === undefined ? 1 : INITIAL_FETCH_TIMEOUT_MS;
  await new Promise<void>((resolve) => assembly.clusters.whenInitialized(waitMs, resolve));
  onState('INITIALIZING');
  if (dynamic?.ldsConfig !== undefined) assembly.ads?.subscribe(LISTENER_TYPE, '*');
  assembly.openGate();
  await Promise.all(assembly.staticListeners);
  await new Promise<void>((resolve) => assembly.listeners.whenInitialized(dynamic?.ldsConfig !== undefined, resolve));
  onState('LIVE');
}

/** From now on an exception that nobody expected ends what it happened to, not the proxy. */
function surviveBugs({ stats }: Assembly, log: LeveledLog): void {
  const bugs = stats.counter('bug_total');
  setBugReporter((error) => {
    bugs.value++;
    log.error('bug', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
}

/** Starts a proxy. Rejects with ConfigError for a bootstrap that cannot be obeyed; `ready` tells when it serves. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { log, bootstrap, drainMs = DRAIN_MS } = options;
  const assembly = await assembleWhole({ ...options, drainMs });
  surviveBugs(assembly, log);
  let state: ServerState = 'PRE_INITIALIZING';
  const admin = await startAdminOf(options, assembly, () => state);
  const names = await startNames(assembly, log);
  const identity = createIdentity(assembly, log);
  identity?.start();
  assembly.ads?.start();
  const ready = initialize(assembly, bootstrap, (next) => {
    if (state !== 'DRAINING') state = next;
  }).then(() => log.info('proxy live', { node: assembly.node.id }));
  // whoever does not ask learns from the log
  ready.catch((error: unknown) => log.error('proxy cannot serve', { error: messageOf(error) }));
  return {
    adminAddress: admin?.address,
    ready,
    state: () => state,
    listeners: () => [...assembly.listeners.active()].map(({ name, boundAddresses }) => ({ name, addresses: boundAddresses })),
    async drain() {
      state = 'DRAINING';
      assembly.listeners.drain();
      const { clock } = assembly;
      const endMs = clock.monotonicMs() + drainMs;
      while (activeConnections(assembly) > 0 && clock.monotonicMs() < endMs)
        await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    },
    async close() {
      identity?.stop();
      assembly.ads?.close();
      await assembly.listeners.close();
      assembly.clusters.close();
      await names?.close();
      await admin?.close();
      assembly.logSink.close();
    },
  };
}

/** Builds everything that a bootstrap describes and drops it again. Rejects with ConfigError where something is wrong. */
export async function validateBootstrap(bootstrap: Bootstrap, log: LeveledLog): Promise<void> {
  const assembly = await assembleWhole({ bootstrap, log, version: '', drainMs: 0 });
  await assembly.listeners.close();
  assembly.clusters.close();
  assembly.logSink.close();
}
