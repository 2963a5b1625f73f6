/** Listeners whose connections begin with a PROXY protocol header. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import tls from 'node:tls';
import type { JsonObject } from '@bufbuild/protobuf';
import { until } from '../../core/testing/eventually.ts';
import { ConfigError } from '../../core/errors.ts';
import { createTestCa } from '../../net/testing/certificates.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { DownstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { OriginalDstSchema } from '../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { ProxyProtocolSchema } from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { TlsInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
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
} from './testing/proxy-pieces.ts';

let proxy: TestProxy;
let echo: TestServer;

beforeEach(async () => {
  proxy = createTestProxy();
  echo = await echoServer();
  proxy.tcpCluster('app', [echo.port]);
});

afterEach(async () => {
  await proxy.close();
  echo.close();
});

const HEADER = 'PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n';
const FORMAT = '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%';
const SEEN = '192.0.2.1:56324 198.51.100.7:443 127.0.0.1';

function logged(format = FORMAT): JsonObject {
  const file = typed(FileAccessLogSchema, { path: '/x', logFormat: { textFormatSource: { inlineString: format } } });
  return { accessLog: [{ name: 'file', typedConfig: file }] };
}

const proxied = (config: JsonObject = {}, more: JsonObject = {}): JsonObject => ({
  name: 'envoy.filters.listener.proxy_protocol',
  typedConfig: typed(ProxyProtocolSchema, config),
  ...more,
});
const TLS_INSPECTOR: JsonObject = { name: 'tls', typedConfig: typed(TlsInspectorSchema) };
const HTTP_INSPECTOR: JsonObject = { name: 'http', typedConfig: typed(HttpInspectorSchema) };
const ORIGINAL_DST: JsonObject = { name: 'dst', typedConfig: typed(OriginalDstSchema) };

/** The port of a listener with these filters, which logs its connections. */
async function start(
  listenerFilters: JsonObject[],
  changes: JsonObject = {},
  scope: Parameters<TestProxy['listener']>[1] = {},
): Promise<number> {
  const listener = proxy.listener({ listenerFilters, filterChains: [tcpChain('app')], ...logged(), ...changes }, scope);
  await listener.start();
  return portOf(listener);
}

/** The lines of the log, once there are that many. */
async function lines(count: number): Promise<readonly string[]> {
  await until(() => proxy.log.length >= count);
  return proxy.log.map((line) => line.trimEnd());
}

test('the header names the ends of the connection, and the bytes after it go on', async () => {
  const port = await start([proxied()]);
  assert.equal(await exchange(port, `${HEADER}hello\r\n`), 'hello\r\n');
  assert.equal(await exchange(port, HEADER), '');
  assert.deepEqual(await lines(2), [SEEN, SEEN]);
});

