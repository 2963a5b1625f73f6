/** Sockets that listen: what is left of them when they are closed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { until } from '../../core/testing/eventually.ts';
import { Acceptor } from './acceptor.ts';
import { ownSockets } from './listen-sockets.ts';

async function connects(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test('what accepts nothing for a while keeps its socket, and gives it up when it is closed', async () => {
  const acceptor = new Acceptor({ host: '127.0.0.1', port: 0 }, { backlog: 16, isDualStack: false, key: 'a', sockets: ownSockets });
  await acceptor.listen('address');
  const { port } = acceptor.bound;
  const [open] = acceptor.descriptors;
  acceptor.isAccepting = false;
  await until(() => acceptor.descriptors[0] !== open);
  assert.equal(await connects(port), true);
  acceptor.close();
  assert.equal(await connects(port), false);
});
