/**
 * The control plane's admin API: JSON over HTTP on a Unix socket or a loopback address (ARCHITECTURE.md). Whoever can
 * open the socket may do everything here, tokens included: the state directory's permissions are the guard. Over TCP
 * tokens are not to be had, and pages that a browser shows get nothing.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { messageOf, ProtocolError } from '../../core/errors.ts';
import type { MeshState } from '../model.ts';
import type { ControlState } from '../control-state.ts';
import { foreignReason } from '../foreign-page.ts';
import { relayMetrics, viewTargets } from '../scrape/targets.ts';
import { viewSignalHistory, viewSignals } from '../signals/view.ts';
import { checkPrivate, type Exchange, nameIn, readBody } from './exchange.ts';
import { getFlow, getFlows } from './flows.ts';
import { deleteInstance, putInstance } from './held-instances.ts';
import { proxyResources } from './proxy-resources.ts';
import { viewProxySettings } from './proxy-settings.ts';
import { viewSnapshot } from './snapshot.ts';
import { abortNow, applyFiles, getHistory, getRollout, getVersion, promoteNow, release, rollBack } from './versions.ts';
import { viewAuthority, viewPolicies, viewProxies, viewRoutes, viewServices } from './views.ts';

/** Where it listens, until it is closed. */
export interface AdminServer {
  /** The socket's path, or `host:port` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

/** Where to listen. */
export type AdminAt = { readonly path: string } | { readonly host: string; readonly port: number };

async function createToken(exchange: Exchange): Promise<object> {
  checkPrivate(exchange, 'tokens are made');
  const { request, state } = exchange;
  const body = await readBody(request);
  const subject = { namespace: nameIn(body, 'namespace'), serviceAccount: nameIn(body, 'serviceAccount') };
  return { token: state.tokens.issue(subject) };
}

function workloads({ generation, mesh }: MeshState): object {
  return { generation, workloads: mesh.workloads };
}

/** One line now, and one for each mesh whose workloads differ; who reads slowly gets the newest when he has read the last. */
function watchWorkloads({ response, state }: Exchange): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  let last = '';
  let waiting: MeshState | undefined;
  const write = (next: MeshState): void => {
    waiting = response.writableNeedDrain ? next : undefined;
    const text = waiting === undefined ? JSON.stringify(next.mesh.workloads) : last;
    if (text === last) return;
    last = text;
    response.write(`${JSON.stringify(workloads(next))}\n`);
  };
  response.on('drain', () => {
    if (waiting !== undefined) write(waiting);
  });
  write(state.pusher.state());
  response.on('close', state.pusher.onState(write));
}

/** Answers with a value, or with undefined where it wrote the response itself. */
export type Route = (exchange: Exchange) => object | undefined | Promise<object | undefined>;

const ROUTES: Readonly<Record<string, Route>> = {
  'GET /ready': ({ state }) => ({ ready: true, generation: state.pusher.state().generation }),
  'GET /version': ({ version }) => ({ version }),
  'GET /api/workloads': (exchange) => {
    if (exchange.query.get('watch') !== 'true') return workloads(exchange.state.pusher.state());
    watchWorkloads(exchange);
    return undefined;
  },
  'GET /api/proxy-settings': viewProxySettings,
  'POST /api/tokens': createToken,
  'GET /api/proxies': ({ state }) => ({ proxies: viewProxies(state) }),
  'GET /api/proxies/<name>/resources': proxyResources,
  'GET /api/instances': ({ state }) => ({ instances: state.registry.instances() }),
  'PUT /api/instances/<namespace>/<id>': putInstance,
  'DELETE /api/instances/<namespace>/<id>': deleteInstance,
  'GET /api/services': ({ state }) => ({ services: viewServices(state.pusher.state().mesh) }),
  'GET /api/routes': ({ state }) => ({ routes: viewRoutes(state.pusher.state().mesh) }),
  'GET /api/policies': ({ state }) => ({ policies: viewPolicies(state.pusher.state().mesh) }),
  'GET /api/sources': (exchange) => {
    // Secrets are among them
    checkPrivate(exchange, 'sources are read');
    return { files: Object.fromEntries(exchange.state.texts()) };
  },
  'GET /api/history': getHistory,
  'GET /api/history/<version>': getVersion,
  'GET /api/rollout': getRollout,
  'POST /api/rollout/promote': promoteNow,
  'POST /api/rollout/abort': abortNow,
  'POST /api/rollback': rollBack,
  'POST /api/release': release,
  'POST /api/apply': applyFiles,
  'GET /api/diagnostics': ({ state }) => ({ diagnostics: state.pusher.state().diagnostics }),
  'GET /api/snapshot': (exchange) => {
    checkPrivate(exchange, 'the mesh as a whole is told');
    return viewSnapshot(exchange.state);
  },
  'GET /api/ca': ({ state }) => viewAuthority(state),
  'GET /api/dashboard': ({ state }) => ({ dashboard: state.dashboard.served ?? null }),
  'GET /api/signals': viewSignals,
  'GET /api/signals/history': viewSignalHistory,
  'GET /api/flows': getFlows,
  'GET /api/flows/<id>': getFlow,
  'GET /api/prometheus/targets': viewTargets,
  'GET /metrics/<name>': relayMetrics,
  'GET /metrics': ({ response, state }) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(state.metrics.text());
    return undefined;
  },
};

