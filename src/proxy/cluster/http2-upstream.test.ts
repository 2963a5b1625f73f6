/** Requests of HTTP/1.1 clients to origins of HTTP/2: Node's own, and scripted ones. */
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import type net from 'node:net';
import { test, type TestContext } from 'node:test';
import { DEFAULT_HTTP2_OPTIONS } from '../../wire/http2/options.ts';
import type { Http2Options } from '../../wire/http2/types.ts';
import { counter, GET, type Options, setUp, type Setup } from '../testing/hcm-setup.ts';
import { readOn, standingStill } from '../testing/held-back.ts';
import { type ClusterChanges, routesOf, routeTo } from '../testing/http-harness.ts';
import type { KeepAliveOptions } from '../http/http2-options.ts';

type Answer = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, count: number) => void;

interface Setup2 extends Setup {
  readonly sessions: http2.ServerHttp2Session[];
}

function codec(options: Partial<Http2Options> = {}, keepAlive?: KeepAliveOptions): ClusterChanges {
  return { upstreamProtocol: 'http2', http2: { options: { ...DEFAULT_HTTP2_OPTIONS, ...options }, keepAlive } };
}

/** An origin of HTTP/2 that answers by `answer`, and a proxy before it. */
async function setUp2(t: TestContext, answer: Answer, options: Options & { settings?: http2.Settings } = {}): Promise<Setup2> {
  const server = http2.createServer({ settings: options.settings ?? {} });
  const sessions: http2.ServerHttp2Session[] = [];
  let count = 0;
  server.on('session', (session) => {
    session.on('error', () => {});
    sessions.push(session);
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    answer(stream, headers, ++count);
  });
  const serve = (socket: net.Socket): void => void server.emit('connection', socket);
  return { ...(await setUp(t, { serve, ...options, limits: { ...codec(), ...options.limits } })), sessions };
}

function respond(stream: http2.ServerHttp2Stream, status: number, body: string, headers: http2.OutgoingHttpHeaders = {}): void {
  stream.respond({ ':status': status, 'content-length': body.length, ...headers });
  stream.end(body);
}

const AGAIN = { numRetries: 3, retryBackOff: { baseInterval: { nanos: 1_000_000 } } };

test('a request goes out as HTTP/2, and its response comes back as HTTP/1.1', async (t) => {
  let seen: http2.IncomingHttpHeaders = {};
  const { ask, proxy } = await setUp2(t, (stream, headers) => {
    seen = headers;
    respond(stream, 200, 'hello', { 'x-origin': 'b', 'content-length': 5 });
  });
  const text = await ask('GET /a?b=c HTTP/1.1\r\nHost: shop:80\r\nX-One: 1\r\nKeep-Alive: 5\r\n\r\n');
  assert.match(text, /^HTTP\/1.1 200 OK\r\n[^]*x-origin: b\r\n[^]*\r\n\r\nhello$/);
  assert.equal(seen[':authority'], 'shop:80');
  assert.equal(seen[':path'], '/a?b=c');
  assert.equal(seen[':scheme'], 'http');
  assert.equal(seen['x-one'], '1');
  assert.deepEqual([seen['host'], seen['connection'], seen['keep-alive']], [undefined, undefined, undefined]);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_http2_total'), 1);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_http1_total'), 0);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_200'), 1);
});

test('bodies and trailers pass both ways', async (t) => {
  const { ask } = await setUp2(
    t,
    (stream) => {
      let text = '';
      let trailers: unknown;
      stream.on('data', (bytes: Buffer) => (text += bytes.toString()));
      stream.on('trailers', (headers) => (trailers = headers['x-sum']));
      stream.on('end', () => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(`${text.length} ${String(trailers)}`);
      });
    },
    { hcm: { httpProtocolOptions: { enableTrailers: true } } },
  );
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const text = await ask(`POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(4)}0\r\nx-sum: 9\r\n\r\n`);
  assert.match(text, /\r\n262144 9\r\n0\r\ngrpc-status: 0\r\n\r\n$/);
});

