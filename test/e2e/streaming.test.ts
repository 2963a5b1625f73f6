/** A slow reader and a slow origin: what they do not take stays with whoever sends, not in the proxy's memory. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cluster, httpListener, portOf, residentBytes, startStaticProxy, type StaticProxy, tcpListener } from './static-proxy.ts';

const MIB = 1024 * 1024;
const DOWNLOAD_BYTES = 1024 * MIB;
const UPLOAD_BYTES = 256 * MIB;
/** What the slow side takes before it stops. */
const TAKEN_BYTES = 4 * MIB;
const STOPPED_MS = 2000;
const GROWTH_BYTES_MAX = 80 * MIB;
/** Buffers of four sockets on loopback and of the proxy; far below what is sent. */
const UNDERWAY_BYTES_MAX = 64 * MIB;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

const METHODS = {
  download: 'GET / HTTP/1.1\r\nhost: origin\r\n\r\n',
  upload: `POST / HTTP/1.1\r\nhost: origin\r\ncontent-length: ${UPLOAD_BYTES}\r\n\r\n`,
};
const HEAD = `HTTP/1.1 200 OK\r\ncontent-length: ${DOWNLOAD_BYTES}\r\n\r\n`;

/** Sends `bytes` as fast as the socket takes them, until it closes; `sent` counts. */
function pour(socket: net.Socket, bytes: number, sent: (count: number) => void): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0 && socket.writable) {
      const chunk = CHUNK.subarray(0, Math.min(left, CHUNK.length));
      left -= chunk.length;
      sent(chunk.length);
      if (!socket.write(chunk)) return;
    }
  };
  socket.on('drain', more);
  more();
}

/** Takes some, and then nothing more. */
function sip(socket: net.Socket): void {
  let taken = 0;
  socket.on('data', (chunk) => {
    taken += chunk.length;
    if (taken >= TAKEN_BYTES) socket.pause();
  });
}

interface Origin {
  readonly port: number;
  readonly sent: () => number;
  /** Closes its connections. */
  readonly leave: () => void;
}

/** An origin that pours or sips, as the request's first letter says. */
async function startOrigin(t: TestContext): Promise<Origin> {
  let sent = 0;
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.once('data', (first) => {
      if (first[0] === 'G'.charCodeAt(0)) {
        socket.write(HEAD);
        pour(socket, DOWNLOAD_BYTES, (count) => (sent += count));
        return;
      }
      sip(socket);
    });
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
  return { port: portOf(server), sent: () => sent, leave };
}

/** The largest growth of the proxy's memory within a time. */
async function growthWithin(proxy: StaticProxy, before: number, ms: number): Promise<number> {
  let most = 0;
  for (const end = performance.now() + ms; performance.now() < end; await sleep(50)) {
    most = Math.max(most, residentBytes(proxy.pid) - before);
  }
  return most;
}

for (const protocol of ['http', 'tcp'] as const) {
  for (const direction of ['download', 'upload'] as const) {
    const skip = process.platform !== 'linux' && 'needs /proc';
    test(`${protocol} ${direction} to one that stops taking: memory stays bounded`, { skip }, async (t) => {
      const origin = await startOrigin(t);
      const proxy = await startStaticProxy(t, () => ({
        listeners: [protocol === 'http' ? httpListener('in', 'origin') : tcpListener('in', 'origin')],
        clusters: [cluster('origin', origin.port)],
      }));
      const port = await proxy.port('in');
      const before = residentBytes(proxy.pid);
      const client = net.connect(port, '127.0.0.1');
      client.on('error', () => {});
      let uploaded = 0;
      client.write(METHODS[direction]);
      if (direction === 'download') sip(client);
      else pour(client, UPLOAD_BYTES, (count) => (uploaded += count));
      const growth = await growthWithin(proxy, before, STOPPED_MS);
      const passed = direction === 'download' ? origin.sent() : uploaded;
      t.diagnostic(`memory grew by ${(growth / MIB).toFixed(1)} MiB, ${(passed / MIB).toFixed(1)} MiB were sent`);
      assert.ok(passed >= TAKEN_BYTES, `${passed} bytes got through`);
      assert.ok(passed < UNDERWAY_BYTES_MAX, `${passed} bytes were taken from the sender`);
      assert.ok(growth < GROWTH_BYTES_MAX, `memory grew by ${growth} bytes`);
      // the slow side gives up
      if (direction === 'download') client.destroy();
      else origin.leave();
      await proxy.untilStat(/^cluster\.origin\.upstream_cx_active:/, 0);
      client.destroy();
    });
  }
}
