/** Which version a TLS peer gets, and which connection a server name gets: through real handshakes with Node's servers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import { before, test, type TestContext } from 'node:test';
import tls, { type Server } from 'node:tls';
import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { portOf } from '../../net/testing/port-of.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { createTestCa, type TestCa, type TestKeyPair } from '../../net/testing/certificates.ts';
import { headersOf } from '../../wire/http/headers.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { sendAside, type SideResult } from '../router/side-request.ts';
import { createStats } from '../telemetry/registry.ts';
import { testClusters } from '../testing/http-harness.ts';
import { buildCluster } from './build-cluster.ts';
import type { HttpProtocol } from '../../wire/http/message.ts';
import { drainPool, poolOf } from './host-pools.ts';
import { noSecrets } from './testing/no-secrets.ts';

let ca: TestCa;
let pair: TestKeyPair;

before(() => {
  ca = createTestCa('mesh');
  pair = ca.issue('DNS:a.example, DNS:b.example');
});

type Kind = 'both' | 'h1' | 'istio-h2';

function nameOf(socket: unknown): string {
  return String(Reflect.get(Object(socket), 'servername'));
}

/** A server that answers with the version that it was spoken to in, and the server name. */
async function serve(t: TestContext, kind: Kind): Promise<number> {
  const options = { key: pair.privateKey, cert: pair.certificateChain };
  const answer = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse): void =>
    void response.end(`${request.httpVersion} ${nameOf(request.stream?.session?.socket ?? request.socket)}`);
  const plain = http2.createServer(answer);
  const servers: Readonly<Record<Kind, () => Server>> = {
    both: () => http2.createSecureServer({ ...options, allowHTTP1: true }, answer),
    h1: () => https.createServer(options, (request, response) => response.end(`${request.httpVersion} ${nameOf(request.socket)}`)),
    'istio-h2': () => tls.createServer({ ...options, ALPNProtocols: ['istio-h2'] }, (socket) => plain.emit('connection', socket)),
  };
  const server = servers[kind]();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return portOf(server);
}

function clusterTo(t: TestContext, port: number, options: JsonObject, alpnProtocols: readonly string[] = [], metadata: JsonObject = {}) {
  const stats = createStats();
  const context = fromJson(UpstreamTlsContextSchema, {
    sni: 'a.example',
    commonTlsContext: { validationContext: { trustedCa: { inlineString: ca.root } }, alpnProtocols: [...alpnProtocols] },
  });
  const config = fromJson(ClusterSchema, {
    name: 'c',
    metadata,
    loadAssignment: {
      clusterName: 'c',
      endpoints: [{ lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: port } } } }] }],
    },
  });
  config.typedExtensionProtocolOptions = {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': anyPack(
      HttpProtocolOptionsSchema,
      fromJson(HttpProtocolOptionsSchema, options),
    ),
  };
  config.transportSocket = create(ClusterSchema, {
    transportSocket: { name: 'tls', configType: { case: 'typedConfig', value: anyPack(UpstreamTlsContextSchema, context) } },
  }).transportSocket;
  const cluster = buildCluster(config, 'c', {
    stats,
    clock: systemClock,
    random: Math.random,
    secrets: noSecrets,
    log: silentLog,
    onHostRemoved: drainPool,
  });
  t.after(() => cluster.close());
  const scope = { clusters: testClusters([cluster]), clock: systemClock };
  const ask = (authority = 'a.example'): Promise<string> =>
    new Promise((resolve) => {
      const request = {
        method: 'GET',
        path: '/',
        authority,
        scheme: 'https',
        headers: headersOf([]),
        body: [],
        timeoutMs: 3000,
        maxBodyBytes: 99,
      };
      sendAside('c', request, scope, (result: SideResult) =>
        resolve(result.kind === 'answer' ? Buffer.from(result.body).toString() : result.reason),
      );
    });
  return { cluster, ask, stat: (name: string) => stats.scope('cluster.c').counter(name).value };
}

const CASES: readonly (readonly [kind: Kind, options: JsonObject, alpn: readonly string[], want: string])[] = [
  ['both', { autoConfig: {} }, [], '2.0 a.example'],
  ['h1', { autoConfig: {} }, [], '1.1 a.example'],
  ['both', { autoConfig: {} }, ['http/1.1'], '1.1 a.example'],
  ['istio-h2', { autoConfig: {} }, ['istio-h2', 'istio-http/1.1', 'istio'], '2.0 a.example'],
  ['both', { explicitHttpConfig: { http2ProtocolOptions: {} } }, [], '2.0 a.example'],
  ['both', { explicitHttpConfig: { httpProtocolOptions: {} } }, [], '1.1 a.example'],
  ['both', { useDownstreamProtocolConfig: { http2ProtocolOptions: {} } }, [], '1.1 a.example'],
];

