/** How a proxy ends: it accepts no more, lets what is under way finish, and asks clients to leave. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { test, type TestContext } from 'node:test';
import { eventually } from '../../src/core/testing/eventually.ts';
import { ask } from '../../src/cli/demo/client.ts';
import { createGenerations, type Generations } from './generations.ts';
import { cluster, httpListener, echoServer, serve, tcpListener, wholeFile } from './static-proxy.ts';

/** Answers of requests for `/slow` wait here. */
const slow: (() => void)[] = [];
const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
  if (request.url === '/slow') slow.push(() => response.end('late'));
  else response.end('hello');
});
server.on('upgrade', (_request, socket: net.Socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  socket.on('error', () => {}).pipe(socket);
});
const lifetime = wholeFile();
const [web, echo] = [await serve(lifetime, server), await serve(lifetime, echoServer())];

const manager = { upgrade_configs: [{ upgrade_type: 'websocket' }] };

async function serving(t: TestContext, ...args: string[]): Promise<{ generations: Generations; proxy: ReturnType<Generations['start']> }> {
  const generations = createGenerations(t, () => ({
    listeners: [httpListener('web', 'web', { manager }), tcpListener('tcp', 'echo')],
    clusters: [cluster('web', web), cluster('echo', echo)],
  }));
  const proxy = generations.start(...args);
  await proxy.live();
  return { generations, proxy };
}

async function drains(generations: Generations): Promise<void> {
  await eventually(
    async () => (await generations.admin('/ready')) === 'DRAINING\n' || undefined,
    () => 'it drains',
  );
}

const GET = 'GET /x HTTP/1.1\r\nhost: a\r\n\r\n';
const UPGRADE = 'GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';

async function say(socket: net.Socket, text: string): Promise<string> {
  socket.write(text);
  const [data] = (await once(socket, 'data')) as [Buffer];
  return data.toString();
}

test('everything under way finishes, on every protocol; nobody new is let in', { timeout: 180_000 }, async (t) => {
  const { generations, proxy } = await serving(t, '--drain-time-s', '30');
  const [port, tcpPort] = [await generations.port('web'), await generations.port('tcp')];
  const kept = net.connect(port, '127.0.0.1');
  assert.match(await say(kept, GET), /200 OK/);
  const socket = net.connect(port, '127.0.0.1');
  assert.match(await say(socket, UPGRADE), /101 Switching/);
  const tcp = net.connect(tcpPort, '127.0.0.1');
  assert.equal(await say(tcp, 'ping'), 'ping');
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const goaway = once(session, 'goaway');
  const stream = session.request({ ':path': '/slow' });
  await eventually(
    () => slow.length === 1 || undefined,
    () => 'the slow request has come',
  );
  proxy.kill('SIGTERM');
  await drains(generations);
  await assert.rejects(ask({ port }, '/x'), /ECONNREFUSED/);
  await assert.rejects(ask({ port: tcpPort }, '/x'), /ECONNREFUSED/);
  assert.match(await say(kept, GET), /connection: close/i);
  await goaway;
  slow[0]?.();
  const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status'?: number }];
  assert.equal(head[':status'], 200);
  stream.resume();
  assert.equal(await say(socket, 'still here'), 'still here');
  assert.equal(await say(tcp, 'here too'), 'here too');
  for (const each of [socket, tcp]) each.destroy();
  // with the last of them it ends, long before the drain time is over
  assert.equal(await proxy.ended, 0);
  session.destroy();
});

test('the drain time bounds it, and a second signal ends it at once', { timeout: 180_000 }, async (t) => {
  for (const [drainTimeS, signals] of [
    ['0.3', 1],
    ['600', 2],
  ] as const) {
    const { generations, proxy } = await serving(t, '--drain-time-s', drainTimeS);
    const tcp = net.connect(await generations.port('tcp'), '127.0.0.1');
    assert.equal(await say(tcp, 'ping'), 'ping');
    const closed = once(
      tcp.on('error', () => {}),
      'close',
    );
    proxy.kill('SIGTERM');
    if (signals === 2) {
      await drains(generations);
      proxy.kill('SIGTERM');
    }
    await closed;
    assert.equal(await proxy.ended, 0);
  }
});

test('listeners drain gracefully: they accept until the drain time is over', { timeout: 180_000 }, async (t) => {
  const { generations } = await serving(t, '--drain-time-s', '1');
  const port = await generations.port('web');
  assert.equal(await generations.admin('/drain_listeners?graceful', 'POST'), 'OK\n');
  const answer = await ask({ port }, '/x', { headers: { connection: 'keep-alive' } });
  assert.deepEqual([answer.text, answer.headers['connection']], ['hello', 'close']);
  await eventually(
    () =>
      ask({ port }, '/x').then(
        () => undefined,
        (error: unknown) => /ECONNREFUSED/.test(String(error)) || undefined,
      ),
    () => 'it accepts no more',
  );
  assert.equal(await generations.admin('/ready'), 'LIVE\n');
});
