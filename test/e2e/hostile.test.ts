/**
 * Clients that mean harm, against a whole proxy. Each is stopped by the limit that is named for it, the proxy's memory
 * stays where it was, and another client of the same listener is served all the while.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { portOf } from '../../src/net/testing/port-of.ts';
import { until } from '../../src/core/testing/eventually.ts';
import { data, FRAME, frame, GREETING, headers, settings, uint32 } from '../differential/framework/h2-frames.ts';
import { bodyOf, MIB } from './http-body.ts';
import { type Client, connectClient } from './http-client.ts';
import { get, head, RawHttp2 } from './raw-http2.ts';
import { cluster, httpListener, httpOptions, residentBytes, serve, startStaticProxy, type StaticProxy, wholeFile } from './static-proxy.ts';

const GROWTH_BYTES_MAX = 64 * MIB;
const HELD_STREAMS = 256;
/** Each with one read of a response that cannot go on (256 KiB), and what stands around it. */
const HELD_BYTES_MAX = HELD_STREAMS * (256 + 32) * 1024 + 24 * MIB;
const LARGE = Buffer.alloc(MIB, 'x');
const INDEXED = 0x40;
const END_HEADERS = 4;

const lifetime = wholeFile();
let proxy: StaticProxy;
const ports = new Map<string, number>();

/** Answers `/large`, and never anything else. */
async function startOrigin(): Promise<number> {
  const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    if (request.url === '/large') response.end(LARGE);
    else if (request.url !== '/hold' && request.url !== '/retried') response.end('fine');
  });
  return await serve(lifetime, server);
}

/** The same by HTTP/2, and larger. */
async function startOrigin2(): Promise<number> {
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => void sessions.add(session));
  server.on('stream', (stream, { ':path': path }) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    if (path === '/large') bodyOf(4 * MIB).pipe(stream);
    else stream.end('fine');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  lifetime.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return portOf(server);
}

const ROUTES = [
  { match: { prefix: '/direct' }, direct_response: { status: 200, body: { inline_string: 'x'.repeat(1000) } } },
  { match: { prefix: '/retried' }, route: { cluster: 'origin', timeout: '0s', retry_policy: { retry_on: 'reset' } } },
];

/** Limits far below Envoy's defaults. */
const LOW = {
  max_concurrent_streams: 5,
  max_outbound_frames: 200,
  max_outbound_control_frames: 20,
  max_consecutive_inbound_frames_with_empty_payload: 4,
  max_inbound_priority_frames_per_stream: 3,
  max_inbound_window_update_frames_per_data_frame_sent: 1,
};

before(async () => {
  const origin = await startOrigin();
  const thresholds = [{ max_connections: 10_000, max_pending_requests: 10_000, max_requests: 10_000 }];
  const error = { override_stream_error_on_invalid_http_message: true };
  const shared = await startOrigin2();
  proxy = await startStaticProxy(lifetime, () => ({
    listeners: [
      // a machine may be too busy to read GOAWAY within Envoy's second
      httpListener('in', 'origin', { routes: ROUTES, manager: { http2_protocol_options: error, delayed_close_timeout: '10s' } }),
      httpListener('shared', 'shared'),
      httpListener('low', 'origin', { routes: ROUTES, manager: { http2_protocol_options: LOW, max_request_headers_kb: 8 } }),
      httpListener('timed', 'origin', { manager: { request_headers_timeout: '0.3s', stream_idle_timeout: '0.5s' } }),
    ],
    clusters: [
      cluster('origin', origin, { circuit_breakers: { thresholds } }),
      cluster('shared', shared, httpOptions({ http2_protocol_options: {} })),
    ],
  }));
  for (const name of ['in', 'shared', 'low', 'timed']) ports.set(name, await proxy.port(name));
});

const portOfListener = (name: string): number => ports.get(name) ?? 0;

/** Another client of either version, until it is stopped; gives the statuses that it saw. */
async function startBystander(listener: string): Promise<() => Promise<readonly number[]>> {
  const target = { port: portOfListener(listener), root: undefined };
  const clients = [await connectClient('h1', target), await connectClient('h2', target)];
  const statuses: number[] = [];
  let isOver = false;
  const ask = async (client: Client): Promise<void> => {
    const call = client.open({ method: 'GET', path: '/' });
    call.body.end();
    const answer = await call.answer;
    answer.body.resume();
    statuses.push(answer.status);
  };
  const run = async (): Promise<void> => {
    while (!isOver) {
      await Promise.all(clients.map(ask));
      await sleep(10);
    }
    for (const client of clients) client.close();
  };
  const running = run();
  return async () => {
    isOver = true;
    await running;
    return statuses;
  };
}

