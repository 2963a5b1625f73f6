/**
 * What TCP costs between two proxies by mTLS: CPU of both per connection and per MiB. Tulle's are joined by tunnels
 * (HBONE) and by a handshake for each connection, Envoy's by the latter, as Istio has them.
 * `node bench/hbone-figures.ts [seconds] [rounds] [--only tunnels|handshakes|envoy] [--phase connections|bulk] [--prof]`
 */
import { type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findEnvoy } from '../test/interop/envoy-binary.ts';
import { certificates } from './certificates.ts';
import { root } from './layout.ts';
import { fetchBulk, saturate } from './load.ts';
import { startOrigins } from './origin.ts';
import { accepting, start, stop, usage } from './processes.ts';
import { sidecarBootstrap } from './sidecar-config.ts';

const PORT = 20_980;
const CONNECTIONS = 32;
const CLOSING = [
  ['Host', 'reviews'],
  ['Connection', 'close'],
] as const;

const args = process.argv.slice(2);
const [seconds = 3, rounds = 2] = args.filter((arg) => /^\d+$/.test(arg)).map(Number);
const option = (name: string): string | undefined => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const phase = option('--phase');
const only = option('--only');

const folder = mkdtempSync(path.join(tmpdir(), 'tulle-hbone-'));
const log = openSync(path.join(folder, 'log'), 'w');
const TYPE = 'type.googleapis.com/envoy';
const DST = 'envoy.filters.listener.original_dst';

const any = (type: string, fields: object = {}): object => ({ '@type': `${TYPE}.${type}`, ...fields });
const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const inside = (listener: string): object => ({ envoy_internal_address: { server_listener_name: listener, endpoint_id: 'x' } });

function tls(side: 'Upstream' | 'Downstream'): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: any(`extensions.transport_sockets.tls.v3.${side}TlsContext`, {
      common_tls_context: {
        alpn_protocols: ['h2'],
        tls_certificates: [{ certificate_chain: { filename: `${folder}/cert.pem` }, private_key: { filename: `${folder}/key.pem` } }],
        validation_context: { trusted_ca: { filename: `${folder}/ca.pem` } },
      },
      ...(side === 'Downstream' ? { require_client_certificate: true } : {}),
    }),
  };
}

const cluster = (name: string, endpoint: object, fields: object = {}): object => ({
  name,
  type: 'STATIC',
  connect_timeout: '5s',
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
  circuit_breakers: { thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }] },
  ...fields,
});

const tcp = (target: string, fields: object = {}): object => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: any('extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: target, cluster: target, ...fields }),
});

const internalSocket = (names: readonly string[]): object => ({
  transport_socket: {
    name: 'envoy.transport_sockets.internal_upstream',
    typed_config: any('extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport', {
      passthrough_metadata: names.map((name) => ({ kind: { host: {} }, name })),
      transport_socket: { name: 'raw', typed_config: any('extensions.transport_sockets.raw_buffer.v3.RawBuffer') },
    }),
  },
});

const originalDst = { name: DST, typed_config: any('extensions.filters.listener.original_dst.v3.OriginalDst') };

function bootstrap(name: string, listeners: readonly object[], clusters: readonly object[]): string {
  const file = path.join(folder, `${name}.json`);
  writeFileSync(
    file,
    JSON.stringify({
      node: { id: name, cluster: 'bench' },
      bootstrap_extensions: [
        { name: 'envoy.bootstrap.internal_listener', typed_config: any('extensions.bootstrap.internal_listener.v3.InternalListener') },
      ],
      static_resources: { listeners, clusters },
    }),
  );
  return file;
}

/** The client's proxy: as our control plane has it, `outbound` to the internal listener that asks for tunnels. */
function tunnelClient(): string {
  const endpoint = {
    endpoint: { address: inside('connect_originate') },
    metadata: { filter_metadata: { [DST]: { local: '127.0.0.1:7000', waypoint: `127.0.0.1:${PORT + 1}` } } },
  };
  const http2 = any('extensions.upstreams.http.v3.HttpProtocolOptions', { explicit_http_config: { http2_protocol_options: {} } });
  return bootstrap(
    'client',
    [
      { name: 'in', address: address(PORT), filter_chains: [{ filters: [tcp('outbound')] }] },
      {
        name: 'connect_originate',
        internal_listener: {},
        listener_filters: [originalDst],
        filter_chains: [{ filters: [tcp('connect_originate', { tunneling_config: { hostname: '%DOWNSTREAM_LOCAL_ADDRESS%' } })] }],
      },
    ],
    [
      cluster('outbound', endpoint, internalSocket([DST])),
      {
        ...cluster('connect_originate', {}),
        type: 'ORIGINAL_DST',
        lb_policy: 'CLUSTER_PROVIDED',
        load_assignment: undefined,
        original_dst_lb_config: { metadata_key: { key: DST, path: [{ key: 'waypoint' }] } },
        transport_socket: tls('Upstream'),
        typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
      },
    ],
  );
}