test('bytes of both ways are counted, with what frames take', async (t) => {
  const { ask, proxy } = await setUp2(t, (stream) => {
    stream.resume().on('end', () => respond(stream, 200, 'x'.repeat(5000)));
  });
  const body = 'y'.repeat(20_000);
  await ask(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const [sent, received] = ['tx', 'rx'].map((way) => counter(proxy, 'cluster.c', `upstream_cx_${way}_bytes_total`));
  assert.ok(sent !== undefined && sent > 20_000 && sent < 21_000, `${sent}`);
  assert.ok(received !== undefined && received > 5000 && received < 6000, `${received}`);
});

test('HEAD, 204 and trailers without a body leave the client connection usable', async (t) => {
  const { dial, proxy } = await setUp2(t, (stream, headers) => {
    if (headers[':method'] === 'HEAD') stream.respond({ ':status': 200, 'content-length': '99' }, { endStream: true });
    else if (headers[':path'] === '/204') stream.respond({ ':status': 204 }, { endStream: true });
    else stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true });
  });
  const client = await dial();
  client.send('HEAD / HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.match(await client.until(/\r\n\r\n$/), /^HTTP\/1.1 200[^]*content-length: 99\r\n/);
  client.clear();
  client.send('GET /204 HTTP/1.1\r\nhost: a\r\n\r\n');
  await client.until(/^HTTP\/1.1 204[^]*\r\n\r\n$/);
  client.clear();
  client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n');
  await client.until(/^HTTP\/1.1 200[^]*grpc-status: 5\r\n[^]*\r\n\r\n$/);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_total'), 1);
});

test('many requests share a connection; the peer says how many at a time', async (t) => {
  for (const [settings, options, want] of [
    [{}, {}, 1],
    [{}, { maxConcurrentStreams: 5 }, 4],
    [{ maxConcurrentStreams: 10 }, {}, 2],
  ] as const) {
    const held: http2.ServerHttp2Stream[] = [];
    const { dial, proxy, sessions } = await setUp2(
      t,
      (stream, headers) => {
        if (headers[':path'] === '/first') return respond(stream, 200, 'first');
        held.push(stream);
        if (held.length === 20) for (const each of held) respond(each, 200, 'done');
      },
      { settings, limits: codec(options) },
    );
    const clients = await Promise.all(Array.from({ length: 20 }, dial));
    clients[0]?.send('GET /first HTTP/1.1\r\nhost: a\r\n\r\n');
    await clients[0]?.until(/first$/);
    for (const client of clients) client.send(GET);
    await Promise.all(clients.map((client) => client.until(/done$/)));
    assert.equal(sessions.length, want, JSON.stringify([settings, options]));
    assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_200'), 21);
  }
});

test('where no more connections may be made, requests wait for room', async (t) => {
  let most = 0;
  let active = 0;
  const { dial, sessions, cluster, proxy } = await setUp2(
    t,
    (stream) => {
      most = Math.max(most, ++active);
      setImmediate(() => {
        active--;
        respond(stream, 200, 'done');
      });
    },
    { limits: { ...codec({ maxConcurrentStreams: 2 }), maxConnections: 1 } },
  );
  const clients = await Promise.all(Array.from({ length: 12 }, dial));
  for (const client of clients) client.send(GET);
  await Promise.all(clients.map((client) => client.until(/done$/)));
  assert.deepEqual([sessions.length, most], [1, 2]);
  assert.deepEqual([cluster.limits.pending.value, cluster.limits.requests.value], [0, 0]);
  assert(counter(proxy, 'cluster.c', 'upstream_cx_overflow') > 0);
});

const RESETS: readonly (readonly [code: number, retryOn: string, attempts: number, want: RegExp])[] = [
  [http2.constants.NGHTTP2_REFUSED_STREAM, '', 1, /^HTTP\/1.1 503 [^]*reset reason: remote refused stream reset$/],
  [http2.constants.NGHTTP2_REFUSED_STREAM, 'refused-stream', 2, /^HTTP\/1.1 200/],
  [http2.constants.NGHTTP2_CANCEL, 'refused-stream', 1, /^HTTP\/1.1 503 [^]*reset reason: remote reset$/],
  [http2.constants.NGHTTP2_INTERNAL_ERROR, 'reset', 2, /^HTTP\/1.1 200/],
  [http2.constants.NGHTTP2_NO_ERROR, '', 1, /^HTTP\/1.1 503 [^]*reset reason: remote reset$/],
];

for (const [code, retryOn, attempts, want] of RESETS) {
  test(`a stream reset with code ${code} and retry_on "${retryOn}": ${attempts} attempts`, async (t) => {
    let count = 0;
    const { ask, proxy, cluster } = await setUp2(
      t,
      (stream, _headers, nth) => {
        count = nth;
        if (nth === 1) stream.close(code);
        else respond(stream, 200, 'ok');
      },
      { routes: routesOf([routeTo('c', { retryPolicy: { ...AGAIN, retryOn } })]) },
    );
    assert.match(await ask(GET), want);
    assert.equal(count, attempts);
    assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_total'), 1, 'the connection is not to blame');
    assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_rx_reset'), 1);
    assert.equal(counter(proxy, 'cluster.c.http2', 'rx_reset'), 1);
    assert.equal(cluster.limits.requests.value, 0);
  });
}

