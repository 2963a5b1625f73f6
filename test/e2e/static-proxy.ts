/** A `tulle proxy` with a static bootstrap, as a process of its own, and the parts of such a bootstrap. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { portOf } from '../../src/net/testing/port-of.ts';
import { eventually } from '../../src/core/testing/eventually.ts';
import { ask } from '../../src/cli/demo/client.ts';
import { root } from './harness.ts';

/** A message with its type, as bootstraps write it. */
export function typed(type: string, config: JsonObject): JsonObject {
  return { '@type': `type.googleapis.com/${type}`, ...config };
}

/** An address of loopback, as bootstraps write it. */
export const loopback = (port: number): JsonObject => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** A cluster of one host on loopback, of several where there are several ports. */
export function cluster(name: string, port: number | readonly number[], more: JsonObject = {}): JsonObject {
  const hosts = [port].flat().map((each) => ({ endpoint: { address: loopback(each) } }));
  const load_assignment = { cluster_name: name, endpoints: [{ lb_endpoints: hosts }] };
  return { name, type: 'STATIC', connect_timeout: '5s', load_assignment, ...more };
}

/** What a cluster says of HTTP: `http2_protocol_options`, `http_protocol_options` or `auto_config`'s, with `common`. */
export function httpOptions(explicit: JsonObject, common: JsonObject = {}): JsonObject {
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const options = typed(name, { explicit_http_config: explicit, common_http_protocol_options: common });
  return { typed_extension_protocol_options: { [name]: options } };
}

/** TLS of a listener's chain, or of a cluster: `side` names whose context it is. */
export function tlsSocket(side: 'Upstream' | 'Downstream', common: JsonObject, more: JsonObject = {}): JsonObject {
  const context = typed(`envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`, { common_tls_context: common, ...more });
  return { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context } };
}

/** A listener on a port of loopback that the kernel chooses, whose only chain leads to `to` as TCP. */
export function tcpListener(
  name: string,
  to: string,
  more: { readonly chain?: JsonObject; readonly listener?: JsonObject; readonly tcp?: JsonObject } = {},
): JsonObject {
  const config = typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: name, cluster: to, ...more.tcp });
  const filters = [{ name: 'envoy.filters.network.tcp_proxy', typed_config: config }];
  return { name, address: loopback(0), filter_chains: [{ filters, ...more.chain }], ...more.listener };
}

/** The same as HTTP. `routes` come before the one to `to`; `manager` is more of the connection manager, its `rds` in place of routes. */
export function httpListener(
  name: string,
  to: string,
  more: {
    readonly manager?: JsonObject;
    readonly routes?: readonly JsonObject[];
    readonly chain?: JsonObject;
    readonly listener?: JsonObject;
  } = {},
): JsonObject {
  const router = { name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}) };
  const routes = [...(more.routes ?? []), { match: { prefix: '/' }, route: { cluster: to, timeout: '0s' } }];
  const config = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: name,
    http_filters: [router],
    ...(more.manager?.['rds'] === undefined && { route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] } }),
    ...more.manager,
  });
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: config }];
  return { name, address: loopback(0), filter_chains: [{ filters, ...more.chain }], ...more.listener };
}

/** Whose end things go with: a test's context, or `wholeFile()`. */
export interface Lifetime {
  after(end: () => void | Promise<void>): void;
}

/** The lifetime of all tests of a file; to be called outside of them. */
export function wholeFile(): Lifetime {
  const ends: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const end of ends.toReversed()) await end();
  });
  return { after: (end) => void ends.push(end) };
}

/** Has a server listen on a port of loopback, which it returns, until `t` ends. */
export async function serve(t: Lifetime, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    if (server instanceof http.Server) server.closeAllConnections();
    server.close();
  });
  return portOf(server);
}

/** Gives every client back what it says. */
export const echoServer = (): net.Server => net.createServer((socket) => socket.on('error', () => {}).pipe(socket));

export interface StaticProxy {
  readonly pid: number;
  readonly folder: string;
  /** The port of a listener. */
  port(listener: string): Promise<number>;
  /** The value of a counter or gauge; 0 where there is none. */
  stat(name: RegExp): Promise<number>;
  /** Waits until a counter or gauge has a value. */
  untilStat(name: RegExp, value: number): Promise<void>;
  /** Ends it by a signal; its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a proxy; it ends with the test, or as `t.after` says. `folder` is for its files, and goes too. */
export async function startStaticProxy(
  t: Lifetime,
  resources: (folder: string) => { readonly listeners: readonly JsonObject[]; readonly clusters: readonly JsonObject[] },
  {
    drainTimeS = 0,
    program = path.join(root, 'bin/tulle'),
    env = {},
    more = {},
  }: {
    readonly drainTimeS?: number;
    readonly program?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** More of the bootstrap. */
    readonly more?: JsonObject;
  } = {},
): Promise<StaticProxy> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-static-'));
  const socketPath = path.join(folder, 'admin.sock');
  const admins = { address: { pipe: { path: socketPath } } };
  const bootstrap = { node: { id: 'static' }, admin: admins, static_resources: resources(folder), ...more };
  const file = path.join(folder, 'bootstrap.json');
  writeFileSync(file, JSON.stringify(bootstrap));
  const child = spawn(program, ['proxy', '-c', file, '--drain-time-s', String(drainTimeS)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, TULLE_NODE: process.execPath, ...env },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });
  const admin = async (call: string): Promise<string> => (await ask({ socketPath }, call)).text;
  await eventually(
    async () => (await admin('/ready')).startsWith('LIVE'),
    () => `the proxy is live\n${log}`,
  );
  const stat = async (name: RegExp): Promise<number> => {
    const line = (await admin('/stats')).split('\n').find((each) => name.test(each));
    return Number(/: (\d+)$/.exec(line ?? '')?.[1] ?? 0);
  };
  return {
    pid: child.pid ?? 0,
    folder,
    async port(listener) {
      const found = new RegExp(`^${listener}::.*:(\\d+)$`, 'm').exec(await admin('/listeners'))?.[1];
      if (found === undefined) throw new Error(`there is no listener ${listener}\n${log}`);
      return Number(found);
    },
    stat,
    async untilStat(name, value) {
      let last = NaN;
      const check = async (): Promise<boolean> => (last = await stat(name)) === value;
      await eventually(check, () => `${name} is ${value}: it is ${last}\n${log}`);
    },
    async end(signal) {
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
      return child.exitCode;
    },
  };
}

/** Resident memory of a process, in bytes. Linux. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}
