import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { until } from '../../core/testing/eventually.ts';
import { ConfigError } from '../../core/errors.ts';
import { HttpInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { OriginalDstSchema } from '../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { TlsInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import type { NetworkFilter } from '../network/filter.ts';
import { tcpProxy } from '../network/tcp-proxy.ts';
import {
  createTestProxy,
  echoServer,
  exchange,
  LOOPBACK,
  portOf,
  readAll,
  serve,
  tcpChain,
  type TestProxy,
  type TestServer,
  typed,
} from './testing/proxy-pieces.ts';

let proxy: TestProxy;
const servers: TestServer[] = [];

beforeEach(() => {
  proxy = createTestProxy();
});

afterEach(async () => {
  await proxy.close();
  for (const server of servers.splice(0)) server.close();
});

/** A cluster whose server answers with `banner`, then everything that it gets. */
async function bannerCluster(name: string, banner: string): Promise<void> {
  const server = await serve((socket) => {
    socket.write(banner);
    socket.pipe(socket);
  });
  servers.push(server);
  proxy.tcpCluster(name, [server.port]);
}

const TLS_INSPECTOR: JsonObject = { name: 'envoy.filters.listener.tls_inspector', typedConfig: typed(TlsInspectorSchema) };
const HTTP_INSPECTOR: JsonObject = { name: 'envoy.filters.listener.http_inspector', typedConfig: typed(HttpInspectorSchema) };
const ORIGINAL_DST: JsonObject = { name: 'envoy.filters.listener.original_dst', typedConfig: typed(OriginalDstSchema) };

/** A listener that tells HTTP from the rest. */
function sniffing(changes: JsonObject = {}): JsonObject {
  return {
    listenerFilters: [TLS_INSPECTOR, HTTP_INSPECTOR],
    listenerFiltersTimeout: '0.1s',
    continueOnListenerFiltersTimeout: true,
    filterChains: [tcpChain('http', { filterChainMatch: { applicationProtocols: ['http/1.0', 'http/1.1', 'h2c'] } }), tcpChain('tcp')],
    ...changes,
  };
}

test('HTTP and other bytes are told apart, and arrive untouched', async () => {
  await bannerCluster('http', '');
  await bannerCluster('tcp', 'tcp:');
  const listener = proxy.listener(sniffing());
  await listener.start();
  assert.equal(await exchange(portOf(listener), 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'), 'GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.equal(await exchange(portOf(listener), '\x00\x01binary'), 'tcp:\x00\x01binary');
});

test('a client that speaks a byte at a time is understood', async () => {
  await bannerCluster('http', 'http:');
  await bannerCluster('tcp', 'tcp:');
  const listener = proxy.listener(sniffing({ listenerFiltersTimeout: '5s' }));
  await listener.start();
  const socket = net.connect({ port: portOf(listener), host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const text = 'GET /slow HTTP/1.1\r\n\r\n';
  for (const character of text) {
    socket.write(character);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  assert.equal(await readAll(socket), `http:${text}`);
  socket.destroy();
});

test('a server that speaks first is heard after the timeout', async () => {
  await bannerCluster('tcp', '220 ready\r\n');
  const listener = proxy.listener(sniffing());
  await listener.start();
  const socket = net.connect(portOf(listener), '127.0.0.1');
  const [greeting] = await once(socket, 'data');
  assert.equal(String(greeting), '220 ready\r\n');
  assert.equal(proxy.stat('listener.127.0.0.1_0.downstream_pre_cx_timeout'), 1);
  socket.write('EHLO me\r\n');
  const [answer] = await once(socket, 'data');
  assert.equal(String(answer), 'EHLO me\r\n');
  socket.destroy();
});

test('half a request line is handed over after the timeout', async () => {
  await bannerCluster('tcp', 'tcp:');
  const listener = proxy.listener(sniffing());
  await listener.start();
  const socket = net.connect(portOf(listener), '127.0.0.1');
  socket.write('GET /unfin');
  let text = '';
  socket.on('data', (data) => (text += String(data)));
  await until(() => text === 'tcp:GET /unfin');
  socket.destroy();
});

test('without leave to go on, the timeout closes', async () => {
  await bannerCluster('tcp', 'tcp:');
  const listener = proxy.listener(sniffing({ continueOnListenerFiltersTimeout: false }));
  await listener.start();
  assert.equal(await readAll(net.connect(portOf(listener), '127.0.0.1')), '');
});

test('a client that leaves while it is looked at leaves nothing behind', async () => {
  await bannerCluster('tcp', '');
  const listener = proxy.listener(sniffing({ listenerFiltersTimeout: '60s' }));
  await listener.start();
  assert.equal(await exchange(portOf(listener), 'GE'), '');
  assert.equal(proxy.stat('listener.127.0.0.1_0.downstream_listener_filter_remote_close'), 1);
  assert.equal(listener.activeConnections, 0);
});

test('an inspector can be turned off for a port', async () => {
  await bannerCluster('http', 'http:');
  await bannerCluster('tcp', 'tcp:');
  const filterDisabled = { notMatch: { destinationPortRange: { start: 1, end: 2 } } };
  const disabled = [TLS_INSPECTOR, { ...HTTP_INSPECTOR, filterDisabled }];
  const listener = proxy.listener(sniffing({ listenerFilters: disabled }));
  await listener.start();
  assert.equal(await exchange(portOf(listener), 'GET / HTTP/1.1\r\n\r\n'), 'tcp:GET / HTTP/1.1\r\n\r\n');
});

test('without a matching chain the client is closed and counted', async () => {
  await bannerCluster('tcp', 'tcp:');
  const listener = proxy.listener({ filterChains: [tcpChain('tcp', { filterChainMatch: { destinationPort: 1 } })] });
  await listener.start();
  assert.equal(await exchange(portOf(listener), 'x'), '');
  assert.equal(proxy.stat('listener.127.0.0.1_0.no_filter_chain_match'), 1);
});

const handOffs: readonly [destination: string, want: string][] = [
  ['10.0.0.1:80', 'exact'],
  ['10.0.0.2:80', 'any'],
  ['fd00::1:80', 'any6'],
  ['10.0.0.1:81', 'own'],
];

for (const [destination, want] of handOffs) {
  test(`a connection redirected from ${destination} goes to the listener "${want}"`, async () => {
    const listeners: [name: string, address: string, port: number][] = [
      ['exact', '10.0.0.1', 80],
      ['any', '0.0.0.0', 80],
      ['any6', '::', 80],
    ];
    for (const [name, address, portValue] of listeners) {
      await bannerCluster(name, `${name}:`);
      const virtual = proxy.listener({
        name,
        address: { socketAddress: { address, portValue } },
        bindToPort: false,
        filterChains: [tcpChain(name)],
      });
      await virtual.start();
      assert.deepEqual(virtual.boundAddresses, []);
      proxy.directory.add(virtual);
    }
    await bannerCluster('own', 'own:');
    const colon = destination.lastIndexOf(':');
    const restored = { host: destination.slice(0, colon), port: Number(destination.slice(colon + 1)) };
    const outbound = proxy.listener(
      // the listener filter need not be written
      { useOriginalDst: true, filterChains: [tcpChain('own')] },
      { restoreDestination: () => restored },
    );
    await outbound.start();
    assert.equal(await exchange(portOf(outbound), 'x'), `${want}:x`);
  });
}

test('an ORIGINAL_DST cluster connects to the restored destination, and never to the listener itself', async () => {
  const server = await echoServer();
  servers.push(server);
  proxy.cluster('passthrough', { type: 'ORIGINAL_DST', lbPolicy: 'CLUSTER_PROVIDED' });
  const config = { listenerFilters: [ORIGINAL_DST], filterChains: [tcpChain('passthrough')] };
  const listener = proxy.listener(config, { restoreDestination: () => ({ host: '127.0.0.1', port: server.port }) });
  await listener.start();
  assert.equal(await exchange(portOf(listener), 'through'), 'through');
  const direct = proxy.listener({ ...config, name: 'direct' }, { restoreDestination: () => undefined });
  await direct.start();
  assert.equal(await exchange(portOf(direct), 'loop'), '');
});

test('a port in use is an error that names the address', async () => {
  const server = await echoServer();
  servers.push(server);
  const listener = proxy.listener({
    address: { socketAddress: { address: '127.0.0.1', portValue: server.port } },
    filterChains: [tcpChain('x')],
  });
  await assert.rejects(listener.start(), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.message, `listener.address: cannot listen on 127.0.0.1:${server.port}: the address is already in use`);
    return true;
  });
});

test('when one of several addresses cannot be had, none is kept', async () => {
  const server = await echoServer();
  servers.push(server);
  const second = { address: { socketAddress: { address: '127.0.0.1', portValue: server.port } } };
  const listener = proxy.listener({ additionalAddresses: [second], filterChains: [tcpChain('x')] });
  await assert.rejects(listener.start(), ConfigError);
  assert.deepEqual(listener.boundAddresses, []);
});

test('a replaced listener goes on with its connections, and new ones get the new chain', async () => {
  await bannerCluster('old', 'old:');
  await bannerCluster('new', 'new:');
  const former = proxy.listener({ filterChains: [tcpChain('old')] });
  await former.start();
  const port = portOf(former);
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'data');
  const next = proxy.listener({ filterChains: [tcpChain('new')] });
  await next.start(former);
  former.drain();
  assert.equal(portOf(next), port);
  socket.write('still here');
  const [answer] = await once(socket, 'data');
  assert.equal(String(answer), 'still here');
  assert.equal(await exchange(port, ''), 'new:');
  assert.deepEqual([former.activeConnections, next.activeConnections > 1], [1, false]);
  await former.close();
  await once(socket, 'close');
});

test('chains that are kept do not drain, and their connections outlive those of the others', async () => {
  await bannerCluster('http', 'changed:');
  await bannerCluster('tcp', 'kept:');
  const listener = proxy.listener(sniffing());
  await listener.start();
  const clients = ['GET / HTTP/1.1\r\n', 'bytes'].map((says) => {
    const socket = net.connect(portOf(listener), '127.0.0.1');
    socket.write(says);
    return socket;
  });
  const [changed, kept] = clients;
  assert.ok(changed && kept);
  await Promise.all(clients.map((socket) => once(socket, 'data')));
  listener.drain(new Set([1]));
  listener.endDrained(60_000);
  assert.equal(listener.activeConnections, 2);
  listener.endDrained(0);
  await once(changed, 'close');
  kept.write('still here');
  await once(kept, 'data');
  assert.equal(listener.activeConnections, 1);
  kept.destroy();
});

test('connections are to end while the proxy fails health checks, unless drain_type says that only changes end them', () => {
  let isFailing = false;
  for (const [drainType, drains] of [
    ['DEFAULT', true],
    ['MODIFY_ONLY', false],
  ] as const) {
    let isDraining = (): boolean => false;
    const spy: NetworkFilter = {
      ...tcpProxy,
      create(config, scope) {
        isDraining = () => scope.isDraining();
        return tcpProxy.create(config as never, scope);
      },
    };
    proxy.listener({ filterChains: [tcpChain('up')], drainType }, { filters: [spy], isFailingHealthChecks: () => isFailing });
    assert.equal(isDraining(), false);
    isFailing = true;
    assert.equal(isDraining(), drains, drainType);
    isFailing = false;
  }
});

test('a drained listener refuses new connections and keeps old ones', async () => {
  await bannerCluster('up', 'hi');
  const listener = proxy.listener({ filterChains: [tcpChain('up')] });
  await listener.start();
  const port = portOf(listener);
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'data');
  listener.drain();
  const refused = net.connect(port, '127.0.0.1');
  const [error] = await once(refused, 'error');
  assert.equal(error instanceof Error && Reflect.get(error, 'code'), 'ECONNREFUSED');
  socket.write('x');
  await once(socket, 'data');
  socket.destroy();
});

const tcpFilter: JsonObject = { name: 'tcp', typedConfig: typed(TcpProxySchema, { statPrefix: 'x', cluster: 'x' }) };

const refused: readonly [name: string, config: JsonObject, path: string][] = [
  ['no filter chain', {}, 'listener.filter_chains'],
  [
    'a host name',
    { address: { socketAddress: { address: 'localhost', portValue: 1 } }, filterChains: [tcpChain('x')] },
    'listener.address.socket_address.address',
  ],
  [
    'another listener filter',
    { listenerFilters: [{ name: 'envoy.filters.listener.original_src' }], filterChains: [tcpChain('x')] },
    'listener.listener_filters[0]',
  ],
  [
    'a chain without a terminal filter',
    { filterChains: [{ filters: [{ name: 'a', typedConfig: typed(TlsInspectorSchema) }] }] },
    'listener.filter_chains[0].filters[0].typed_config',
  ],
  ['a filter after the terminal one', { filterChains: [{ filters: [tcpFilter, tcpFilter] }] }, 'listener.filter_chains[0].filters[0]'],
  ['a TCP proxy without a cluster', { filterChains: [tcpChain(undefined)] }, 'listener.filter_chains[0].filters[0].typed_config'],
  [
    'another transport socket',
    { filterChains: [tcpChain('x', { transportSocket: { name: 'quic' } })] },
    'listener.filter_chains[0].transport_socket.typed_config',
  ],
];

for (const [name, config, path] of refused) {
  test(`buildListener() refuses ${name}`, () => {
    assert.throws(
      () => proxy.listener({ address: LOOPBACK, ...config }),
      (error) => error instanceof ConfigError && error.path === path,
    );
  });
}
