/** Puts a control plane together: sources, model, pusher, authority, registry, and what listens. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { type GrpcServer, type ListenAt, serveGrpc } from '../net/grpc-server.ts';
import { type AdminServer, serveAdmin } from './admin/server.ts';
import { type Authority, openAuthority } from './ca/authority.ts';
import { openTokens } from './ca/tokens.ts';
import type { Compiler } from './compiler.ts';
import type { ConnectedProxy, ControlState, StreamStats } from './control-state.ts';
import type { DashboardSetup } from './dashboard/open.ts';
import type { Dashboard } from './dashboard/server.ts';
import { openFlows } from './flows/open.ts';
import { openKeys } from './keys/open-keys.ts';
import { readHostPort, readLoopback } from './listen-address.ts';
import { Metrics } from './metrics.ts';
import type { MeshState } from './model.ts';
import { Pusher } from './push.ts';
import { Registry } from './registry.ts';
import { byteMethods, serviceRoutes } from './services.ts';
import { addRolloutGauges } from './rollout/view.ts';
import { openVersions } from './rollout/open.ts';
import { createSignals } from './signals/signals.ts';
import { KeptStore } from './sources/kept-store.ts';
import { watchFolder } from './sources/files.ts';
import { resourceTypes } from '../xds/types.ts';

/** How a control plane is started. */
export interface ControlPlaneOptions {
  /** The folder of YAML files. */
  readonly folder: string;
  /** Where keys, instances and sockets are kept. */
  readonly stateDir: string;
  readonly log: Log;
  /** Our version, for `/version` and metrics; '' where it does not matter. */
  readonly version?: string;
  /** Absent: ours. */
  readonly compiler?: Compiler;
  /** `host:port` for plain xDS, on loopback; port 0 picks one. */
  readonly xdsAddress?: string | undefined;
  /** `host:port` for xDS over TLS with a certificate of the mesh. */
  readonly xdsTlsAddress?: string | undefined;
  /** `host:port` for the admin API beside its socket, on loopback. */
  readonly adminAddress?: string | undefined;
  /** Absent: no dashboard. */
  readonly dashboard?: DashboardSetup | undefined;
  /** Memory for flow records. Default 32 MiB. */
  readonly flowBytesMax?: number;
  /** Life of a workload's certificate. Default 24 h. */
  readonly certTtlMs?: number;
  /** Quiet time that ends a burst of edits (default 100), and the longest wait (default 10 s). */
  readonly debounceQuietMs?: number;
  readonly debounceMaxMs?: number;
  /** How long an instance outlives a broken stream (default 3 s), and a restart of ours (default 30 s). */
  readonly instanceGraceMs?: number;
  readonly restoreGraceMs?: number;
}

/** A control plane that runs. */
export interface ControlPlane {
  readonly xdsSocket: string;
  readonly adminSocket: string;
  /** As bound, where asked for. */
  readonly xdsAddress: string | undefined;
  readonly xdsTlsAddress: string | undefined;
  readonly adminAddress: string | undefined;
  /** Where the dashboard is served. */
  readonly dashboardUrl: string | undefined;
  readonly rootCertificate: string;
  close(): Promise<void>;
}

const HOUR_MS = 60 * 60 * 1000;
const POLL_MS = 5000;
/** How long the first proxies wait for keys of token issuers, without which good tokens are refused. */
const FIRST_KEYS_MS = 2000;
/** Our own listener's certificate lives a year; this often a new one is made. */
const SERVER_RENEWAL_MS = 24 * HOUR_MS;

function streamStats(metrics: Metrics): StreamStats {
  const types = resourceTypes.map(({ name }) => ({ type: name }));
  return {
    pushes: metrics.counter('pilot_xds_pushes', 'Responses sent, by type.', types),
    rejections: metrics.counter('pilot_total_xds_rejects', 'Responses that proxies rejected, by type.', types),
    expiredNonces: metrics.counter('pilot_xds_expired_nonce', 'Answers to responses that were replaced since, by type.', types),
    convergence: metrics.histogram(
      'pilot_proxy_convergence_time',
      'Seconds from noticing a change to the answer of each proxy that it concerns.',
      [0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10, 20, 30],
    ),
    signingRequests: metrics.counter('citadel_server_csr_count', 'Certificate signing requests.', [{}]),
    certificatesIssued: metrics.counter('citadel_server_success_cert_issuance_count', 'Certificates issued to requests.', [{}]),
  };
}

