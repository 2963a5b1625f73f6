import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, before, beforeEach, test } from 'node:test';
import tls from 'node:tls';
import type { JsonObject } from '@bufbuild/protobuf';
import { until } from '../../core/testing/eventually.ts';
import { ConfigError } from '../../core/errors.ts';
import { createTestCa, type TestCa, type TestKeyPair } from '../../net/testing/certificates.ts';
import { TlsInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
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

/*
 * One process plays a mesh: client -> listener `out` (plain) -> cluster `secure` (TLS) -> listener `in` (TLS) -> echo.
 */
const CLIENT_ID = 'spiffe://mesh/ns/shop/sa/client';
const SERVER_ID = 'spiffe://mesh/ns/shop/sa/server';
const INBOUND = 'listener.127.0.0.1_0';

let ca: TestCa;
let foreignCa: TestCa;
let client: TestKeyPair;
let server: TestKeyPair;
let proxy: TestProxy;
let echo: TestServer;

before(() => {
  ca = createTestCa('mesh');
  foreignCa = createTestCa('foreign');
  client = ca.issue(`URI:${CLIENT_ID}`);
  server = ca.issue(`URI:${SERVER_ID}, DNS:*.shop.example`);
});

beforeEach(async () => {
  proxy = createTestProxy();
  echo = await echoServer();
  proxy.tcpCluster('app', [echo.port]);
  proxy.secrets.keyPair('client').set(client);
  proxy.secrets.keyPair('server').set(server);
  proxy.secrets.trust('ROOTCA').set({ roots: ca.root });
});

afterEach(async () => {
  await proxy.close();
  echo.close();
});

function sds(name: string): JsonObject {
  return { name, sdsConfig: { ads: {} } };
}

function common(pair: string | undefined, sans: readonly JsonObject[], changes: JsonObject = {}): JsonObject {
  const combined = { defaultValidationContext: { matchTypedSubjectAltNames: [...sans] }, validationContextSdsSecretConfig: sds('ROOTCA') };
  const pairs = pair === undefined ? [] : [sds(pair)];
  return { tlsCertificateSdsSecretConfigs: pairs, combinedValidationContext: combined, ...changes };
}

function uri(matcher: JsonObject): JsonObject {
  return { sanType: 'URI', matcher };
}

const ACCESS_LOG: JsonObject = {
  accessLog: [
    {
      name: 'file',
      typedConfig: typed(FileAccessLogSchema, {
        path: '/x',
        logFormat: { textFormatSource: { inlineString: '%RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%' } },
      }),
    },
  ],
};

/** The inbound listener's port. */
async function startInbound(
  commonContext: JsonObject = common('server', []),
  changes: JsonObject = {},
  listener: JsonObject = {},
): Promise<number> {
  const config = typed(DownstreamTlsContextSchema, { requireClientCertificate: true, commonTlsContext: commonContext, ...changes });
  const chain = tcpChain('app', { transportSocket: { name: 'envoy.transport_sockets.tls', typedConfig: config } });
  const inbound = proxy.listener({ name: 'in', filterChains: [chain], ...listener });
  await inbound.start();
  return portOf(inbound);
}

/** The port of a plain listener whose traffic goes to `port` through TLS. */
async function startOutbound(port: number, commonContext: JsonObject = common('client', []), changes: JsonObject = {}): Promise<number> {
  const config = typed(UpstreamTlsContextSchema, { commonTlsContext: commonContext, ...changes });
  proxy.tcpCluster('secure', [port], { transportSocket: { name: 'envoy.transport_sockets.tls', typedConfig: config } });
  const outbound = proxy.listener({ name: 'out', filterChains: [tcpChain('secure', {}, ACCESS_LOG)] });
  await outbound.start();
  return portOf(outbound);
}

test('two proxies know each other, and bytes arrive with half-close', async () => {
  const text = 'x'.repeat(300_000);
  const port = await startOutbound(
    await startInbound(common('server', [uri({ exact: CLIENT_ID })])),
    common('client', [uri({ exact: SERVER_ID })]),
  );
  assert.equal(await exchange(port, text), text);
  assert.equal(proxy.stat('cluster.secure.ssl.handshake'), 1);
  assert.equal(proxy.stat(`${INBOUND}.ssl.handshake`), 1);
});

test('the upstream session is resumed, and the server still sees who calls', async () => {
  const port = await startOutbound(await startInbound(common('server', [uri({ exact: CLIENT_ID })])));
  for (let i = 0; i < 3; i++) assert.equal(await exchange(port, `call ${i}`), `call ${i}`);
  assert.ok(proxy.stat('cluster.secure.ssl.session_reused') >= 1);
  assert.equal(proxy.stat('cluster.secure.ssl.session_reused'), proxy.stat(`${INBOUND}.ssl.session_reused`));
});

test('a listener that disables tickets resumes nothing', async () => {
  const port = await startOutbound(await startInbound(common('server', []), { disableStatelessSessionResumption: true }));
  for (let i = 0; i < 2; i++) assert.equal(await exchange(port, 'x'), 'x');
  assert.equal(proxy.stat('cluster.secure.ssl.session_reused'), 0);
});

test('auto_san_validation asks for a certificate of the SNI', async () => {
  const inbound = await startInbound();
  const options = {
    upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: true },
    explicitHttpConfig: { httpProtocolOptions: {} },
  };
  const typedExtensionProtocolOptions = {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(HttpProtocolOptionsSchema, options),
  };
  for (const [sni, want] of [
    ['cart.shop.example', 'x'],
    ['cart.other.example', ''],
  ] as const) {
    const config = typed(UpstreamTlsContextSchema, { sni, commonTlsContext: common('client', []) });
    proxy.tcpCluster(sni, [inbound], { typedExtensionProtocolOptions, transportSocket: { name: 'tls', typedConfig: config } });
    const outbound = proxy.listener({ name: sni, filterChains: [tcpChain(sni)] });
    await outbound.start();
    assert.equal(await exchange(portOf(outbound), 'x'), want, sni);
  }
});