for (const [kind, options, alpnProtocols, want] of CASES) {
  test(`${Object.keys(options).join()} to ${kind} offering [${alpnProtocols.join()}]: ${want}`, async (t) => {
    const { ask, stat } = clusterTo(t, await serve(t, kind), options, alpnProtocols);
    assert.equal(await ask(), want);
    assert.equal(stat(want.startsWith('2') ? 'upstream_cx_http2_total' : 'upstream_cx_http1_total'), 1);
  });
}

const OFFERS = { http10: ['istio-http/1.0'], http1: ['istio-http/1.1', 'istio', 'http/1.1'], http2: ['istio-h2', 'istio', 'h2'] };
const H2 = { explicitHttpConfig: { http2ProtocolOptions: {} } };
const CLIENTS = { useDownstreamProtocolConfig: { http2ProtocolOptions: {} } };

/** What a filter says of ALPN, for what clusters, by the client's version: what a server is offered. */
const OFFERED: readonly (readonly [name: string, options: JsonObject, client: HttpProtocol, istio: JsonObject, want: string])[] = [
  ['by default', {}, 'HTTP/1.1', {}, 'istio-http/1.1,istio,http/1.1'],
  ['HTTP/2', H2, 'HTTP/1.1', {}, 'istio-h2,istio,h2'],
  ["the client's HTTP/1.1", CLIENTS, 'HTTP/1.1', {}, 'istio-http/1.1,istio,http/1.1'],
  ["the client's HTTP/1.0", CLIENTS, 'HTTP/1.0', {}, 'istio-http/1.0'],
  ["the client's HTTP/2", CLIENTS, 'HTTP/2', {}, 'istio-h2,istio,h2'],
  ['a cluster that wants none of it', {}, 'HTTP/1.1', { alpn_override: 'false' }, 'own'],
];
for (const [name, options, client, istio, want] of OFFERED) {
  test(`a filter's ALPN: ${name}`, async (t) => {
    const offered = Promise.withResolvers<string>();
    const server = tls.createServer({
      key: pair.privateKey,
      cert: pair.certificateChain,
      ALPNCallback: ({ protocols }) => {
        offered.resolve(protocols.join());
        return protocols[0];
      },
    });
    server.on('secureConnection', (socket) => socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { cluster } = clusterTo(t, portOf(server), options, ['own'], { filterMetadata: { istio } });
    const host = cluster.pick({ hash: undefined, avoid: [], avoidAttempts: 0, originalDestination: undefined });
    assert(host !== undefined);
    const request = { protocol: client, isTunnel: false, sni: '', limits: cluster.limits };
    const pool = poolOf(cluster, host, systemClock, { ...request, info: { alpnOffers: OFFERS } });
    assert.notEqual(poolOf(cluster, host, systemClock, request), want === 'own' ? undefined : pool);
    assert.equal(poolOf(cluster, host, systemClock, { ...request, info: { alpnOffers: OFFERS } }), pool);
    pool.acquire({ onPoolReady() {}, onPoolFailure() {} });
    assert.equal(await offered.promise, want);
    drainPool(host);
  });
}

test('many requests at once to a peer that turns out to speak HTTP/1.1 get connections of their own', async (t) => {
  const { ask, stat } = clusterTo(t, await serve(t, 'h1'), { autoConfig: {} });
  assert.deepEqual(new Set(await Promise.all(Array.from({ length: 8 }, () => ask()))), new Set(['1.1 a.example']));
  assert(stat('upstream_cx_http1_total') > 1);
});

test('auto_sni: each name has its own connection, and is what the certificate must be for', async (t) => {
  const names = { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: true } };
  const { ask, stat } = clusterTo(t, await serve(t, 'both'), { ...names, autoConfig: {} });
  assert.equal(await ask('a.example:1'), '2.0 a.example');
  assert.equal(await ask('b.example'), '2.0 b.example');
  assert.equal(await ask('a.example'), '2.0 a.example');
  assert.equal(stat('upstream_cx_http2_total'), 2);
  assert.match(await ask('c.example'), /^connection failure: .*not for c.example/);
});