/** Runs an attack, and asks for what it must not do to others. */
async function survive(listener: string, attack: () => Promise<void>, growthMax = GROWTH_BYTES_MAX): Promise<number> {
  const stop = await startBystander(listener);
  const beforeBytes = residentBytes(proxy.pid);
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, residentBytes(proxy.pid) - beforeBytes)), 20);
  let statuses: readonly number[] = [];
  try {
    await attack();
  } finally {
    clearInterval(watch);
    statuses = await stop();
  }
  assert.ok(statuses.length > 1);
  assert.deepEqual(
    statuses.filter((status) => status !== 200),
    [],
  );
  assert.ok(most < growthMax, `memory grew by ${most} bytes`);
  return most;
}

interface Flood {
  readonly name: string;
  /** Before it. */
  readonly first?: Buffer;
  /** The `i`th piece of it. */
  readonly piece: (i: number) => Buffer;
  /** Enough to be stopped. */
  readonly pieces: number;
  /** It reads nothing of what is sent back; GOAWAY lies behind more than its kernel has room for, so that this counter is asked. */
  readonly deafTo?: RegExp;
}

const odd = (i: number): number => 2 * i + 1;
const rst = (stream: number): Buffer => frame(FRAME.RST_STREAM, 0, stream, uint32(8));
const post = (stream: number): Buffer => headers(stream, head('POST', '/hold'), false);
const WINDOW_UPDATE = frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(1));
const PRIORITY = frame(FRAME.PRIORITY, 0, 3, Buffer.of(0, 0, 0, 1, 16));
const ping = frame(FRAME.PING, 0, 0, Buffer.alloc(8));
const many = (bytes: Buffer, count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes));

/** A literal that stays in the table, and then names it as often as fits into a frame. */
const BOMB_FIRST = Buffer.concat([
  Buffer.of(INDEXED, 1),
  Buffer.from('b'),
  Buffer.of(0x7f, 0x80 + ((3900 - 127) % 128), Math.floor((3900 - 127) / 128)),
  Buffer.alloc(3900, 'v'),
]);
const REFERENCES = Buffer.alloc(8000, 0x80 | 62);
const block = (fields: Buffer): Buffer => {
  const whole = headers(1, head('GET', '/'), true).subarray(9);
  return Buffer.concat([whole, fields]);
};
const open = (stream: number, fields: Buffer): Buffer => frame(FRAME.HEADERS, END_HEADERS | 1, stream, block(fields));

const OUTBOUND_FLOOD = /^http2\.outbound_flood:/;
const CONTROL_FLOOD = /^http2\.outbound_control_flood:/;

const FLOODS: readonly Flood[] = [
  { name: 'rapid reset', piece: (i) => Buffer.concat([get(odd(i), '/hold'), rst(odd(i))]), pieces: 20_000 },
  {
    name: 'streams that it makes the proxy reset by WINDOW_UPDATE',
    piece: (i) => Buffer.concat([post(odd(i)), frame(FRAME.WINDOW_UPDATE, 0, odd(i), uint32(0))]),
    pieces: 20_000,
  },
  {
    name: 'streams that it makes the proxy reset by malformed heads',
    piece: (i) => headers(odd(i), head('GET', '/', ['connection', 'close']), true),
    pieces: 20_000,
  },
  {
    name: 'CONTINUATION without an end',
    first: frame(FRAME.HEADERS, 0, 1, block(Buffer.alloc(0))),
    piece: () => frame(FRAME.CONTINUATION, 0, 1, many(Buffer.from('\0\x01a\x01b'), 3000)),
    pieces: 1000,
  },
  {
    name: 'CONTINUATION of a byte',
    first: frame(FRAME.HEADERS, 0, 1, block(Buffer.alloc(0))),
    piece: () => frame(FRAME.CONTINUATION, 0, 1, Buffer.of(0x82)),
    pieces: 100_000,
  },
  { name: 'SETTINGS', piece: () => many(frame(FRAME.SETTINGS, 0, 0), 5000), pieces: 1000, deafTo: CONTROL_FLOOD },
  { name: 'PING', piece: () => many(ping, 5000), pieces: 1000, deafTo: CONTROL_FLOOD },
  { name: 'DATA of no bytes', first: post(1), piece: () => frame(FRAME.DATA, 0, 1), pieces: 10_000 },
  { name: 'WINDOW_UPDATE', first: post(1), piece: () => WINDOW_UPDATE, pieces: 10_000 },
  { name: 'PRIORITY', first: post(1), piece: () => PRIORITY, pieces: 10_000 },
  { name: 'heads that grow by HPACK', first: open(1, BOMB_FIRST), piece: (i) => open(odd(i + 1), REFERENCES), pieces: 5000 },
  { name: 'heads of many fields', piece: (i) => open(odd(i), many(Buffer.from('\0\x01a\x01b'), 2000)), pieces: 5000 },
  {
    name: 'requests whose answers are not read',
    piece: (i) => get(odd(i), '/direct'),
    pieces: 100_000,
    deafTo: OUTBOUND_FLOOD,
  },
];

