/** A real Envoy under our control plane, for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export interface EnvoyOptions {
  readonly binary: string;
  readonly xdsSocket: string;
  readonly variant: 'delta' | 'sotw';
  readonly token: string;
  /** The node's id and metadata. */
  readonly node: { readonly id: string; readonly metadata: object };
  /** Further fields of the bootstrap. */
  readonly more?: object;
}

export interface Envoy {
  /** What it wrote to stderr so far. */
  readonly output: () => string;
  /** Body of a GET on its admin interface. */
  admin(url: string): Promise<string>;
  stop(): Promise<void>;
}

/** Below the ports that the kernel gives out, and above Istio's. */
const FREE_PORTS = { first: 16_000, count: 16_000 } as const;

/**
 * A port of the loopback interface that nobody uses now, for a program that cannot choose one. The kernel gives it to
 * nobody else until that program has it, which on a busy machine takes a while.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FREE_PORTS.first + Math.floor(Math.random() * FREE_PORTS.count);
    const server = net.createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Status and body of a GET, through `port` of the loopback interface. */
export function get(port: number, url: string, headers: http.OutgoingHttpHeaders = {}): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const request = http.get({ host: '127.0.0.1', port, path: url, headers, agent: false }, (response) => {
    let body = '';
    response.on('data', (chunk: Buffer) => (body += chunk.toString()));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
  });
  request.on('error', reject);
  return promise;
}

function bootstrap(options: EnvoyOptions, adminPort: number): object {
  const { node, variant, token, xdsSocket, more } = options;
  const grpc = {
    envoy_grpc: { cluster_name: 'xds-grpc' },
    initial_metadata: [{ key: 'authorization', value: `Bearer ${token}` }],
  };
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  };
  return {
    ...more,
    node: { ...node, cluster: 'test' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
    dynamic_resources: {
      ads_config: { api_type: variant === 'delta' ? 'DELTA_GRPC' : 'GRPC', transport_api_version: 'V3', grpc_services: [grpc] },
      cds_config: { ads: {}, resource_api_version: 'V3' },
      lds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds-grpc',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
          load_assignment: {
            cluster_name: 'xds-grpc',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: xdsSocket } } } }] }],
          },
        },
      ],
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Starts Envoy; it connects by itself. */
export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  if (!existsSync(options.binary)) throw new Error(`no Envoy at ${options.binary}`);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-envoy-'));
  const adminPort = await freePort();
  const file = path.join(folder, 'bootstrap.json');
  const log = path.join(folder, 'log');
  await writeFile(file, JSON.stringify(bootstrap(options, adminPort)));
  const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'info', '--log-path', log];
  const child = spawn(options.binary, ['-c', file, ...flags], { stdio: 'ignore' });
  return {
    output: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(-30).join('\n') : ''),
    admin: async (url) => (await get(adminPort, url)).body,
    async stop() {
      await stop(child);
      await rm(folder, { recursive: true });
    },
  };
}
