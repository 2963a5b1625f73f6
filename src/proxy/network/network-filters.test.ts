/** The network filters before a TCP proxy, and those in its place. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { until } from '../../core/testing/eventually.ts';
import { ConfigError } from '../../core/errors.ts';
import {
  createTestProxy,
  echoServer,
  exchange,
  portOf,
  readAll,
  tcpChain,
  type TestProxy,
  type TestServer,
  typed,
} from '../listener/testing/proxy-pieces.ts';
import { networkFilters } from './index.ts';
import { ConnectionLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { ConfigSchema as DirectResponseSchema } from '../../xds/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.ts';
import { EchoSchema } from '../../xds/gen/envoy/extensions/filters/network/echo/v3/echo_pb.ts';
import { LocalRateLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { ConfigSchema as FilterStateSchema } from '../../xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { SniClusterSchema } from '../../xds/gen/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.ts';
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';

let proxy: TestProxy;
const servers: TestServer[] = [];

beforeEach(async () => {
  proxy = createTestProxy();
  const server = await echoServer();
  servers.push(server);
  proxy.tcpCluster('up', [server.port]);
});

afterEach(async () => {
  await proxy.close();
  for (const server of servers.splice(0)) server.close();
});

const PROXY = { name: 'tcp', typedConfig: typed(TcpProxySchema, { statPrefix: 'test', cluster: 'up' }) };

async function listen(...filters: JsonObject[]): Promise<number> {
  const listener = proxy.listener({ filterChains: [{ filters }] }, { filters: networkFilters });
  await listener.start();
  return portOf(listener);
}

const filter = (schema: { readonly typeName: string }, config: JsonObject = {}): JsonObject => ({
  name: schema.typeName,
  typedConfig: typed(schema, config),
});
const bucket = (maxTokens: number): JsonObject => ({ maxTokens, fillInterval: '86400s' });

test('connection_limit lets so many be open, and counts the rest', async () => {
  const port = await listen(filter(ConnectionLimitSchema, { statPrefix: 'x', maxConnections: '1' }), PROXY);
  const first = net.connect(port, '127.0.0.1');
  await until(() => proxy.stat('connection_limit.x.active_connections') === 1);
  assert.equal(await exchange(port, 'hello'), '');
  assert.equal(proxy.stat('connection_limit.x.limited_connections'), 1);
  first.destroy();
  await until(() => proxy.stat('connection_limit.x.active_connections') === 0);
  assert.equal(await exchange(port, 'hello'), 'hello');
  // the refused one is counted by the TCP proxy too
  assert.equal(proxy.stat('tcp.test.downstream_cx_total'), 3);
});

test('connection_limit keeps a connection too many waiting, and hears nothing of it', async () => {
  const port = await listen(filter(ConnectionLimitSchema, { statPrefix: 'x', maxConnections: '1', delay: '0.02s' }), PROXY);
  const first = net.connect(port, '127.0.0.1');
  await until(() => proxy.stat('connection_limit.x.active_connections') === 1);
  assert.equal(await readAll(net.connect(port, '127.0.0.1')), '');
  first.destroy();
});

test('local_ratelimit lets so many pass; filters of one share_key have one bucket', async () => {
  const limit = filter(LocalRateLimitSchema, { statPrefix: 'x', tokenBucket: bucket(2), shareKey: 'together' });
  const [a, b] = [await listen(limit, PROXY), await listen(limit, PROXY)];
  assert.equal(await exchange(a, '1'), '1');
  assert.equal(await exchange(b, '2'), '2');
  assert.equal(await exchange(a, '3'), '');
  assert.equal(proxy.stat('local_rate_limit.x.rate_limited'), 1);
});

test('echo gives back, and direct_response answers and closes', async () => {
  assert.equal(await exchange(await listen(filter(EchoSchema)), 'hello'), 'hello');
  const port = await listen(filter(DirectResponseSchema, { response: { inlineString: 'no' } }));
  assert.equal(await readAll(net.connect(port, '127.0.0.1')), 'no');
});

test('set_filter_state names the cluster of a TCP proxy, and its idle time', async () => {
  const other = await echoServer();
  servers.push(other);
  proxy.tcpCluster('other', [other.port]);
  const value = (objectKey: string, inlineString: string): JsonObject => ({
    objectKey,
    formatString: { textFormatSource: { inlineString } },
  });
  const values = [value('envoy.tcp_proxy.cluster', 'other'), value('envoy.tcp_proxy.per_connection_idle_timeout_ms', '20')];
  const port = await listen(filter(FilterStateSchema, { onNewConnection: values }), PROXY);
  assert.equal(await readAll(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })), '');
  assert.equal(proxy.stat('tcp.test.idle_timeout'), 1);
  assert.equal(proxy.stat('cluster.other.upstream_cx_total'), 1);
});

test('sni_cluster leaves a connection without a server name to the cluster that is configured', async () => {
  assert.equal(await exchange(await listen(filter(SniClusterSchema), PROXY), 'hello'), 'hello');
});

const REFUSED: readonly [name: string, filter: JsonObject, path: RegExp][] = [
  ['a limit without a number', filter(ConnectionLimitSchema, { statPrefix: 'x' }), /max_connections$/],
  ['a limit of none', filter(ConnectionLimitSchema, { statPrefix: 'x', maxConnections: '0' }), /max_connections$/],
  ['a limit without a name', filter(ConnectionLimitSchema, { maxConnections: '1' }), /stat_prefix$/],
  ['a rate without a bucket', filter(LocalRateLimitSchema, { statPrefix: 'x' }), /token_bucket$/],
  ['filter state at the first bytes', filter(FilterStateSchema, { onDownstreamData: [{}] }), /on_downstream_data$/],
  [
    'filter state of an unknown kind',
    filter(FilterStateSchema, { onNewConnection: [{ objectKey: 'a', factoryKey: 'b' }] }),
    /factory_key$/,
  ],
];
for (const [name, config, path] of REFUSED)
  test(`refused: ${name}`, () => {
    assert.throws(
      () => proxy.listener({ filterChains: [{ filters: [config, PROXY] }] }, { filters: networkFilters }),
      (error) => error instanceof ConfigError && path.test(error.path),
    );
  });

const TCP_REFUSED: readonly [name: string, config: JsonObject, path: RegExp][] = [
  ['no weight', { weightedClusters: { clusters: [{ name: 'a' }] } }, /clusters\[0\]\.weight$/],
  ['two ways to say when to log', { cluster: 'a', accessLogOptions: {}, flushAccessLogOnConnected: true }, /access_log_options$/],
  ['a back-off without a base', { cluster: 'a', backoffOptions: {} }, /base_interval$/],
  ['a back-off that shrinks', { cluster: 'a', backoffOptions: { baseInterval: '1s', maxInterval: '0.5s' } }, /max_interval$/],
  ['waiting for data without room for it', { cluster: 'a', upstreamConnectMode: 'ON_DOWNSTREAM_DATA' }, /max_early_data_bytes$/],
  [
    'a field with two values',
    { cluster: 'a', proxyProtocolTlvs: [{ type: 1, value: 'eA==', formatString: {} }] },
    /proxy_protocol_tlvs\[0\]$/,
  ],
  [
    'a field of a type that is none',
    { cluster: 'a', proxyProtocolTlvs: [{ type: 256, value: 'eA==' }] },
    /proxy_protocol_tlvs\[0\]\.type$/,
  ],
  ['two hash policies', { cluster: 'a', hashPolicy: [{ sourceIp: {} }, { sourceIp: {} }] }, /hash_policy$/],
  ['no time at all', { cluster: 'a', maxDownstreamConnectionDuration: '0s' }, /max_downstream_connection_duration$/],
];
for (const [name, config, path] of TCP_REFUSED)
  test(`a TCP proxy is refused: ${name}`, () => {
    assert.throws(
      () => proxy.listener({ filterChains: [tcpChain(undefined, {}, config)] }),
      (error) => error instanceof ConfigError && path.test(error.path),
    );
  });

test('early data is kept for the upstream up to its limit, and its end too', async () => {
  const listener = proxy.listener({
    filterChains: [tcpChain('up', {}, { upstreamConnectMode: 'ON_DOWNSTREAM_DATA', maxEarlyDataBytes: 4 })],
  });
  await listener.start();
  assert.equal(await exchange(portOf(listener), 'more than four bytes'), 'more than four bytes');
  assert.equal(proxy.stat('tcp.test.early_data_received_count_total') >= 1, true);
});