/** Sends a flood until it is stopped. */
async function flood({ first, piece, pieces, deafTo }: Flood, listener = 'in'): Promise<RawHttp2> {
  const client = await RawHttp2.connect(portOfListener(listener));
  lifetime.after(() => client.destroy());
  await client.ping();
  if (first !== undefined) client.send(first);
  if (deafTo !== undefined) client.socket.pause();
  for (let i = 0; i < pieces && !client.isClosed && client.socket.writable;) {
    const batch: Buffer[] = [];
    for (let bytes = 0; bytes < 32_768 && i < pieces; i++) {
      const next = piece(i);
      bytes += next.length;
      batch.push(next);
    }
    await Promise.race([client.push(Buffer.concat(batch)), sleep(200)]);
  }
  return client;
}

describe('floods end their connection, and nothing else', () => {
  for (const each of FLOODS) {
    test(each.name, async (t) => {
      const { deafTo = CONTROL_FLOOD } = each;
      const counted = await proxy.stat(deafTo);
      const growth = await survive('in', async () => {
        const client = await flood(each);
        if (each.deafTo === undefined) {
          await client.closed();
          assert.equal(client.goAway, 'ENHANCE_YOUR_CALM');
        } else await proxy.untilStat(deafTo, counted + 1);
        client.destroy();
      });
      t.diagnostic(`memory grew by ${(growth / MIB).toFixed(1)} MiB`);
    });
  }
});

/** What the listener with low limits takes, and what is too much. */
const LIMITS: readonly { readonly name: string; readonly first: Buffer; readonly piece: Buffer; readonly taken: number }[] = [
  { name: 'max_consecutive_inbound_frames_with_empty_payload', first: post(1), piece: frame(FRAME.DATA, 0, 1), taken: 4 },
  { name: 'max_inbound_priority_frames_per_stream', first: post(1), piece: PRIORITY, taken: 6 },
  { name: 'max_inbound_window_update_frames_per_data_frame_sent', first: post(1), piece: WINDOW_UPDATE, taken: 6 },
];

describe('lower limits are obeyed', () => {
  for (const { name, first, piece, taken } of LIMITS) {
    test(name, async () => {
      const client = await RawHttp2.connect(portOfListener('low'));
      client.send(Buffer.concat([first, many(piece, taken)]));
      assert.ok(await client.ping(), 'what is allowed was taken');
      client.send(piece);
      await client.closed();
      assert.equal(client.goAway, 'ENHANCE_YOUR_CALM');
      client.destroy();
    });
  }

  test('max_concurrent_streams', async () => {
    const client = await RawHttp2.connect(portOfListener('low'));
    for (let i = 0; i < 6; i++) client.send(get(odd(i), '/hold'));
    assert.ok(await client.ping());
    assert.deepEqual([...client.resets], [[11, 'REFUSED_STREAM']]);
    client.send(Buffer.concat([rst(1), get(13, '/')]));
    await until(() => client.ended.has(13));
    assert.equal(client.statuses.get(13), '200');
    client.destroy();
  });

  for (const { name, piece, counter } of [
    { name: 'max_outbound_control_frames', piece: () => many(ping, 2000), counter: CONTROL_FLOOD },
    { name: 'max_outbound_frames', piece: (i: number) => get(odd(i), '/direct'), counter: OUTBOUND_FLOOD },
  ]) {
    test(name, async () => {
      const counted = await proxy.stat(counter);
      const client = await flood({ name, piece, pieces: 200_000, deafTo: counter }, 'low');
      await proxy.untilStat(counter, counted + 1);
      client.destroy();
    });
  }

  test('max_request_headers_kb', async () => {
    const client = await RawHttp2.connect(portOfListener('low'));
    client.send(headers(1, head('GET', '/', ['x', 'y'.repeat(9000)]), true));
    client.send(get(3, '/'));
    await until(() => client.ended.has(3) || client.isClosed);
    assert.equal(client.resets.get(1), 'ENHANCE_YOUR_CALM');
    assert.equal(client.statuses.get(3), '200');
    client.destroy();
  });
});