test('a reset in the middle of a response cuts the client off', async (t) => {
  const { ask, proxy } = await setUp2(t, (stream) => {
    stream.respond({ ':status': 200, 'content-length': '10' });
    stream.write('abc', () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  });
  assert.doesNotMatch(await ask(GET), /200 OK[^]*\r\n\r\n.{10}/);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_rx_reset'), 1);
  assert.equal(counter(proxy, 'http.test', 'downstream_rq_tx_reset'), 1);
});

test('a lost connection ends all that runs on it: connection termination', async (t) => {
  const { dial, sessions, cluster } = await setUp2(t, (_stream, _headers, nth) => {
    if (nth === 3) sessions[0]?.destroy();
  });
  const clients = await Promise.all(Array.from({ length: 3 }, dial));
  for (const client of clients) client.send(GET);
  for (const client of clients) await client.until(/^HTTP\/1.1 503 [^]*reset reason: connection termination$/);
  assert.deepEqual([cluster.limits.requests.value, cluster.limits.connections.value], [0, 0]);
});

test('GOAWAY under load fails no request', async (t) => {
  const { dial, sessions, proxy } = await setUp2(
    t,
    (stream, _headers, nth) => {
      setTimeout(() => respond(stream, 200, 'done'), 2);
      if (nth % 40 === 0) sessions.at(-1)?.close();
    },
    { routes: routesOf([routeTo('c', { retryPolicy: { ...AGAIN, retryOn: 'refused-stream' } })]), limits: { maxRetries: 100 } },
  );
  const clients = await Promise.all(Array.from({ length: 10 }, dial));
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < 30; i++) {
        client.send(GET);
        assert.match(await client.until(/done$/), /^HTTP\/1.1 200/);
        client.clear();
      }
    }),
  );
  assert(sessions.length > 5, `${sessions.length} connections`);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_200'), 300);
});

test('informational heads go on, and the final one ends the request', async (t) => {
  const { ask } = await setUp2(t, (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a.css>' });
    respond(stream, 200, 'hello');
  });
  assert.match(await ask(GET), /HTTP\/1.1 200 [^]*hello/);
});

test('a peer that speaks something else: 502, protocol error', async (t) => {
  const { ask, proxy } = await setUp2(t, () => {}, {
    serve: (socket) => void socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n')),
  });
  assert.match(await ask(GET), /^HTTP\/1.1 502 [^]*reset reason: protocol error$/);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_protocol_error'), 1);
});

test('no connection: connection failure', async (t) => {
  const { ask, cluster } = await setUp2(t, () => {}, { serve: (socket) => void socket.resetAndDestroy() });
  assert.match(await ask(GET), /^HTTP\/1.1 503 [^]*reset reason: (connection termination|remote connection failure)$/);
  assert.deepEqual([cluster.limits.pending.value, cluster.limits.connections.value], [0, 0]);
});

test('connections serve no more requests than they may', async (t) => {
  const { dial, sessions, proxy } = await setUp2(t, (stream) => respond(stream, 200, 'done'), {
    limits: { ...codec(), maxRequestsPerConnection: 2 },
  });
  const client = await dial();
  for (let i = 0; i < 6; i++) {
    client.send(GET);
    await client.until(/done$/);
    client.clear();
  }
  assert.equal(sessions.length, 3);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_max_requests'), 3);
});

for (const [name, changes] of [
  ['upstream_cx_idle_timeout', { idleTimeoutMs: 20 }],
  ['upstream_cx_max_duration_reached', { maxConnectionDurationMs: 20 }],
] as const) {
  test(`${name}: an idle connection is closed`, async (t) => {
    const closed = Promise.withResolvers<void>();
    const { ask, proxy, sessions } = await setUp2(t, (stream) => respond(stream, 200, 'done'), { limits: { ...codec(), ...changes } });
    await ask(GET);
    sessions[0]?.on('close', () => closed.resolve());
    await closed.promise;
    assert.equal(counter(proxy, 'cluster.c', name), 1);
  });
}