function reply(response: http.ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}

/** The paths with names in them, as `ROUTES` has them. */
const TEMPLATES = [
  [/^\/api\/instances\/[^/]+\/[^/]+$/, '/api/instances/<namespace>/<id>'],
  [/^\/api\/proxies\/[^/]+\/resources$/, '/api/proxies/<name>/resources'],
  [/^\/metrics\/[^/]+$/, '/metrics/<name>'],
  [/^\/api\/history\/\d+$/, '/api/history/<version>'],
  [/^\/api\/flows\/[^/]+$/, '/api/flows/<id>'],
] as const;

function templateOf(pathname: string): string {
  return TEMPLATES.find(([pattern]) => pattern.test(pathname))?.[1] ?? pathname;
}

/** What answers a call; undefined where there is none of that name. */
export function adminRoute(method: string, pathname: string): Route | undefined {
  return ROUTES[`${method} ${templateOf(pathname)}`];
}

async function answer(exchange: Exchange): Promise<void> {
  const { request, response, state, pathname } = exchange;
  const route = adminRoute(request.method ?? '', pathname);
  if (route === undefined) {
    reply(response, 404, { error: `there is no ${request.method} ${pathname}; there are ${Object.keys(ROUTES).join(', ')}` });
    return;
  }
  try {
    const value = await route(exchange);
    if (value !== undefined) reply(response, 200, value);
  } catch (error) {
    if (!(error instanceof ProtocolError)) state.log.error('an admin call failed', { path: pathname, error: messageOf(error) });
    // an answer that is under way can only be broken off
    if (response.headersSent) response.destroy();
    else reply(response, error instanceof ProtocolError ? error.status : 500, { error: messageOf(error) });
  }
}

/** Serves the admin API at `at` until closed. */
export async function serveAdmin(at: AdminAt, state: ControlState, version: string): Promise<AdminServer> {
  const isPrivate = 'path' in at;
  const server = http.createServer((request, response) => {
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    const reason = isPrivate ? undefined : foreignReason(request);
    if (url === null) reply(response, 400, { error: 'the path cannot be read' });
    else if (reason !== undefined) reply(response, 403, { error: reason });
    else void answer({ request, response, pathname: url.pathname, query: url.searchParams, state, version, isPrivate });
  });
  if (isPrivate) {
    await mkdir(path.dirname(at.path), { recursive: true, mode: 0o700 });
    await rm(at.path, { force: true });
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(isPrivate ? { path: at.path } : { host: at.host, port: at.port }, resolve);
  await promise;
  if (isPrivate) await chmod(at.path, 0o600);
  const bound = server.address();
  return {
    address: bound !== null && typeof bound === 'object' ? `${bound.address}:${bound.port}` : String(bound),
    async close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
      if (isPrivate) await rm(at.path, { force: true });
    },
  };
}