/** Windows of nothing: what is asked for must not be sent. */
const SHUT = frame(FRAME.SETTINGS, 0, 0, settings([4, 0]));

describe('clients that hold on', () => {
  for (const { name, greeting, isDeaf } of [
    { name: 'responses that no window lets out', greeting: SHUT, isDeaf: false },
    { name: 'responses that are not read', greeting: GREETING, isDeaf: true },
  ]) {
    test(name, async (t) => {
      const growth = await survive(
        'in',
        async () => {
          const client = await RawHttp2.connect(portOfListener('in'), greeting);
          if (isDeaf) client.socket.pause();
          for (let i = 0; i < HELD_STREAMS; i++) client.send(get(odd(i), '/large'));
          // the first ones fit into the kernel's buffers
          while ((await proxy.stat(/^http\.in\.downstream_rq_active:/)) < 0.9 * HELD_STREAMS) await sleep(20);
          await sleep(500);
          client.destroy();
          await proxy.untilStat(/^cluster\.origin\.upstream_rq_active:/, 0);
        },
        HELD_BYTES_MAX,
      );
      t.diagnostic(`memory grew by ${(growth / MIB).toFixed(1)} MiB`);
    });
  }

  test('a body of single bytes that nobody takes', async (t) => {
    const growth = await survive(
      'in',
      async () => {
        const client = await RawHttp2.connect(portOfListener('in'));
        client.send(headers(1, head('POST', '/retried'), false));
        const bytes = many(data(1, 'x', false), 10_000);
        for (let i = 0; i < 200; i++) await client.push(bytes);
        assert.ok(await client.ping());
        client.destroy();
      },
      128 * MIB,
    );
    t.diagnostic(`memory grew by ${(growth / MIB).toFixed(1)} MiB`);
  });

  test('responses of HTTP/2 that are not read do not fill the connection that others need', async () => {
    const client = await RawHttp2.connect(portOfListener('shared'), SHUT);
    for (let i = 0; i < 30; i++) client.send(get(odd(i), '/large'));
    await proxy.untilStat(/^http\.shared\.downstream_rq_active:/, 30);
    await sleep(300);
    const other = await RawHttp2.connect(portOfListener('shared'));
    other.send(get(1, '/'));
    await until(() => other.ended.has(1));
    assert.equal(other.statuses.get(1), '200');
    for (const each of [client, other]) each.destroy();
  });

  test('SETTINGS of thousands of values', async () => {
    await survive('in', async () => {
      const client = await RawHttp2.connect(portOfListener('in'));
      const payload = settings(...Array.from({ length: 2730 }, (_, index) => [4, index] as const));
      for (let i = 0; i < 100; i++) client.send(frame(FRAME.SETTINGS, 0, 0, payload));
      await client.ping();
      client.destroy();
    });
  });

  test('heads that come slowly are waited for as long as request_headers_timeout says', async () => {
    await survive('timed', async () => {
      const slow1 = net.connect(portOfListener('timed'), '127.0.0.1').setEncoding('latin1');
      let answer = '';
      slow1.on('data', (text: string) => (answer += text));
      slow1.on('error', () => {});
      slow1.write('GET / HTTP/1.1\r\nhost: a\r\n');
      const drip = setInterval(() => slow1.write('x: y\r\n'), 50);
      const slow2 = await RawHttp2.connect(portOfListener('timed'));
      await slow2.ping();
      slow2.send(frame(FRAME.HEADERS, 0, 1, block(Buffer.alloc(0))));
      await once(slow1, 'close');
      clearInterval(drip);
      assert.match(answer, /^HTTP\/1\.1 408 /);
      await slow2.closed();
      assert.equal(slow2.goAway, 'ENHANCE_YOUR_CALM');
      slow2.destroy();
    });
  });

  test('requests that nobody answers, or goes on with, end by stream_idle_timeout', async () => {
    await survive('timed', async () => {
      const client = await RawHttp2.connect(portOfListener('timed'), SHUT);
      client.send(Buffer.concat([get(1, '/hold'), headers(3, head('POST', '/hold'), false), get(5, '/large')]));
      await until(() => client.resets.has(5) && client.statuses.has(1) && client.statuses.has(3));
      assert.equal(client.statuses.get(1), '504');
      assert.equal(client.statuses.get(3), '408');
      client.destroy();
    });
  });
});
