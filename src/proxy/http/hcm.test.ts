import assert from 'node:assert/strict';
import type net from 'node:net';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { HttpProtocolOptions_HeadersWithUnderscoresAction as Underscores } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { AccessLogSchema } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { StdoutAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { FilterConfigSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { CorsPolicySchema, CorsSchema } from '../../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { HTTPFaultSchema } from '../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { OnDemandSchema } from '../../xds/gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.ts';
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails as Forward,
  HttpConnectionManager_PathWithEscapedSlashesAction as Slashes,
  HttpConnectionManagerSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { until } from '../../core/testing/eventually.ts';
import type { PeerTls } from '../listener/connection.ts';
import { httpConnectionManager } from '../network/http-connection-manager.ts';
import { createStats } from '../telemetry/registry.ts';
import {
  answering,
  ask,
  completed,
  type HcmInit,
  httpFilter,
  response,
  routesOf,
  routeTo,
  startOrigin,
  startProxy,
  testCluster,
  testClusters,
} from '../testing/http-harness.ts';
import { counter, GET, setUp } from '../testing/hcm-setup.ts';

test('a request goes to the origin and its response comes back', async (t) => {
  const { ask: send, seen, proxy, cluster } = await setUp(t, { answer: () => response(200, 'hello', 'X-Origin: 1\r\n') });
  const text = await send('GET /a?b HTTP/1.1\r\nHost: x.y\r\nX-One: 1\r\n\r\n');
  assert.match(text, /^HTTP\/1.1 200 OK\r\n/);
  assert.match(text, /X-Origin: 1\r\n/);
  assert.match(text, /\r\nserver: envoy\r\n/);
  assert.match(text, /\r\nx-envoy-upstream-service-time: \d+\r\n/);
  assert.match(text, /\r\ndate: \w{3}, \d\d \w{3} \d{4} /);
  assert.match(text, /\r\n\r\nhello$/);
  const [head = ''] = seen;
  assert.match(head, /^GET \/a\?b HTTP\/1.1\r\nhost: x.y\r\nX-One: 1\r\n/);
  assert.match(head, /\r\nx-forwarded-proto: http\r\n/);
  assert.match(head, /\r\nx-request-id: [0-9a-f-]{36}\r\n/);
  assert.match(head, /\r\nx-envoy-expected-rq-timeout-ms: 15000\r\n/);
  assert.doesNotMatch(head, /connection: close/);
  assert.equal(counter(proxy, 'http.test', 'downstream_rq_2xx'), 1);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_200'), 1);
  assert.deepEqual(cluster.hosts[0]?.outcomes, [{ kind: 'status', status: 200 }]);
});

test('connections are kept and used again on both sides', async (t) => {
  const { dial, proxy } = await setUp(t);
  const client = await dial();
  for (let i = 0; i < 5; i++) {
    client.clear();
    client.send(GET);
    await client.until(/hello$/);
  }
  assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_total'), 1);
  assert.equal(counter(proxy, 'http.test', 'downstream_cx_total'), 1);
});

test('pipelined requests are answered in order', async (t) => {
  const { dial } = await setUp(t, { answer: (head) => response(200, /GET (\S+)/.exec(head)?.[1] ?? '') });
  const client = await dial();
  client.send(Array.from({ length: 20 }, (_, i) => `GET /${i} HTTP/1.1\r\nhost: a\r\n\r\n`).join(''));
  const text = await client.until(/\/19$/);
  const bodies = [...text.matchAll(/\r\n\r\n\/(\d+)/g)].map(([, body]) => Number(body));
  assert.deepEqual(
    bodies,
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test('bodies pass both ways, by length and in chunks', async (t) => {
  const { dial, seen } = await setUp(t, {
    serve: (socket) => {
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        if (!text.endsWith('0\r\n\r\n')) return;
        seen.push(text);
        text = '';
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nxyz\r\n');
        setImmediate(() => socket.write('2;x=y\r\nst\r\n0\r\nx-trailer: 1\r\n\r\n'));
      });
    },
  });
  const client = await dial();
  for (let i = 0; i < 2; i++) {
    client.clear();
    client.send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n');
    setImmediate(() => client.send('6;ext\r\nsecond\r\n0\r\n\r\n'));
    const text = await client.until(/0\r\n\r\n$/);
    assert.match(text, /transfer-encoding: chunked\r\n/);
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    assert.equal(body.replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, ''), 'xyzst\r\n');
    assert.match(seen[i] ?? '', /transfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n$/);
  }
});

test('HEAD, 204 and 304 have no body and leave the connection usable', async (t) => {
  const { dial } = await setUp(t, {
    answer: (head) => {
      if (head.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n';
      return head.includes('/204') ? 'HTTP/1.1 204 No Content\r\n\r\n' : 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n';
    },
  });
  const client = await dial();
  for (const [line, want] of [
    ['HEAD /', /content-length: 5/],
    ['GET /204', /^HTTP\/1.1 204/],
    ['GET /304', /content-length: 9/],
  ] as const) {
    client.clear();
    client.send(`${line} HTTP/1.1\r\nhost: a\r\n\r\n`);
    assert.match(await client.until(/\r\n\r\n$/), want);
  }
});

test('a response without length lasts until the origin closes, and reaches the client in chunks', async (t) => {
  const { ask: send } = await setUp(t, {
    answer: (_head, _count, socket) => {
      socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end');
      return '';
    },
  });
  assert.match(await send(GET), /transfer-encoding: chunked\r\n[^]*d\r\nuntil the end\r\n0\r\n\r\n$/);
});

test('informational responses of the origin end here; 100-continue is answered at once', async (t) => {
  const { dial } = await setUp(t, { answer: () => `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${response(200, 'hello')}` });
  const client = await dial();
  client.send('POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n');
  await client.until(/^HTTP\/1.1 100 Continue\r\n\r\n$/);
  client.send('hi');
  assert.doesNotMatch(await client.until(/hello$/), /103/);
});

const REFUSED: readonly (readonly [name: string, request: string, status: number])[] = [
  [
    'both framings',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nhost: a\r\n\r\n',
    400,
  ],
  ['bare LF', 'GET / HTTP/1.1\nhost: a\n\n', 400],
  ['two lengths', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd', 400],
  ['obs-fold', 'GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n 2\r\n\r\n', 400],
  ['long head', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, 431],
  ['long target', `GET /${'y'.repeat(70_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431],
  ['unknown coding', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n', 501],
  ['HTTP/1.0', 'GET / HTTP/1.0\r\nhost: a\r\n\r\n', 426],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
];

for (const [name, request, status] of REFUSED) {
  test(`refused with ${status} and closed: ${name}`, async (t) => {
    const { dial, seen } = await setUp(t);
    const client = await dial();
    client.send(request);
    const text = await client.closed();
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `));
    assert.match(text, /connection: close/);
    assert.equal([...text.matchAll(/HTTP\/1.1 \d/g)].length, 1);
    assert.deepEqual(seen, []);
  });
}

test('malformed chunks after a good head end the request and the upstream one', async (t) => {
  const { dial } = await setUp(t, { serve: () => {} });
  const client = await dial();
  client.send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n');
  assert.match(await client.closed(), /^HTTP\/1.1 400 /);
});

test('no route, no cluster, no host', async (t) => {
  const { ask: send, proxy, cluster } = await setUp(t, { routes: routesOf([routeTo('c', {}, '/c'), routeTo('absent', {}, '/absent')]) });
  assert.match(await send(GET), /^HTTP\/1.1 404 /);
  assert.match(await send('GET /absent HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1.1 503 /);
  cluster.pick = () => undefined;
  assert.match(await send('GET /c HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1.1 503 [^]*no healthy upstream$/);
  assert.equal(counter(proxy, 'http.test', 'no_route'), 1);
  assert.equal(counter(proxy, 'http.test', 'no_cluster'), 1);
});

test('who ended a connection is counted, with what ran on it', async (t) => {
  const served = await setUp(t);
  const content = await served.dial();
  content.send(GET);
  await content.until(/hello$/);
  content.socket.end();
  const waiting = await setUp(t, { answer: () => '' });
  const impatient = await waiting.dial();
  impatient.send(GET);
  await until(() => waiting.seen.length === 1);
  impatient.socket.resetAndDestroy();
  const idle = await setUp(t, { hcm: { commonHttpProtocolOptions: { idleTimeout: { nanos: 20_000_000 } } } });
  await idle.dial();
  for (const [{ proxy }, want] of [
    [served, { remote: 1, local: 0, remote_active_rq: 0, local_active_rq: 0 }],
    [waiting, { remote: 1, local: 0, remote_active_rq: 1, local_active_rq: 0 }],
    [idle, { remote: 0, local: 1, remote_active_rq: 0, local_active_rq: 0 }],
  ] as const) {
    await until(() => counter(proxy, 'http.test', 'downstream_cx_destroy') === 1);
    for (const [name, value] of Object.entries(want))
      assert.equal(counter(proxy, 'http.test', `downstream_cx_destroy_${name}`), value, name);
  }
});

test('a direct response and a redirect', async (t) => {
  const { ask: send } = await setUp(t, {
    routes: routesOf([
      {
        match: { pathSpecifier: { case: 'path', value: '/d' } },
        action: { case: 'directResponse', value: { status: 418, body: { specifier: { case: 'inlineString', value: 'tea' } } } },
      },
      {
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        action: { case: 'redirect', value: { pathRewriteSpecifier: { case: 'pathRedirect', value: '/new' } } },
      },
    ]),
  });
  assert.match(await send('GET /d HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1.1 418 [^]*content-length: 3[^]*tea$/);
  assert.match(await send(GET), /^HTTP\/1.1 301 [^]*location: http:\/\/a\/new\r\n/);
});

test('an origin that refuses connections: UF', async (t) => {
  const stats = createStats();
  const gone = await startOrigin(() => {});
  await gone.close();
  const cluster = testCluster('c', [gone.port], stats);
  const accessLog = create(AccessLogSchema, {
    name: 'stdout',
    configType: { case: 'typedConfig', value: anyPack(StdoutAccessLogSchema, create(StdoutAccessLogSchema)) },
  });
  const message = Object.assign(routesOf([routeTo('c')]), { accessLog: [accessLog] });
  const proxy = await startProxy(message, testClusters([cluster]), stats);
  t.after(() => proxy.close());
  const text = await ask(proxy.port, GET);
  assert.match(text, /^HTTP\/1.1 503 /);
  assert.match(text, /upstream connect error or disconnect\/reset before headers. reset reason: remote connection failure$/);
  assert.match(proxy.logLines[0] ?? '', / 503 UF /);
  assert.deepEqual(cluster.hosts[0]?.outcomes, [{ kind: 'local-origin-failure', cause: 'connect-failure' }]);
  assert.equal(cluster.limits.requests.value, 0);
  assert.equal(cluster.limits.connections.value, 0);
});

test('an origin that closes before it answers: UC; after it began: the client is cut', async (t) => {
  const { ask: send } = await setUp(t, {
    answer: (head, _count, socket) => {
      if (head.includes('/half')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', () => socket.destroy());
      else socket.destroy();
      return '';
    },
  });
  assert.match(await send(GET), /^HTTP\/1.1 503 [^]*reset reason: connection termination/);
  const half = await send('GET /half HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.match(half, /half$|^$/);
});

test('a malformed response: 502 and UPE', async (t) => {
  const { ask: send } = await setUp(t, { answer: () => 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab' });
  assert.match(await send(GET), /^HTTP\/1.1 502 [^]*protocol error/);
});

test('bytes beyond a response do not answer the next request', async (t) => {
  const { dial } = await setUp(t, { answer: (_head, count) => response(200, `n${count}`) + (count === 1 ? response(200, 'evil') : '') });
  const client = await dial();
  client.send(GET);
  await client.until(/n1$/);
  client.clear();
  client.send(GET);
  assert.match(await client.until(/n2$|evil/), /n2$/);
});

test('websocket: refused unless configured, then a tunnel', async (t) => {
  const serve = (socket: net.Socket): void => {
    socket.once('data', (head) => {
      assert.match(head.toString(), /connection: upgrade\r\nupgrade: websocket\r\n\r\n$/);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nwelcome ');
      socket.on('data', (bytes) => socket.write(bytes.toString().toUpperCase()));
    });
  };
  const upgrade = 'GET /ws HTTP/1.1\r\nhost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const refusing = await setUp(t, { serve });
  assert.match(await refusing.ask(upgrade), /^HTTP\/1.1 403 /);
  const { dial, proxy } = await setUp(t, { serve, hcm: { upgradeConfigs: [{ upgradeType: 'websocket' }] } });
  const client = await dial();
  client.send(`${upgrade}early `);
  await client.until(/^HTTP\/1.1 101 [^]*connection: upgrade\r\nupgrade: websocket\r\n\r\nwelcome EARLY $/);
  client.send('more');
  await client.until(/MORE$/);
  client.socket.end();
  await client.closed();
  assert.equal(proxy.stats.scope('http.test').gauge('downstream_cx_upgrades_active').value, 0);
});

test('an upgrade that the origin declines is an ordinary response', async (t) => {
  const { dial } = await setUp(t, { hcm: { upgradeConfigs: [{ upgradeType: 'websocket' }] }, answer: () => response(400, 'no') });
  const client = await dial();
  client.send('GET /ws HTTP/1.1\r\nhost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  assert.match(await client.until(/no$/), /^HTTP\/1.1 400/);
});

test('paths are normalized before they are matched, and refused where they cannot be', async (t) => {
  const { ask: send, seen } = await setUp(t, {
    hcm: { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: Slashes.REJECT_REQUEST },
    routes: routesOf([routeTo('c', {}, '/b')]),
  });
  assert.match(await send('GET /a/..//%62/./c?x=/../ HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1.1 200/);
  assert.match(seen[0] ?? '', /^GET \/b\/c\?x=\/..\/ /);
  assert.match(await send('GET /../../b HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1.1 200/);
  assert.match(await send('GET /b%2Fc HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1.1 400/);
});

test('a proxy of the edge rewrites what strangers could forge', async (t) => {
  const { ask: send, seen } = await setUp(t, { hcm: { useRemoteAddress: true, via: 'tulle', serverName: 'edge' } });
  const text = await send(
    'GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 9.9.9.9\r\nx-forwarded-proto: https\r\nx-request-id: mine\r\nx-envoy-retry-on: 5xx\r\nx-envoy-internal: true\r\nx-forwarded-client-cert: By=x\r\n\r\n',
  );
  const [head = ''] = seen;
  assert.match(head, /\r\nx-forwarded-for: 9.9.9.9,127.0.0.1\r\n/);
  assert.match(head, /\r\nx-forwarded-proto: http\r\n/);
  assert.match(head, /\r\nvia: tulle\r\n/);
  assert.doesNotMatch(head, /x-request-id: mine|x-envoy-retry-on|x-envoy-internal|x-forwarded-client-cert/i);
  assert.match(text, /server: edge\r\n/);
});

const TLS: PeerTls = {
  uriSans: ['spiffe://mesh/ns/a/sa/b'],
  dnsSans: [],
  subject: 'O=x',
  fingerprint: 'ab12',
  protocol: 'TLSv1.3',
  cipher: '',
  alpn: '',
  localUriSans: ['spiffe://mesh/ns/c/sa/d'],
};

test('the client certificate is told upstream as configured', async (t) => {
  const { ask: send, seen } = await setUp(t, {
    tls: TLS,
    hcm: { forwardClientCertDetails: Forward.APPEND_FORWARD, setCurrentClientCertDetails: { subject: true, uri: true } },
  });
  await send('GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-client-cert: By=x\r\n\r\n');
  assert.match(
    seen[0] ?? '',
    /x-forwarded-client-cert: By=x,By=spiffe:\/\/mesh\/ns\/c\/sa\/d;Hash=ab12;Subject="O=x";URI=spiffe:\/\/mesh\/ns\/a\/sa\/b\r\n/,
  );
  assert.match(seen[0] ?? '', /x-forwarded-proto: https\r\n/);
});

test('fields of an internal caller steer the router', async (t) => {
  const { ask: send, seen } = await setUp(t, {
    hcm: { internalAddressConfig: { cidrRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] } },
    answer: (_head, count) => response(count === 1 ? 500 : 200, 'x'),
  });
  const fields = 'x-forwarded-for: 10.1.2.3\r\nx-envoy-retry-on: 5xx\r\nx-envoy-max-retries: 1\r\n';
  assert.match(await send(`GET / HTTP/1.1\r\nhost: a\r\n${fields}\r\n`), /^HTTP\/1.1 200/);
  assert.equal(seen.length, 2);
  assert.doesNotMatch(seen[1] ?? '', /x-envoy-(retry-on|max-retries)/);
});

test('draining tells clients to leave', async (t) => {
  const { dial, proxy } = await setUp(t);
  const client = await dial();
  client.send(GET);
  assert.doesNotMatch(await client.until(/hello$/), /connection: close/);
  proxy.setDraining(true);
  client.clear();
  client.send(GET);
  assert.match(await client.closed(), /connection: close[^]*hello$/);
});

test('a connection serves no more requests than it may, upstream and downstream', async (t) => {
  const { dial, proxy } = await setUp(t, {
    hcm: { commonHttpProtocolOptions: { maxRequestsPerConnection: 2 } },
    limits: { maxRequestsPerConnection: 1 },
  });
  const client = await dial();
  client.send(GET);
  await client.until(/hello$/);
  client.clear();
  client.send(GET);
  assert.match(await client.closed(), /connection: close/);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_max_requests'), 2);
});

test('a connection that its host is about to end gets no other request', async (t) => {
  for (const [seconds, connections] of [
    [0, 2],
    [60, 1],
  ] as const) {
    const answer = `HTTP/1.1 200 OK\r\nkeep-alive: timeout=${seconds}\r\ncontent-length: 5\r\n\r\nhello`;
    const { dial, proxy } = await setUp(t, { serve: answering(() => answer) });
    const client = await dial();
    client.send(GET);
    await client.until(/hello$/);
    client.clear();
    client.send(GET);
    await client.until(/hello$/);
    assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_total'), connections, `${seconds} s`);
  }
});

test('idle connections and heads that never end are closed', async (t) => {
  const idle = await setUp(t, { hcm: { commonHttpProtocolOptions: { idleTimeout: { nanos: 20_000_000 } } } });
  assert.equal(await (await idle.dial()).closed(), '');
  const slow = await setUp(t, { hcm: { requestHeadersTimeout: { nanos: 20_000_000 } } });
  const client = await slow.dial();
  client.send('GET / HTTP/1.1\r\nhost');
  assert.match(await client.closed(), /^HTTP\/1.1 408 /);
});

test('a request that stalls: request timeout, and stream idle timeout', async (t) => {
  for (const [hcm, details] of [
    [{ requestTimeout: { nanos: 20_000_000 } }, 'request timeout'],
    [{ streamIdleTimeout: { nanos: 20_000_000 } }, 'stream timeout'],
  ] as const) {
    const { dial } = await setUp(t, { hcm, serve: () => {} });
    const client = await dial();
    client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nstall');
    assert.match(await client.closed(), new RegExp(`^HTTP/1.1 408 [^]*${details}$`));
  }
});

test('HTTP/1.0 clients where they are accepted', async (t) => {
  const { dial } = await setUp(t, {
    hcm: { httpProtocolOptions: { acceptHttp10: true, defaultHostForHttp10: 'd' } },
    serve: answering(() => 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'),
  });
  const client = await dial();
  client.send('GET / HTTP/1.0\r\n\r\n');
  const text = await client.closed();
  assert.match(text, /\r\n\r\nhi$/);
  assert.doesNotMatch(text, /chunked/);
});

test('mirrors get a copy, and nobody waits for them', async (t) => {
  const copies: string[] = [];
  const shadow = await startOrigin(answering((head) => (copies.push(head), '')));
  const origin = await startOrigin(answering(() => response(200, 'main')));
  const stats = createStats();
  const clusters = testClusters([testCluster('c', [origin.port], stats), testCluster('s', [shadow.port], stats)]);
  const proxy = await startProxy(routesOf([routeTo('c', { requestMirrorPolicies: [{ cluster: 's' }] })]), clusters, stats);
  t.after(async () => {
    await shadow.close();
    await origin.close();
    await proxy.close();
  });
  assert.match(await ask(proxy.port, 'POST / HTTP/1.1\r\nhost: a:80\r\ncontent-length: 2\r\n\r\nhi'), /main$/);
  while (copies.length === 0) await new Promise(setImmediate);
  assert.match(copies[0] ?? '', /^POST \/ HTTP\/1.1\r\nhost: a-shadow:80\r\n[^]*\r\n\r\nhi$/);
});

test('faults: an abort, and a delay that the next filter waits for', async (t) => {
  const percentage = { numerator: 100 };
  for (const [init, want, flag] of [
    [{ abort: { percentage, errorType: { case: 'httpStatus', value: 418 } } }, /^HTTP\/1.1 418 [^]*fault filter abort$/, 'aborts_injected'],
    [
      { delay: { percentage, faultDelaySecifier: { case: 'fixedDelay', value: { nanos: 20_000_000 } } } },
      /^HTTP\/1.1 200 [^]*hello$/,
      'delays_injected',
    ],
  ] as const) {
    const { dial, proxy } = await setUp(t, { hcm: { httpFilters: [httpFilter('envoy.filters.http.fault', HTTPFaultSchema, init)] } });
    const client = await dial();
    client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi');
    assert.match(await client.closed(), want);
    assert.equal(counter(proxy, 'http.test', `fault.${flag}`), 1);
    assert.equal(proxy.stats.scope('http.test').gauge('fault.active_faults').value, 0);
  }
});

test('cors: a preflight is answered, a response marked, a stranger left alone', async (t) => {
  const policy = create(CorsPolicySchema, {
    allowOriginStringMatch: [{ matchPattern: { case: 'exact', value: 'http://me' } }],
    allowMethods: 'GET,PUT',
    exposeHeaders: 'x-a',
    allowCredentials: true,
  });
  const route = { ...routeTo('c'), typedPerFilterConfig: { 'envoy.filters.http.cors': anyPack(CorsPolicySchema, policy) } };
  const { ask: send, seen } = await setUp(t, {
    routes: routesOf([route]),
    hcm: { httpFilters: [httpFilter('envoy.filters.http.cors', CorsSchema, {})] },
  });
  const preflight = await send('OPTIONS / HTTP/1.1\r\nhost: a\r\norigin: http://me\r\naccess-control-request-method: PUT\r\n\r\n');
  assert.match(preflight, /^HTTP\/1.1 200 [^]*access-control-allow-origin: http:\/\/me\r\n/);
  assert.match(preflight, /access-control-allow-methods: GET,PUT\r\n/);
  assert.equal(seen.length, 0);
  const actual = await send('GET / HTTP/1.1\r\nhost: a\r\norigin: http://me\r\n\r\n');
  assert.match(actual, /access-control-allow-credentials: true\r\naccess-control-expose-headers: x-a\r\n[^]*hello$/);
  assert.doesNotMatch(await send('GET / HTTP/1.1\r\nhost: a\r\norigin: http://you\r\n\r\n'), /access-control/);
});

test('a cluster that is not there is asked for where the configuration says so', async (t) => {
  const origin = await startOrigin(answering(() => response(200, 'late')));
  const stats = createStats();
  const clusters = testClusters([], [testCluster('late', [origin.port], stats)]);
  const source = { configSourceSpecifier: { case: 'ads', value: {} } } as const;
  const message = routesOf([routeTo('late', {}, '/late'), routeTo('never', {}, '/never')]);
  message.httpFilters.push(httpFilter('envoy.filters.http.on_demand', OnDemandSchema, { odcds: { source, timeout: { seconds: 1n } } }));
  const proxy = await startProxy(message, clusters, stats);
  t.after(async () => {
    await origin.close();
    await proxy.close();
  });
  assert.match(await ask(proxy.port, 'POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi'), /^HTTP\/1.1 200 [^]*late$/);
  assert.match(await ask(proxy.port, 'GET /never HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1.1 503 /);
});

test('what is not supported is refused by its name', () => {
  const cases: readonly (readonly [init: HcmInit, want: RegExp])[] = [
    [{ codecType: HttpConnectionManager_CodecType.HTTP3 }, /hcm\.codec_type: HTTP\/3 is not supported/],
    [{ upgradeConfigs: [{ upgradeType: 'CONNECT-UDP' }] }, /hcm\.upgrade_configs\[0\]\.upgrade_type: CONNECT-UDP/],
    [{ httpFilters: [{ name: 'x' }] }, /hcm\.http_filters\[0\]: filter x/],
  ];
  for (const [init, want] of cases) {
    const message = Object.assign(create(HttpConnectionManagerSchema, init), { routeSpecifier: routesOf([routeTo('c')]).routeSpecifier });
    assert.throws(() => httpConnectionManager.parse(completed(message), 'hcm'), want);
  }
});

test('local replies are mapped as configured', async (t) => {
  const { ask: send } = await setUp(t, {
    routes: routesOf([]),
    hcm: {
      localReplyConfig: {
        mappers: [
          {
            filter: {
              filterSpecifier: {
                case: 'statusCodeFilter',
                value: { comparison: { op: 1, value: { defaultValue: 400, runtimeKey: 'x' } } },
              },
            },
            statusCode: 410,
            body: { specifier: { case: 'inlineString', value: 'gone' } },
          },
        ],
      },
    },
  });
  assert.match(await send(GET), /^HTTP\/1.1 410 Gone\r\n[^]*\r\n\r\ngone$/);
  assert.match(await send('GET / HTTP/1.1\r\nhost: a\r\n bad\r\n\r\n'), /^HTTP\/1.1 410 Gone\r\n[^]*\r\n\r\ngone$/);
});

test('fields are written Like-This where that is asked for', async (t) => {
  const { ask: send } = await setUp(t, {
    hcm: { httpProtocolOptions: { headerKeyFormat: { headerFormat: { case: 'properCaseWords', value: {} } } } },
    answer: () => response(200, 'hello', 'x-one-two: a:b\r\n'),
  });
  assert.match(await send(GET), /\r\nX-One-Two: a:b\r\n[^]*\r\nServer: envoy\r\n/);
});

test('a length beside chunks is refused, or does not count', async (t) => {
  const both = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n';
  const strict = await setUp(t);
  assert.match(await strict.ask(both), /^HTTP\/1.1 400 /);
  const lenient = await setUp(t, { hcm: { httpProtocolOptions: { allowChunkedLength: true } } });
  assert.match(await lenient.ask(both), /^HTTP\/1.1 200 /);
  assert.match(lenient.seen[0] ?? '', /\r\ntransfer-encoding: chunked\r\n/);
  assert.doesNotMatch(lenient.seen[0] ?? '', /content-length/);
});

test('informational responses pass where that is asked for', async (t) => {
  const { ask: send, seen } = await setUp(t, {
    hcm: { proxy100Continue: true },
    answer: () => `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n${response(200, 'hello')}`,
  });
  const text = await send('POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\nx');
  assert.match(text, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP\/1.1 200 OK\r\n/);
  assert.match(seen[0] ?? '', /\r\nexpect: 100-continue\r\n/);
});

test('a filter that is off, or that its route switches off, takes no part', async (t) => {
  const abort = { errorType: { case: 'httpStatus', value: 418 }, percentage: { numerator: 100 } } as const;
  const fault = httpFilter('envoy.filters.http.fault', HTTPFaultSchema, { abort });
  const switched = (config: MessageInitShape<typeof FilterConfigSchema>) => ({
    'envoy.filters.http.fault': anyPack(FilterConfigSchema, create(FilterConfigSchema, config)),
  });
  const routes = () =>
    routesOf([
      { ...routeTo('c', {}, '/off'), typedPerFilterConfig: switched({ disabled: true }) },
      { ...routeTo('c', {}, '/on'), typedPerFilterConfig: switched({}) },
      routeTo('c'),
    ]);
  const on = await setUp(t, { routes: routes(), hcm: { httpFilters: [fault] } });
  const off = await setUp(t, { routes: routes(), hcm: { httpFilters: [{ ...fault, disabled: true }] } });
  const statuses: string[] = [];
  for (const { ask: send } of [on, off]) {
    for (const path of ['/off', '/on', '/']) statuses.push((await send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`)).slice(9, 12));
  }
  assert.deepEqual(statuses, ['200', '418', '418', '200', '418', '200']);
});

test('a request says through which proxy it comes', async (t) => {
  const { ask: send, seen } = await setUp(t, { hcm: { addUserAgent: true } });
  await send(GET);
  assert.match(
    seen[0] ?? '',
    /\r\nx-envoy-downstream-service-cluster: test\r\nuser-agent: test\r\nx-envoy-downstream-service-node: test\r\n/,
  );
});

test('an upgrade that is to be ignored makes a plain request', async (t) => {
  const ignoreHttp11Upgrade = [{ matchPattern: { case: 'prefix', value: 'tls/' } } as const];
  const { ask: send, seen } = await setUp(t, { hcm: { httpProtocolOptions: { ignoreHttp11Upgrade } } });
  const upgrade = (name: string): string => `GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: ${name}\r\n\r\n`;
  assert.match(await send(upgrade('TLS/1.2')), /^HTTP\/1.1 200 /);
  assert.doesNotMatch(seen[0] ?? '', /upgrade/);
  assert.match(await send(upgrade('websocket')), /^HTTP\/1.1 403 /);
});

test('names with underscores are dropped or refused, and counted', async (t) => {
  const request = 'GET / HTTP/1.1\r\nhost: a\r\nx_a: 1\r\nx-b: 2\r\n\r\n';
  const dropping = await setUp(t, { hcm: { commonHttpProtocolOptions: { headersWithUnderscoresAction: Underscores.DROP_HEADER } } });
  assert.match(await dropping.ask(request), /^HTTP\/1.1 200 /);
  assert.doesNotMatch(dropping.seen[0] ?? '', /x_a/);
  assert.equal(counter(dropping.proxy, 'http1', 'dropped_headers_with_underscores'), 1);
  const refusing = await setUp(t, { hcm: { commonHttpProtocolOptions: { headersWithUnderscoresAction: Underscores.REJECT_REQUEST } } });
  assert.match(await refusing.ask(request), /^HTTP\/1.1 400 /);
  assert.equal(counter(refusing.proxy, 'http1', 'requests_rejected_with_underscores_in_headers'), 1);
});
