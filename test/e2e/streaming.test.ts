/** A slow reader and a slow origin: what they do not take stays with whoever sends, not in the proxy's memory. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { portOf } from '../../src/net/testing/port-of.ts';
import { GREETING, headers, SERVER_GREETING } from '../differential/framework/h2-frames.ts';
import { MIB } from './http-body.ts';
import type { Version } from './http-client.ts';
import { HTTP } from './pairs.ts';
import { PREFACE } from './raw-http2.ts';
import { cluster, httpListener, httpOptions, residentBytes, startStaticProxy, type StaticProxy, tcpListener } from './static-proxy.ts';

const OFFERED_BYTES = 1024 * MIB;
/** What the slow side takes before it stops. */
const TAKEN_BYTES = 4 * MIB;
const STOPPED_MS = 1000;
const GROWTH_BYTES_MAX = 80 * MIB;
/** Buffers of four sockets on loopback and of the proxy; far below what is sent. */
const UNDERWAY_BYTES_MAX = 64 * MIB;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

/** Download: the origin sends and the client stops reading. Upload: the other way round. */
type Direction = 'download' | 'upload';

interface Case {
  readonly client: Version | 'tcp';
  readonly origin: Version;
  readonly direction: Direction;
}

const CASES = (['download', 'upload'] as const).flatMap((direction): Case[] => [
  { client: 'tcp', origin: 'h1', direction },
  { client: 'h1', origin: 'h1', direction },
  { client: 'h1', origin: 'h2', direction },
  { client: 'h2', origin: 'h1', direction },
  { client: 'h2', origin: 'h2', direction },
]);

const METHODS = {
  download: 'GET / HTTP/1.1\r\nhost: origin\r\n\r\n',
  upload: `POST / HTTP/1.1\r\nhost: origin\r\ncontent-length: ${OFFERED_BYTES}\r\n\r\n`,
};
const HEAD = `HTTP/1.1 200 OK\r\ncontent-length: ${OFFERED_BYTES}\r\n\r\n`;

/** Sends as fast as it is taken, until it closes; the count is of bytes. */
function pour(to: Writable): () => number {
  let left = OFFERED_BYTES;
  const more = (): void => {
    while (left > 0 && to.writable) {
      const chunk = CHUNK.subarray(0, Math.min(left, CHUNK.length));
      left -= chunk.length;
      if (!to.write(chunk)) return;
    }
  };
  to.on('drain', more);
  to.on('error', () => {});
  more();
  return () => OFFERED_BYTES - left;
}

/** Takes some, and then nothing more; of HTTP/2 the windows stay open, but the socket is not read. */
function sip(from: Readable): void {
  let taken = 0;
  from.on('data', (chunk: Buffer) => {
    taken += chunk.length;
    if (taken >= TAKEN_BYTES) from.pause();
  });
}

/** One end: what it has sent, and how it gives up. */
interface End {
  readonly sent: () => number;
  readonly leave: () => void;
}

const nothing = (): number => 0;

/** Serves one connection of the proxy's. */
function serveOne(version: Version, direction: Direction, socket: net.Socket): () => number {
  if (version === 'h1' && direction === 'download') {
    socket.write(HEAD);
    return pour(socket);
  }
  if (version === 'h2') socket.write(SERVER_GREETING);
  sip(socket);
  return nothing;
}

async function startOrigin(t: TestContext, { origin: version, direction }: Case): Promise<End & { readonly port: number }> {
  let sent = nothing;
  const open = new Set<net.Socket>();
  const pourer = version === 'h2' && direction === 'download' ? http2.createServer() : undefined;
  pourer?.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    sent = pour(stream);
  });
  const server = pourer ?? net.createServer((socket) => (sent = serveOne(version, direction, socket)));
  server.on('connection', (socket: net.Socket) => {
    open.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const leave = (): void => {
    for (const socket of open) socket.destroy();
  };
  t.after(() => {
    leave();
    server.close();
  });
  return { port: portOf(server), sent: () => sent(), leave };
}

const REQUEST2 = headers(1, Object.entries({ ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'origin' }), true);

function startUpload2(port: number): End {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  return { sent: pour(session.request({ ':method': 'POST', ':path': '/' })), leave: () => session.destroy() };
}

function startClient({ client, direction }: Case, port: number): End {
  if (client === 'h2' && direction === 'upload') return startUpload2(port);
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const leave = (): void => void socket.destroy();
  socket.write(client === 'h2' ? Buffer.concat([PREFACE, GREETING, REQUEST2]) : METHODS[direction]);
  if (direction === 'upload') return { sent: pour(socket), leave };
  sip(socket);
  return { sent: nothing, leave };
}

/** The largest growth of the proxy's memory within a time. */
async function growthWithin(proxy: StaticProxy, before: number, ms: number): Promise<number> {
  let most = 0;
  for (const end = performance.now() + ms; performance.now() < end; await sleep(50)) {
    most = Math.max(most, residentBytes(proxy.pid) - before);
  }
  return most;
}

for (const each of CASES) {
  const { client: version, origin: upstream, direction } = each;
  const skip = process.platform !== 'linux' && 'needs /proc';
  test(`${direction} from ${version} to ${upstream}, by one that stops taking: memory stays bounded`, { skip }, async (t) => {
    const origin = await startOrigin(t, each);
    const proxy = await startStaticProxy(t, () => ({
      listeners: [version === 'tcp' ? tcpListener('in', 'origin') : httpListener('in', 'origin')],
      clusters: [cluster('origin', origin.port, httpOptions(HTTP[upstream]))],
    }));
    const port = await proxy.port('in');
    const before = residentBytes(proxy.pid);
    const client = startClient(each, port);
    const growth = await growthWithin(proxy, before, STOPPED_MS);
    const passed = direction === 'download' ? origin.sent() : client.sent();
    t.diagnostic(`memory grew by ${(growth / MIB).toFixed(1)} MiB, ${(passed / MIB).toFixed(1)} MiB were sent`);
    assert.ok(passed >= TAKEN_BYTES, `${passed} bytes got through`);
    assert.ok(passed < UNDERWAY_BYTES_MAX, `${passed} bytes were taken from the sender`);
    assert.ok(growth < GROWTH_BYTES_MAX, `memory grew by ${growth} bytes`);
    // the slow side gives up
    if (direction === 'download') client.leave();
    else origin.leave();
    await proxy.untilStat(version === 'tcp' ? /^cluster\.origin\.upstream_cx_active:/ : /^cluster\.origin\.upstream_rq_active:/, 0);
    client.leave();
  });
}
