import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { test } from 'node:test';
import type * as Koffi from 'koffi';
import { portOf } from './testing/port-of.ts';
import { setKeepAlive } from './keep-alive.ts';

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;

/** A reader of options of sockets, as the kernel has them. */
function optionReader(): (socket: net.Socket, level: number, option: number) => number | undefined {
  const koffi: typeof Koffi = createRequire(import.meta.url)('koffi');
  const getsockopt: (fd: unknown, level: number, option: number, value: Uint32Array, length: Uint32Array) => number = koffi
    .load(null)
    .func('int getsockopt(int, int, int, void *, void *)');
  return (socket, level, option) => {
    const value = new Uint32Array(1);
    const handle: unknown = Reflect.get(socket, '_handle');
    const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
    return getsockopt(fd, level, option, value, Uint32Array.of(4)) === 0 ? value[0] : undefined;
  };
}

test('all three times of keep-alive reach the kernel', { skip: process.platform !== 'linux' }, async (t) => {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect(portOf(server), '127.0.0.1');
  t.after(() => {
    socket.destroy();
    server.close();
  });
  setKeepAlive(socket, { idleMs: 40_000, intervalMs: 7000, probes: 4 });
  await once(socket, 'connect');
  const read = optionReader();
  assert.equal(read(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
  assert.deepEqual(
    [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map((option) => read(socket, IPPROTO_TCP, option)),
    [40, 7, 4],
  );
});