function addGauges(metrics: Metrics, state: ControlState, version: string): void {
  const count = (severity: string): number =>
    state.pusher.state().diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
  const mesh = (): MeshState['mesh'] => state.pusher.state().mesh;
  metrics.gauge('pilot_info', 'The version that runs.', () => [[{ version }, 1]]);
  metrics.gauge('pilot_xds', 'Connected proxies.', () => state.connections.size);
  metrics.gauge('pilot_services', 'Services of the mesh.', () => mesh().services.length);
  metrics.gauge('pilot_virt_services', 'Route sets of the mesh.', () => mesh().routes.length);
  metrics.gauge('tulle_instances', 'Registered instances.', () => state.registry.instances().length);
  metrics.gauge('tulle_generation', 'Meshes built since the start.', () => state.pusher.state().generation);
  metrics.gauge('tulle_diagnostics', 'What is wrong with the sources now, by severity.', () => [
    [{ severity: 'error' }, count('error')],
    [{ severity: 'warning' }, count('warning')],
  ]);
  metrics.gauge('citadel_server_root_cert_expiry_timestamp', 'Seconds since the epoch.', () => state.authority.rootExpiresAtMs / 1000);
  metrics.gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  metrics.total('process_cpu_seconds_total', 'CPU time of the process, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
}

/** Tells the log what became wrong, and what is right again. */
function createReporter(log: Log): (state: MeshState) => void {
  let known = new Set<string>();
  return ({ diagnostics, generation, mesh }) => {
    const now = new Set<string>();
    for (const diagnostic of diagnostics) {
      const { severity, code, message, file, line, column, resource, field } = diagnostic;
      const key = JSON.stringify(diagnostic);
      now.add(key);
      if (known.has(key) || severity === 'info') continue;
      const fields = { code, at: `${file}:${line}:${column}`, resource, field, reason: message };
      if (severity === 'error') log.error('a document is refused; its former version stays', fields);
      else log.warn('a document has a weak point', fields);
    }
    known = now;
    log.debug('mesh built', { generation, services: mesh.services.length, instances: mesh.instances.length });
  };
}

interface Listening {
  readonly grpc: readonly GrpcServer[];
  readonly admin: readonly AdminServer[];
  readonly dashboard: Dashboard | undefined;
  readonly timer: NodeJS.Timeout | undefined;
}

function serverTls(authority: Authority, host: string): { cert: string; key: string; ca: string } {
  const names = new Set(['localhost', '127.0.0.1', 'istiod.istio-system.svc', host].filter((name) => name !== '0.0.0.0' && name !== '::'));
  const { certificateChain, privateKey } = authority.issueServer([...names]);
  return { cert: certificateChain, key: privateKey, ca: authority.rootCertificate };
}

/** Loaded only where it is asked for: few control planes of a fleet have a dashboard. */
async function listenDashboard(
  { dashboard, stateDir, version = '' }: ControlPlaneOptions,
  state: ControlState,
): Promise<Dashboard | undefined> {
  if (dashboard === undefined) return undefined;
  const { openDashboard } = await import('./dashboard/open.ts');
  return openDashboard(dashboard, state, { version, stateDir, certificate: (host) => serverTls(state.authority, host) });
}

/** Opens everything that was asked for; closes what is open already where one cannot be. */
async function listen(options: ControlPlaneOptions, state: ControlState): Promise<Listening> {
  const { xdsAddress, xdsTlsAddress, adminAddress, log, version = '', stateDir } = options;
  const at: ListenAt[] = [{ path: path.join(stateDir, 'xds.sock') }];
  if (xdsAddress !== undefined) at.push(readLoopback(xdsAddress, '--xds-address'));
  const secure = xdsTlsAddress === undefined ? undefined : readHostPort(xdsTlsAddress, '--xds-tls-address');
  if (secure !== undefined) at.push({ ...secure, tls: serverTls(state.authority, secure.host) });
  const grpc: GrpcServer[] = [];
  const admin: AdminServer[] = [];
  let dashboard: Dashboard | undefined;
  try {
    for (const each of at) grpc.push(await serveGrpc(each, serviceRoutes(state), log, byteMethods(state)));
    admin.push(await serveAdmin({ path: path.join(stateDir, 'admin.sock') }, state, version));
    if (adminAddress !== undefined) admin.push(await serveAdmin(readLoopback(adminAddress, '--admin-address'), state, version));
    dashboard = await listenDashboard(options, state);
  } catch (error) {
    await Promise.all([...grpc, ...admin].map((server) => server.close()));
    throw error;
  }
  if (secure === undefined) return { grpc, admin, dashboard, timer: undefined };
  const renew = (): void => grpc.at(-1)?.setTls(serverTls(state.authority, secure.host));
  return { grpc, admin, dashboard, timer: setInterval(renew, SERVER_RENEWAL_MS).unref() };
}

/** Restores what was known and reads the folder, so that the first stream gets the whole truth. */
async function prepare(options: ControlPlaneOptions): Promise<{ readonly state: ControlState; readonly stop: () => Promise<void> }> {
  const { folder, stateDir, log } = options;
  // loaded late, so that tests of the shell do without the compiler
  const given = options.compiler ?? (await import('./default-compiler.ts')).defaultCompiler;
  const metrics = new Metrics();
  const quietMs = options.debounceQuietMs ?? 100;
  const maxMs = options.debounceMaxMs ?? 10_000;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const keys = await openKeys(given, { stateDir, log, metrics }, () => pusher.keysChanged());
  const { compiler } = keys;
  const authority = await openAuthority(stateDir, options.certTtlMs ?? 24 * HOUR_MS, systemClock);
  const tokens = await openTokens(stateDir, systemClock);
  const graces = { graceMs: options.instanceGraceMs ?? 3000, restoreGraceMs: options.restoreGraceMs ?? 30_000 };
  const registry = new Registry({ stateDir, log, ...graces }, () => pusher.instancesChanged());
  const kept = new KeptStore(stateDir, log);
  const formerTexts = await kept.read();
  const versions = await openVersions({ folder, stateDir, compiler, formerTexts, clock: systemClock, log, metrics }, (isBuilding) => {
    if (!isBuilding) pusher.versionChanged();
    versions.runner.wake();
  });
  const { model } = versions;
  const pusher = new Pusher(compiler, model, () => registry.instances(), { quietMs, maxMs, clock: systemClock, log, metrics });
  await registry.restore();
  // the pusher waits for quiet; here it is enough to wait for the system's burst of events
  const source = await watchFolder({ folder, ignore: [path.resolve(stateDir)], quietMs: 10, maxMs, pollMs: POLL_MS, log }, (texts) =>
    pusher.textsChanged(texts),
  );
  model.setTexts(source.texts);
  pusher.onState(createReporter(log));
  pusher.onState(() => kept.keep(model.keptTexts()));
  pusher.onState(() => keys.built());
  const connections = new Set<ConnectedProxy>();
  versions.start(connections);
  pusher.start();
  await keys.tried(FIRST_KEYS_MS);
  // what they have changed is pushed in a turn of its own
  await setImmediate();
  const state: ControlState = {
    compiler,
    authority,
    tokens,
    registry,
    texts: () => model.texts,
    versions,
    folder: path.resolve(folder),
    stateDir: path.resolve(stateDir),
    pusher,
    connections,
    dashboard: { served: undefined },
    stats: streamStats(metrics),
    flows: openFlows(options.flowBytesMax, systemClock, metrics),
    metrics,
    signals: createSignals(systemClock, metrics),
    clock: systemClock,
    random: Math.random,
    log,
  };
  addGauges(metrics, state, options.version ?? '');
  addRolloutGauges(metrics, model);
  return {
    state,
    async stop() {
      source.close();
      await keys.close();
      await kept.close();
      await versions.close();
      await registry.close();
      pusher.close();
    },
  };
}

/** Starts a control plane. Rejects where the folder cannot be read or an address not be taken. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { state, stop } = await prepare(options);
  const listening = await listen(options, state).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const [unix, ...tcp] = listening.grpc;
  const { xdsAddress, xdsTlsAddress, log } = options;
  log.info('control plane serves', { xds: unix?.address, folder: options.folder });
  return {
    xdsSocket: unix?.address ?? '',
    adminSocket: listening.admin[0]?.address ?? '',
    xdsAddress: xdsAddress === undefined ? undefined : tcp[0]?.address,
    xdsTlsAddress: xdsTlsAddress === undefined ? undefined : tcp.at(-1)?.address,
    adminAddress: listening.admin[1]?.address,
    dashboardUrl: listening.dashboard?.url,
    rootCertificate: state.authority.rootCertificate,
    async close() {
      clearInterval(listening.timer);
      await stop();
      await Promise.all([...listening.grpc, ...listening.admin].map((server) => server.close()));
      await listening.dashboard?.close();
    },
  };
}