test('a header comes a byte at a time, and HTTP is found after it', async () => {
  proxy.tcpCluster('closed', [1]);
  const filterChains = [tcpChain('app', { filterChainMatch: { applicationProtocols: ['http/1.1'] } }), tcpChain('closed')];
  const port = await start([proxied(), TLS_INSPECTOR, HTTP_INSPECTOR], { filterChains });
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const text = 'GET /slow HTTP/1.1\r\n\r\n';
  for (const character of HEADER + text) {
    socket.write(character);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  assert.equal(await readAll(socket), text);
  assert.deepEqual(await lines(1), [SEEN]);
});

for (const filters of [[], [TLS_INSPECTOR]]) {
  test(`TLS begins after the header, with ${filters.length} inspectors`, async () => {
    const ca = createTestCa('mesh');
    proxy.secrets.keyPair('server').set(ca.issue('DNS:in.test'));
    const commonTlsContext = { tlsCertificateSdsSecretConfigs: [{ name: 'server', sdsConfig: { ads: {} } }] };
    const transportSocket = { name: 'tls', typedConfig: typed(DownstreamTlsContextSchema, { commonTlsContext }) };
    const match = filters.length === 0 ? {} : { filterChainMatch: { serverNames: ['in.test'] } };
    const port = await start([proxied(), ...filters], { filterChains: [tcpChain('app', { transportSocket, ...match })] });
    const raw = net.connect(port, '127.0.0.1');
    raw.write(HEADER);
    const socket = tls.connect({ socket: raw, servername: 'in.test', ca: ca.root });
    socket.end('secret');
    assert.equal(await readAll(socket), 'secret');
    assert.deepEqual(await lines(1), [SEEN]);
    raw.destroy();
  });
}

test('without a header the client is closed, logged and counted', async () => {
  const port = await start([proxied({ statPrefix: 'lb' })]);
  assert.equal(await exchange(port, 'GET / HTTP/1.1\r\n\r\n'), '');
  const [line = ''] = await lines(1);
  assert.match(line, /^127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+ 127\.0\.0\.1$/);
  assert.equal(proxy.stat('proxy_proto.lb.not_found_disallowed'), 1);
  assert.equal(proxy.stat('listener.127.0.0.1_0.downstream_cx_total'), 0);
});

test('fields of the header are metadata of the connection', async () => {
  const rules = [{ tlvType: 2, onTlvPresent: { key: 'host' } }];
  const port = await start([proxied({ rules })], logged('%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:host)%'));
  const header = Buffer.from('0d0a0d0a000d0a515549540a21110010c0000201c63364070001000202000161', 'hex');
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(Buffer.concat([header, Buffer.from('x')]));
  assert.equal(await readAll(socket), 'x');
  assert.deepEqual(await lines(1), ['a']);
});

test('the longest header is taken, and much behind it goes on', async () => {
  const port = await start([proxied()]);
  const padding = 0xffff - 12 - 3;
  const head = Buffer.from('0d0a0d0a000d0a515549540a2111ffffc0000201c63364070001000204', 'hex');
  const length = Buffer.of(padding >> 8, padding & 0xff);
  const text = 'x'.repeat(300_000);
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(Buffer.concat([head, length, Buffer.alloc(padding), Buffer.from(text)]));
  assert.equal(await readAll(socket), text);
  assert.deepEqual(await lines(1), ['192.0.2.1:1 198.51.100.7:2 127.0.0.1']);
});

test('a header that does not end is waited for no longer than the timeout', async () => {
  const port = await start([proxied()], { listenerFiltersTimeout: '0.05s' });
  const socket = net.connect(port, '127.0.0.1');
  socket.write('PROXY TCP4 ');
  assert.equal(await readAll(socket), '');
  assert.equal(proxy.stat('listener.127.0.0.1_0.downstream_pre_cx_timeout'), 1);
});

test('where the timeout lets connections go on, half a header is their first bytes', async () => {
  const port = await start([proxied()], { listenerFiltersTimeout: '0.05s', continueOnListenerFiltersTimeout: true });
  const socket = net.connect(port, '127.0.0.1');
  socket.write('PROXY TCP4 ');
  let text = '';
  socket.on('data', (data) => (text += String(data)));
  await until(() => text === 'PROXY TCP4 ');
  socket.destroy();
});

test('the filter can be turned off for ports', async () => {
  const filterDisabled = { destinationPortRange: { start: 1, end: 65536 } };
  assert.equal(await exchange(await start([proxied({}, { filterDisabled })]), HEADER), HEADER);
});

const RESTORED = { host: '203.0.113.5', port: 80 };
const ORDERS: readonly [name: string, filters: JsonObject[], want: string][] = [
  ['after original_dst the header says where the client wanted to go', [ORIGINAL_DST, proxied()], '198.51.100.7:443'],
  ['original_dst after the header says where the client wanted to go', [proxied(), ORIGINAL_DST], '203.0.113.5:80'],
];

for (const [name, filters, want] of ORDERS) {
  test(name, async () => {
    const port = await start(filters, logged('%DOWNSTREAM_LOCAL_ADDRESS%'), { restoreDestination: () => RESTORED });
    assert.equal(await exchange(port, `${HEADER}x`), 'x');
    assert.deepEqual(await lines(1), [want]);
  });
}

test('the destination of the header chooses the listener', async () => {
  const address = { socketAddress: { address: '198.51.100.7', portValue: 443 } };
  const other = proxy.listener({ name: 'other', address, bindToPort: false, filterChains: [tcpChain('app')], ...logged() });
  proxy.directory.add(other);
  const port = await start([proxied()], { useOriginalDst: true, filterChains: [tcpChain('nothing')], accessLog: [] });
  assert.equal(await exchange(port, `${HEADER}x`), 'x');
  assert.deepEqual(await lines(1), [SEEN]);
});

const REFUSED: readonly [name: string, filters: JsonObject[], path: string][] = [
  ['an inspector before the header', [TLS_INSPECTOR, proxied()], 'listener.listener_filters[1]'],
  [
    'types of fields that are none',
    [proxied({ passThroughTlvs: { matchType: 'INCLUDE', tlvType: [256] } })],
    'listener.listener_filters[0].typed_config.pass_through_tlvs.tlv_type[0]',
  ],
  ['fields as filter state', [proxied({ tlvLocation: 'FILTER_STATE' })], 'listener.listener_filters[0].typed_config.tlv_location'],
  ['two headers', [proxied(), proxied()], 'listener.listener_filters[1]'],
];

for (const [name, listenerFilters, path] of REFUSED) {
  test(`buildListener() refuses ${name}`, () => {
    assert.throws(
      () => proxy.listener({ listenerFilters, filterChains: [tcpChain('app')] }),
      (error) => error instanceof ConfigError && error.path === path,
    );
  });
}