test('without session keys nothing is resumed', async () => {
  const port = await startOutbound(await startInbound(), common('client', []), { maxSessionKeys: 0 });
  for (let i = 0; i < 2; i++) await exchange(port, 'x');
  assert.equal(proxy.stat('cluster.secure.ssl.session_reused'), 0);
});

const serverMatchers: readonly [matcher: JsonObject, isAccepted: boolean][] = [
  [uri({ exact: SERVER_ID }), true],
  [uri({ prefix: 'spiffe://mesh/' }), true],
  [uri({ suffix: '/sa/server' }), true],
  [uri({ contains: '/ns/shop/' }), true],
  [uri({ safeRegex: { regex: 'spiffe://mesh/ns/[a-z]+/sa/server' } }), true],
  [uri({ safeRegex: { regex: 'spiffe://mesh' } }), false],
  [uri({ exact: SERVER_ID.toUpperCase() }), false],
  [uri({ exact: SERVER_ID.toUpperCase(), ignoreCase: true }), true],
  [uri({ exact: CLIENT_ID }), false],
  [{ sanType: 'DNS', matcher: { exact: 'cart.shop.example' } }, true],
  [{ sanType: 'DNS', matcher: { exact: 'a.cart.shop.example' } }, false],
  [{ sanType: 'DNS', matcher: { exact: SERVER_ID } }, false],
];

for (const [matcher, isAccepted] of serverMatchers) {
  test(`a server is ${isAccepted ? 'accepted' : 'refused'} where its names have to match ${JSON.stringify(matcher)}`, async () => {
    const port = await startOutbound(await startInbound(), common('client', [matcher]));
    assert.equal(await exchange(port, 'x'), isAccepted ? 'x' : '');
    assert.equal(proxy.stat('cluster.secure.ssl.fail_verify_san'), isAccepted ? 0 : 1);
  });
}

const clients: readonly { name: string; pair: () => TestKeyPair | undefined; stat: string | undefined; sans?: JsonObject[] }[] = [
  { name: 'of the mesh', pair: () => client, stat: undefined },
  { name: 'with an expired certificate', pair: () => ca.issue(`URI:${CLIENT_ID}`, { isExpired: true }), stat: 'fail_verify_error' },
  { name: 'of a foreign CA', pair: () => foreignCa.issue(`URI:${CLIENT_ID}`), stat: 'fail_verify_error' },
  { name: 'without a certificate', pair: () => undefined, stat: 'fail_verify_no_cert' },
  { name: 'with another name', pair: () => client, stat: 'fail_verify_san', sans: [uri({ exact: 'spiffe://mesh/ns/shop/sa/admin' })] },
];

for (const { name, pair, stat, sans = [] } of clients) {
  test(`a client ${name} is ${stat === undefined ? 'accepted' : `refused (ssl.${stat})`}`, async () => {
    const inbound = await startInbound(common('server', sans));
    const own = pair();
    const socket = tls.connect({
      host: '127.0.0.1',
      port: inbound,
      rejectUnauthorized: false,
      ...(own === undefined ? {} : { cert: own.certificateChain, key: own.privateKey }),
    });
    socket.write('hi');
    if (stat === undefined) {
      const [answer] = await once(socket, 'data');
      assert.equal(String(answer), 'hi');
      socket.destroy();
      return;
    }
    assert.equal(await readAll(socket), '');
    assert.equal(proxy.stat(`${INBOUND}.ssl.${stat}`), 1);
    assert.equal(proxy.stat('tcp.test.downstream_cx_total'), 0);
  });
}