/** The server's: tunnels end, and go on to the application. */
function tunnelServer(upstream: number): string {
  const state = (key: string, text: string, factory: string): object => ({
    object_key: key,
    factory_key: factory,
    format_string: { text_format_source: { inline_string: text } },
    shared_with_upstream: 'ONCE',
  });
  const manager = any('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'terminate',
    http2_protocol_options: { allow_connect: true },
    upgrade_configs: [{ upgrade_type: 'CONNECT' }],
    http_filters: [
      {
        name: 'connect_authority',
        typed_config: any('extensions.filters.http.set_filter_state.v3.Config', {
          on_request_headers: [
            state(`${DST}.local_ip`, '%REQ(:AUTHORITY)%', ''),
            state('io.istio.peer_principal', '%DOWNSTREAM_PEER_URI_SAN%', 'envoy.string'),
          ],
        }),
      },
      { name: 'envoy.filters.http.router', typed_config: any('extensions.filters.http.router.v3.Router') },
    ],
    route_config: {
      name: 'r',
      virtual_hosts: [
        {
          name: 'v',
          domains: ['*'],
          routes: [
            {
              match: { connect_matcher: {} },
              route: { cluster: 'main_internal', timeout: '0s', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
            },
          ],
        },
      ],
    },
  });
  return bootstrap(
    'server',
    [
      {
        name: 'connect_terminate',
        address: address(PORT + 1),
        filter_chains: [
          {
            filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
            transport_socket: tls('Downstream'),
          },
        ],
      },
      {
        name: 'main_internal',
        internal_listener: {},
        listener_filters: [originalDst],
        filter_chains: [{ filter_chain_match: { destination_port: 7000 }, filters: [tcp('app')] }],
      },
    ],
    [
      cluster('main_internal', { endpoint: { address: inside('main_internal') } }, internalSocket([])),
      cluster('app', { endpoint: { address: address(upstream) } }),
    ],
  );
}

function handshakePair(upstream: number, isTulle: boolean): readonly string[] {
  const side = (name: string, options: Parameters<typeof sidecarBootstrap>[0]): string => {
    const file = path.join(folder, `${name}.yaml`);
    writeFileSync(file, sidecarBootstrap(options));
    return file;
  };
  const alpn = ['istio'];
  return [
    side('out', { listen: PORT, upstream: PORT + 1, admin: PORT + 2, kind: 'tcp', isTulle, tls: { side: 'upstream', alpn, folder } }),
    side('in', { listen: PORT + 1, upstream, admin: PORT + 3, kind: 'tcp', isTulle, tls: { side: 'downstream', alpn, folder } }),
  ];
}

function startProxy(file: string, isTulle: boolean): ChildProcess {
  if (!isTulle)
    return start(findEnvoy() ?? 'envoy', ['-c', file, '--concurrency', '1', '--log-level', 'error', '--use-dynamic-base-id'], log);
  const prof = args.includes('--prof') ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [];
  return start(process.execPath, [...prof, path.join(root, 'bin/tulle.js'), 'proxy', '-c', file, '--drain-time-s', '0'], log);
}

async function figuresOf(name: string, upstream: number): Promise<void> {
  const isTulle = name !== 'envoy';
  const files = name === 'tunnels' ? [tunnelClient(), tunnelServer(upstream)] : handshakePair(upstream, isTulle);
  const children = files.map((file) => startProxy(file, isTulle));
  try {
    for (const port of [PORT, PORT + 1]) await accepting(port);
    const cpu = (): number => usage(children).cpu * 1e6;
    const parts: string[] = [];
    if (phase === undefined || phase === 'connections') {
      await saturate(PORT, 2, CONNECTIONS, folder, { headers: CLOSING });
      const before = cpu();
      const run = await saturate(PORT, seconds, CONNECTIONS, folder, { headers: CLOSING });
      parts.push(`${((cpu() - before) / run.requests).toFixed(0)} us/connection (${run.requests} of them, ${run.errors} errors)`);
    }
    if (phase === undefined || phase === 'bulk') {
      await fetchBulk(PORT, 1);
      const before = cpu();
      const mebibytes = await fetchBulk(PORT, seconds);
      parts.push(`${((cpu() - before) / mebibytes).toFixed(0)} us/MiB (${(mebibytes / seconds).toFixed(0)} MiB/s)`);
    }
    console.log(`${name}: ${parts.join(', ')}`);
  } finally {
    for (const child of children) await stop(child);
  }
}

certificates(folder);
const origins = await startOrigins(folder, log);
try {
  for (let i = 0; i < rounds; i++) {
    for (const name of ['tunnels', 'handshakes', 'envoy']) if (only === undefined || only === name) await figuresOf(name, origins.httpPort);
    await sleep(100);
  }
} finally {
  await origins.stop();
  if (args.includes('--prof')) console.log(folder);
  else rmSync(folder, { recursive: true });
}