test('a peer that answers no PING is given up', async (t) => {
  const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const keepAlive = { intervalMs: 20, timeoutMs: 20, jitter: 0, idleIntervalMs: 0 };
  const { ask, proxy } = await setUp2(t, () => {}, {
    serve: (socket) => void socket.write(emptySettings),
    limits: codec({}, keepAlive),
  });
  assert.match(await ask(GET), /^HTTP\/1.1 503 [^]*reset reason: connection termination$/);
  assert.equal(counter(proxy, 'cluster.c.http2', 'keepalive_timeout'), 1);
});

test('a PING that is answered keeps the connection', async (t) => {
  const keepAlive = { intervalMs: 10, timeoutMs: 1000, jitter: 0, idleIntervalMs: 0 };
  let pings = 0;
  const { ask, sessions } = await setUp2(
    t,
    (stream) => {
      sessions[0]?.on('ping', () => {
        if (++pings === 3) respond(stream, 200, 'done');
      });
    },
    { limits: codec({}, keepAlive) },
  );
  assert.match(await ask(GET), /done$/);
});

test('the client leaves: its stream is reset and the connection stays', async (t) => {
  const reset = Promise.withResolvers<number>();
  const { dial, cluster, proxy } = await setUp2(t, (stream) => stream.on('close', () => reset.resolve(stream.rstCode)));
  const client = await dial();
  client.send(GET);
  while (cluster.limits.requests.value === 0) await new Promise(setImmediate);
  setTimeout(() => client.socket.destroy(), 20);
  assert.equal(await reset.promise, http2.constants.NGHTTP2_CANCEL);
  assert.equal(cluster.limits.connections.value, 1);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_tx_reset'), 1);
});

test('an upgrade goes out as extended CONNECT', async (t) => {
  let seen: http2.IncomingHttpHeaders = {};
  const { dial } = await setUp2(
    t,
    (stream, headers) => {
      seen = headers;
      stream.respond({ ':status': 200 });
      stream.on('data', (bytes: Buffer) => stream.write(bytes.toString().toUpperCase()));
      stream.on('end', () => stream.end('bye'));
    },
    { settings: { enableConnectProtocol: true }, hcm: { upgradeConfigs: [{ upgradeType: 'websocket' }] } },
  );
  const client = await dial();
  client.send('GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: k\r\n\r\n');
  await client.until(/^HTTP\/1.1 101 [^]*upgrade: websocket\r\n\r\n$/);
  assert.deepEqual([seen[':method'], seen[':protocol'], seen[':path']], ['CONNECT', 'websocket', '/chat']);
  client.send('hello');
  await client.until(/HELLO$/);
  client.socket.end();
  await client.until(/bye$/);
});

test('an upgrade to a host that takes no extended CONNECT is not sent', async (t) => {
  const { ask } = await setUp2(t, (stream) => respond(stream, 200, 'x'), { hcm: { upgradeConfigs: [{ upgradeType: 'websocket' }] } });
  assert.match(await ask('GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'), /^HTTP\/1.1 50[23]/);
});

const LONG = 100 << 20;

test('100 MiB to a client that does not read are held back at their source', async (t) => {
  let written = 0;
  const { dial } = await setUp2(t, (stream) => {
    stream.respond({ ':status': 200, 'content-length': String(LONG) });
    const piece = Buffer.alloc(1 << 18);
    const pump = (): void => {
      while (written < LONG) {
        written += piece.length;
        if (!stream.write(piece)) return void stream.once('drain', pump);
      }
      stream.end();
    };
    pump();
  });
  const client = await dial();
  client.socket.removeAllListeners('data');
  client.socket.pause();
  client.send(GET);
  await standingStill(() => written);
  assert(written < 16 << 20, `${written} bytes went out to a client that reads nothing`);
  await readOn(client.socket, LONG);
});

test('100 MiB to an origin that does not read are held back at the client', async (t) => {
  const held = Promise.withResolvers<http2.ServerHttp2Stream>();
  const { dial } = await setUp2(t, (stream) => {
    stream.pause();
    held.resolve(stream);
  });
  const client = await dial();
  client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${LONG}\r\n\r\n`);
  const piece = Buffer.alloc(1 << 18);
  let sent = 0;
  const pump = (): void => {
    while (sent < LONG) {
      sent += piece.length;
      if (!client.socket.write(piece)) return void client.socket.once('drain', pump);
    }
  };
  pump();
  const stream = await held.promise;
  await standingStill(() => sent);
  assert(sent < 16 << 20, `${sent} bytes were taken for an origin that reads nothing`);
  let got = 0;
  stream.on('data', (bytes: Buffer) => (got += bytes.length));
  stream.on('end', () => respond(stream, 200, String(got)));
  stream.resume();
  assert.match(await client.until(/\d$/), new RegExp(`${LONG}$`));
});