const servers: readonly { name: string; pair: () => TestKeyPair; reason: RegExp }[] = [
  {
    name: 'an expired certificate',
    pair: () => ca.issue(`URI:${SERVER_ID}`, { isExpired: true }),
    reason: /TLS_error:\|CERTIFICATE_VERIFY_FAILED:CERT_HAS_EXPIRED/,
  },
  {
    name: 'a foreign certificate',
    pair: () => foreignCa.issue(`URI:${SERVER_ID}`),
    reason: /TLS_error:\|CERTIFICATE_VERIFY_FAILED:(SELF_SIGNED|UNABLE_TO)/,
  },
];

for (const { name, pair, reason } of servers) {
  test(`a server with ${name} is refused, and the log says why`, async () => {
    proxy.secrets.keyPair('server').set(pair());
    const port = await startOutbound(await startInbound());
    assert.equal(await exchange(port, 'x'), '');
    await until(() => proxy.log.length > 0);
    assert.match(proxy.log[0] ?? '', /UF/);
    assert.match(proxy.log[0] ?? '', reason);
    assert.equal(proxy.stat('cluster.secure.ssl.fail_verify_error'), 1);
    assert.equal(proxy.stat('cluster.secure.ssl.handshake'), 0);
  });
}

test('a server that speaks no TLS is a TLS error', async () => {
  const port = await startOutbound(echo.port);
  assert.equal(await exchange(port, 'x'), '');
  await until(() => proxy.log.length > 0);
  assert.match(proxy.log[0] ?? '', /TLS_error:\|/);
});

test('a plaintext client of a TLS listener is refused', async () => {
  assert.notEqual(await exchange(await startInbound(), 'GET / HTTP/1.1\r\n\r\n'), 'GET / HTTP/1.1\r\n\r\n');
  assert.equal(proxy.stat(`${INBOUND}.ssl.connection_error`), 1);
});

test('rotated secrets reach new connections, and old connections live on', async () => {
  const inbound = await startInbound();
  const connect = async (): Promise<tls.TLSSocket> => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: inbound,
      rejectUnauthorized: false,
      cert: client.certificateChain,
      key: client.privateKey,
    });
    await once(socket, 'secureConnect');
    return socket;
  };
  const former = await connect();
  former.write('a');
  await once(former, 'data');
  const renewed = ca.issue('URI:spiffe://mesh/ns/shop/sa/renewed');
  proxy.secrets.keyPair('server').set(renewed);
  const next = await connect();
  assert.equal(next.getPeerX509Certificate()?.subjectAltName, 'URI:spiffe://mesh/ns/shop/sa/renewed');
  former.write('b');
  const [answer] = await once(former, 'data');
  assert.equal(String(answer), 'b');
  former.destroy();
  next.destroy();
});

test('a client that a former root vouched for is refused once the root is gone, also with its session', async () => {
  const inbound = await startInbound();
  const port = await startOutbound(inbound, { tlsCertificateSdsSecretConfigs: [sds('client')] });
  assert.equal(await exchange(port, 'x'), 'x');
  proxy.secrets.trust('ROOTCA').set({ roots: foreignCa.root });
  assert.equal(await exchange(port, 'x'), '');
  assert.equal(proxy.stat(`${INBOUND}.ssl.fail_verify_error`), 1);
});

test('until its secrets have come, a listener is not warm and refuses, and a cluster is not warm', async () => {
  const config = typed(DownstreamTlsContextSchema, { commonTlsContext: { tlsCertificateSdsSecretConfigs: [sds('late')] } });
  const inbound = proxy.listener({
    name: 'in',
    filterChains: [tcpChain('app', { transportSocket: { name: 'tls', typedConfig: config } })],
  });
  await inbound.start();
  let warmed = 0;
  inbound.onWarm(() => warmed++);
  assert.deepEqual([inbound.isWarm, warmed], [false, 0]);
  assert.equal(await exchange(portOf(inbound), '\x16\x03\x01'), '');
  assert.equal(proxy.stat(`${INBOUND}.server_ssl_socket_factory.downstream_context_secrets_not_ready`), 1);
  const upstream = typed(UpstreamTlsContextSchema, { commonTlsContext: { tlsCertificateSdsSecretConfigs: [sds('late')] } });
  const cluster = proxy.tcpCluster('late', [1], { transportSocket: { name: 'tls', typedConfig: upstream } });
  assert.equal(cluster.isWarm, false);
  proxy.secrets.keyPair('late').set(server);
  assert.deepEqual([inbound.isWarm, warmed, cluster.isWarm], [true, 1, true]);
});

