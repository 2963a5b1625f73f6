/** gRPC's own interoperability client and server speak through the proxy: in clear text, over TLS, and over mTLS between two listeners. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { createTestCa, type TestKeyPair } from '../../src/net/testing/certificates.ts';
import { startStaticProxy, type StaticProxy, typed } from '../e2e/static-proxy.ts';
import { freePort } from './envoy-process.ts';
import { goPeer, goPeersMissing } from './go-peers.ts';

/** Cases of gRPC's interop specification that need no credentials of somebody else's. */
const CASES = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'custom_metadata',
] as const;

/** What each way through the proxy is named; a listener has the name. */
const WAYS = ['clear', 'secure', 'pair'] as const;

const SERVER = 'mesh.test';

const loopback = (port: number): JsonObject => ({ socket_address: { address: '127.0.0.1', port_value: port } });

function http2Cluster(name: string, port: number, rest: JsonObject = {}): JsonObject {
  const options = typed('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', { explicit_http_config: { http2_protocol_options: {} } });
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(port) } }] }] },
    typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options },
    ...rest,
  };
}

function listener(name: string, port: number, to: string, chain: JsonObject = {}): JsonObject {
  const routes = [{ match: { prefix: '/' }, route: { cluster: to, timeout: '0s' } }];
  const manager = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: name,
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}) }],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
  });
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  return { name, address: loopback(port), filter_chains: [{ filters, ...chain }] };
}

function common(pair: TestKeyPair, root: string): JsonObject {
  return {
    tls_certificates: [{ certificate_chain: { inline_string: pair.certificateChain }, private_key: { inline_string: pair.privateKey } }],
    validation_context: { trusted_ca: { inline_string: root } },
    alpn_protocols: ['h2'],
  };
}

function socket(type: string, fields: JsonObject): JsonObject {
  const context = typed(`envoy.extensions.transport_sockets.tls.v3.${type}`, fields);
  return { transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context } };
}

/** Listeners: `clear` and `secure` lead to the server, `pair` to `in`, which takes nothing but mTLS and leads to the server. */
async function startProxy(t: TestContext, server: number): Promise<StaticProxy> {
  const ca = createTestCa('interop');
  const pair = ca.issue(`DNS:${SERVER},URI:spiffe://mesh.test/ns/test/sa/grpc`);
  const inbound = await freePort();
  const commonTls = common(pair, ca.root);
  return startStaticProxy(t, (folder) => {
    writeFileSync(path.join(folder, 'root.pem'), ca.root);
    return {
      listeners: [
        listener('clear', 0, 'server'),
        listener('secure', 0, 'server', socket('DownstreamTlsContext', { common_tls_context: commonTls })),
        listener('pair', 0, 'in'),
        listener(
          'in',
          inbound,
          'server',
          socket('DownstreamTlsContext', { common_tls_context: commonTls, require_client_certificate: true }),
        ),
      ],
      clusters: [
        http2Cluster('server', server),
        http2Cluster('in', inbound, socket('UpstreamTlsContext', { common_tls_context: commonTls, sni: SERVER })),
      ],
    };
  });
}

interface Result {
  readonly error: Error | null;
  readonly output: string;
}

function runClient(args: readonly string[]): Promise<Result> {
  const { promise, resolve } = Promise.withResolvers<Result>();
  execFile(goPeer('grpcClient'), args, { timeout: 30_000 }, (error, stdout, stderr) => resolve({ error, output: stdout + stderr }));
  return promise;
}

async function startServer(t: TestContext): Promise<number> {
  const server = spawn(goPeer('grpcServer'), { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => server.kill('SIGKILL'));
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  return Number(line.toString());
}

test("gRPC's interoperability tests", { skip: goPeersMissing, timeout: 180_000 }, async (t) => {
  const proxy = await startProxy(t, await startServer(t));
  const tls = ['-use_tls', '-use_test_ca', '-ca_file', path.join(proxy.folder, 'root.pem'), '-server_host_override', SERVER];
  for (const way of WAYS) {
    const port = await proxy.port(way);
    for (const name of CASES) {
      await t.test(`${way}: ${name}`, async () => {
        const args = ['-server_host', '127.0.0.1', '-server_port', String(port), '-test_case', name];
        const { error, output } = await runClient(way === 'secure' ? [...args, ...tls] : args);
        assert.equal(error, null, output);
      });
    }
  }
});
