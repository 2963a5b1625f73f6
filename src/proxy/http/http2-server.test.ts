import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import {
  HttpConnectionManager_CodecType as Codec,
  HttpConnectionManager_UpgradeConfigSchema as UpgradeConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { counter, type Options, setUp, type Setup } from '../testing/hcm-setup.ts';
import { response } from '../testing/http-harness.ts';

function ms(count: number): Duration {
  return create(DurationSchema, { nanos: count * 1_000_000 });
}

interface Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly informational: readonly number[];
}

type Setup2 = Setup & { readonly session: http2.ClientHttp2Session };

async function setUp2(t: TestContext, options: Options = {}): Promise<Setup2> {
  const closers: (() => void)[] = [];
  // before the proxy closes, which waits for its connections
  t.after(() => closers.forEach((close) => close()));
  const setup = await setUp(t, options);
  const session = http2.connect(`http://127.0.0.1:${setup.proxy.port}`);
  closers.push(() => session.destroy());
  await once(session, 'remoteSettings');
  return { ...setup, session };
}

/** Sends a request with its body and waits for the whole answer. */
async function fetch2(
  session: http2.ClientHttp2Session,
  head: http2.OutgoingHttpHeaders,
  body = '',
  trailers?: http2.OutgoingHttpHeaders,
): Promise<Answer> {
  const stream = session.request(head, { waitForTrailers: trailers !== undefined, endStream: body === '' && trailers === undefined });
  if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  if (body !== '' || trailers !== undefined) stream.end(body);
  let received: http2.IncomingHttpHeaders = {};
  let trailing: http2.IncomingHttpHeaders = {};
  const informational: number[] = [];
  const chunks: Buffer[] = [];
  stream.on('headers', (headers) => void informational.push(Number(headers[':status'] ?? 0)));
  stream.on('response', (headers) => void (received = headers));
  stream.on('trailers', (headers) => void (trailing = headers));
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  await once(stream, 'close');
  const status = Number(received[':status'] ?? 0);
  return { status, headers: received, body: Buffer.concat(chunks).toString(), trailers: trailing, informational };
}

test('a request over HTTP/2 goes to an origin of HTTP/1.1 and comes back', async (t) => {
  const { session, seen, proxy } = await setUp2(t, { answer: () => response(200, 'hello', 'X-Origin: 1\r\nConnection: keep-alive\r\n') });
  const answer = await fetch2(session, { ':path': '/a?b', 'x-one': '1', cookie: ['a=1', 'b=2'] });
  assert.equal(answer.status, 200);
  assert.equal(answer.body, 'hello');
  assert.equal(answer.headers['x-origin'], '1');
  assert.equal(answer.headers['connection'], undefined);
  assert.match(seen[0] ?? '', /^GET \/a\?b HTTP\/1.1\r\nhost: 127.0.0.1:\d+\r\n/);
  assert.match(seen[0] ?? '', /\r\nx-one: 1\r\n/);
  assert.match(seen[0] ?? '', /\r\ncookie: a=1; b=2\r\n/);
  assert.equal(counter(proxy, 'http.test', 'downstream_cx_http2_total'), 1);
  assert.equal(counter(proxy, 'http.test', 'downstream_rq_http2_total'), 1);
  assert.equal(counter(proxy, 'http.test', 'downstream_rq_2xx'), 1);
  assert.match(proxy.logLines.join(''), /^$/);
});

test('many requests share a connection, each with its own answer', async (t) => {
  const { session, proxy } = await setUp2(t, { answer: (head) => response(200, /x-id: (\d+)/.exec(head)?.[1] ?? '') });
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => fetch2(session, { ':path': '/', ':method': 'POST', 'x-id': i }, `${i}`.repeat(1 + i))),
  );
  assert.deepEqual(
    answers.map(({ body }) => body),
    Array.from({ length: 50 }, (_, i) => String(i)),
  );
  assert.equal(counter(proxy, 'http.test', 'downstream_cx_total'), 1);
});

test('bodies and trailers pass both ways', async (t) => {
  const body = 'x'.repeat(300_000);
  const { session, seen } = await setUp2(t, {
    hcm: { httpProtocolOptions: { enableTrailers: true } },
    serve: (socket) => {
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        if (!text.endsWith('x-sum: 1\r\n\r\n')) return;
        seen.push(text);
        socket.write(
          `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\ngrpc-status: 0\r\n\r\n`,
        );
      });
    },
  });
  const answer = await fetch2(session, { ':method': 'POST', ':path': '/' }, body, { 'x-sum': '1' });
  assert.equal(answer.body, body);
  assert.equal(answer.trailers['grpc-status'], '0');
  assert.match(seen[0] ?? '', /\r\ntransfer-encoding: chunked\r\n/);
});

test('replies of our own, and what is refused before a route is looked for', async (t) => {
  const { session } = await setUp2(t);
  const options = await fetch2(session, { ':method': 'OPTIONS', ':path': '*' });
  assert.equal(options.status, 404);
  const connect = await fetch2(session, { ':method': 'CONNECT', ':authority': 'a:80' });
  assert.equal(connect.status, 404);
  const next = await fetch2(session, { ':path': '/' });
  assert.equal(next.status, 200);
});