test('transport_socket_matches choose by the endpoint’s metadata', async () => {
  const secure = { name: 'tls', typedConfig: typed(UpstreamTlsContextSchema, { commonTlsContext: {} }) };
  const transportSocketMatches = [
    { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transportSocket: secure },
    { name: 'tlsMode-disabled', match: {}, transportSocket: { name: 'envoy.transport_sockets.raw_buffer' } },
  ];
  const metadata = { filterMetadata: { 'envoy.transport_socket_match': { tlsMode: 'istio' } } };
  const at = (portValue: number): JsonObject => ({ address: { socketAddress: { address: '127.0.0.1', portValue } } });
  const lbEndpoints = [{ endpoint: at(1), metadata }, { endpoint: at(2) }];
  const cluster = proxy.cluster('mixed', { transportSocketMatches, loadAssignment: { endpoints: [{ lbEndpoints }] } });
  assert.deepEqual(
    cluster.hosts.map((host) => host.transport.isTls),
    [true, false],
  );
});

test('TLS for us and TLS for the application are told apart by protocol, as PERMISSIVE does', async () => {
  const config = typed(DownstreamTlsContextSchema, {
    requireClientCertificate: true,
    commonTlsContext: common('server', [], { alpnProtocols: ['istio'] }),
  });
  const chains = [
    tcpChain('app', {
      transportSocket: { name: 'tls', typedConfig: config },
      filterChainMatch: { transportProtocol: 'tls', applicationProtocols: ['istio'] },
    }),
    tcpChain('app', { filterChainMatch: { transportProtocol: 'raw_buffer' } }),
    tcpChain('app', { filterChainMatch: { transportProtocol: 'tls' } }),
  ];
  const listenerFilters = [{ name: 'envoy.filters.listener.tls_inspector', typedConfig: typed(TlsInspectorSchema) }];
  const inbound = proxy.listener({ name: 'in', filterChains: chains, listenerFilters });
  await inbound.start();
  assert.equal(await exchange(portOf(inbound), 'plain'), 'plain');
  const port = await startOutbound(portOf(inbound), common('client', [], { alpnProtocols: ['istio-peer-exchange', 'istio'] }));
  assert.equal(await exchange(port, 'mesh'), 'mesh');
  // the echo gives a foreign client its own ClientHello back
  const socket = net.connect(portOf(inbound), '127.0.0.1');
  const hello = await clientHello();
  socket.write(hello);
  const [answer] = await once(socket, 'data');
  assert.deepEqual(answer, hello);
  socket.destroy();
});

/** The first flight of a TLS client that offers no protocol of ours. */
async function clientHello(): Promise<Buffer> {
  const probe = net.createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  assert.ok(typeof address === 'object' && address !== null);
  const socket = tls.connect({ host: '127.0.0.1', port: address.port, ALPNProtocols: ['h2'] });
  socket.on('error', () => {});
  const [peer] = await once(probe, 'connection');
  assert.ok(peer instanceof net.Socket);
  const [bytes] = await once(peer, 'data');
  assert.ok(Buffer.isBuffer(bytes));
  peer.destroy();
  probe.close();
  return bytes;
}

test('a client whose protocols we do not have goes on without one', async () => {
  const inbound = await startInbound(common('server', [], { alpnProtocols: ['istio'] }));
  const port = await startOutbound(inbound, common('client', [], { alpnProtocols: ['h2'] }));
  assert.equal(await exchange(port, 'x'), 'x');
});

const refused: readonly [name: string, context: () => JsonObject, path: string][] = [
  [
    'a broken key',
    () => ({
      tlsCertificates: [{ certificateChain: { inlineString: server.certificateChain }, privateKey: { inlineString: 'nonsense' } }],
    }),
    '',
  ],
  ['an unknown cipher', () => ({ ...common('server', []), tlsParams: { cipherSuites: ['NO-SUCH-CIPHER'] } }), ''],
  ['no certificate', () => common(undefined, []), ''],
  [
    'names without a root',
    () => ({
      ...common('server', []),
      combinedValidationContext: null,
      validationContext: { matchTypedSubjectAltNames: [uri({ exact: 'a' })] },
    }),
    '.validation_context',
  ],
];

for (const [name, context, below] of refused) {
  test(`a DownstreamTlsContext is refused for ${name}`, async () => {
    const own = Object.fromEntries(Object.entries(context()).filter(([, value]) => value !== null));
    await assert.rejects(
      startInbound(own, { requireClientCertificate: false }),
      (error) =>
        error instanceof ConfigError && error.path === `listener.filter_chains[0].transport_socket.typed_config.common_tls_context${below}`,
    );
  });
}