test('the codec is configured, or told by the first bytes', async (t) => {
  const http1 = await setUp(t, { hcm: { codecType: Codec.HTTP1 } });
  assert.match(await http1.ask('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /^HTTP\/1.1 426 /);
  const auto = await setUp(t);
  const slow = net.connect(auto.proxy.port, '127.0.0.1');
  slow.write('PRI');
  slow.write(' * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00');
  const [first] = await once(slow, 'data');
  assert.equal(first[3], 4, 'SETTINGS come first');
  slow.destroy();
  assert.match(await auto.ask('P / HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1.1 400 /);
});

test('a body to an origin that does not read is held back, and so is one to a client that does not', async (t) => {
  const total = 40 << 20;
  const { session, proxy } = await setUp2(t, {
    serve: (socket) => {
      socket.pause();
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
      const chunk = Buffer.alloc(1 << 16);
      const pump = (): void => {
        while (socket.write(chunk));
      };
      socket.on('drain', pump);
      pump();
    },
  });
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false });
  await once(stream, 'response');
  let taken = 0;
  const chunk = Buffer.alloc(1 << 16);
  for (let isIdle = false; !isIdle && taken < total;) {
    taken += chunk.length;
    if (!stream.write(chunk)) isIdle = !(await Promise.race([once(stream, 'drain').then(() => true), setTimeout(300, false)]));
  }
  assert.ok(taken < total, 'the client is held back');
  assert.ok(counter(proxy, 'http.test', 'downstream_flow_control_paused_reading_total') > 0);
  stream.destroy();
});

test('websocket: extended CONNECT becomes an upgrade, and a tunnel', async (t) => {
  const { session, seen } = await setUp2(t, {
    hcm: { upgradeConfigs: [create(UpgradeConfigSchema, { upgradeType: 'websocket' })], http2ProtocolOptions: { allowConnect: true } },
    answer: (head, _count, socket) => {
      if (!/upgrade: websocket/.test(head)) return response(200, '');
      socket.removeAllListeners('data');
      socket.on('data', (bytes) => socket.write(bytes.toString().toUpperCase()));
      return 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    },
  });
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', ':scheme': 'http' },
    { endStream: false },
  );
  const [head] = await once(stream, 'response');
  assert.equal(head[':status'], 200);
  assert.match(seen[0] ?? '', /^GET \/chat HTTP\/1.1\r\n/);
  stream.write('ping');
  const [pong] = await once(stream, 'data');
  assert.equal(pong.toString(), 'PING');
  stream.close();
});

test('a client is told to go: too many requests, draining, age, idleness', async (t) => {
  const cases: readonly { readonly hcm: Options['hcm']; readonly drains?: boolean; readonly asks?: boolean }[] = [
    { hcm: { commonHttpProtocolOptions: { maxRequestsPerConnection: 1 } } },
    { hcm: {}, drains: true },
    { hcm: { commonHttpProtocolOptions: { maxConnectionDuration: ms(20) } }, asks: false },
    { hcm: { commonHttpProtocolOptions: { idleTimeout: ms(20) } }, asks: false },
  ];
  for (const { hcm, drains, asks } of cases) {
    const { session, proxy } = await setUp2(t, { hcm: { ...hcm, drainTimeout: ms(20) } });
    proxy.setDraining(drains === true);
    const isGone = once(session, 'goaway');
    if (asks !== false) assert.equal((await fetch2(session, { ':path': '/' })).status, 200);
    assert.equal((await isGone)[0], 0);
    await once(session, 'close');
  }
});

test('a client that is silent to a PING is left', async (t) => {
  const keepalive = { interval: ms(10), timeout: ms(30) };
  const { proxy } = await setUp(t, { hcm: { http2ProtocolOptions: { connectionKeepalive: keepalive } } });
  const silent = net.connect(proxy.port, '127.0.0.1');
  silent.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00');
  silent.resume();
  await once(silent, 'close');
  assert.equal(counter(proxy, 'http2', 'keepalive_timeout'), 1);
});

test('a breach of the protocol ends the connection, one of a limit is counted by its name', async (t) => {
  const { session, proxy } = await setUp2(t, { hcm: { commonHttpProtocolOptions: { headersWithUnderscoresAction: 1 } } });
  const stream = session.request({ ':path': '/', a_b: '1' });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.on('close', resolve));
  assert.equal(stream.rstCode, http2.constants.NGHTTP2_PROTOCOL_ERROR);
  assert.equal(counter(proxy, 'http2', 'requests_rejected_with_underscores_in_headers'), 1);
  const raw = net.connect(proxy.port, '127.0.0.1');
  raw.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00');
  raw.write('\x00\x00\x00\x00\x00\x00\x00\x00\x01');
  raw.resume();
  await once(raw, 'end');
  raw.destroy();
  assert.equal(counter(proxy, 'http.test', 'downstream_cx_protocol_error'), 1);
});

test('Expect: 100-continue is answered here, or passed on where so configured', async (t) => {
  const here = await setUp2(t);
  const answer = await fetch2(here.session, { ':method': 'POST', ':path': '/', expect: '100-continue' }, 'abc');
  assert.equal(answer.body, 'hello');
  assert.doesNotMatch(here.seen[0] ?? '', /\r\nexpect:/);
  const there = await setUp2(t, {
    hcm: { proxy100Continue: true },
    answer: () => `HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n${response(200, 'late')}`,
  });
  const hinted = await fetch2(there.session, { ':method': 'POST', ':path': '/', expect: '100-continue' }, 'abc');
  assert.equal(hinted.body, 'late');
  assert.deepEqual(hinted.informational, [103]);
  assert.match(there.seen[0] ?? '', /\r\nexpect: 100-continue\r\n/);
});
