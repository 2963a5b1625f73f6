/** A proxy that takes over from another: `tulle proxy --restart`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../../src/core/testing/eventually.ts';
import { createTestCa } from '../../src/net/testing/certificates.ts';
import { ask } from '../../src/cli/demo/client.ts';
import { createGenerations, type Generations } from './generations.ts';
import { loadHttp1, loadHttp2, loadTcp } from './restart-load.ts';
import { cluster, httpListener, echoServer, serve, tcpListener, tlsSocket, wholeFile } from './static-proxy.ts';

const lifetime = wholeFile();
const web = await serve(
  lifetime,
  http.createServer({ keepAliveTimeout: 0 }, (_request, response) => response.end('hello')),
);
const echo = await serve(lifetime, echoServer());

const ca = createTestCa('ca');
const issued = ca.issue('DNS:localhost');

function resources() {
  const tls = tlsSocket('Downstream', {
    alpn_protocols: ['h2', 'http/1.1'],
    tls_certificates: [
      { certificate_chain: { inline_string: issued.certificateChain }, private_key: { inline_string: issued.privateKey } },
    ],
  });
  return {
    listeners: [httpListener('web', 'web'), httpListener('secure', 'web', { chain: tls }), tcpListener('tcp', 'echo')],
    clusters: [cluster('web', web), cluster('echo', echo)],
  };
}

async function first(t: TestContext, ...args: string[]): Promise<{ generations: Generations; old: ReturnType<Generations['start']> }> {
  const generations = createGenerations(t, resources);
  const old = generations.start('--drain-time-s', '5', ...args);
  await old.live();
  return { generations, old };
}

test('10,000 requests over 64 connections see nothing of two restarts', { timeout: 180_000 }, async (t) => {
  const { generations, old } = await first(t);
  const [plain, secure, tcp] = await Promise.all(['web', 'secure', 'tcp'].map((name) => generations.port(name)));
  assert.ok(plain && secure && tcp);
  const loads = Promise.all([
    loadHttp1(plain, 10_000, 64, true),
    loadHttp1(plain, 2000, 8, false),
    loadHttp2(secure, ca.root, 4000, 16),
    loadTcp(tcp, 2000, 16),
  ]);
  await eventually(
    async () => (await generations.stat('http.web.downstream_rq_completed')) > 1000 || undefined,
    () => 'the load has begun',
  );
  const second = generations.start('--restart', '--drain-time-s', '5');
  await second.live();
  const third = generations.start('--restart', '--drain-time-s', '5');
  await third.live();
  const results = await loads;
  assert.deepEqual(
    results.map(({ failures }) => failures.slice(0, 5)),
    [[], [], [], []],
  );
  assert.deepEqual(
    results.map(({ answered }) => answered),
    [10_000, 2000, 4000, 2000],
  );
  assert.deepEqual(await Promise.all([old.ended, second.ended]), [0, 0]);
  // what the former ones have counted is not lost
  assert.equal(await generations.stat('http.web.downstream_rq_completed'), 12_000);
  assert.equal(await generations.stat('http.secure.downstream_rq_completed'), 4000);
  assert.equal((await ask({ port: plain }, '/x')).text, 'hello');
});

test('a hundred connections that nobody has accepted yet are served by the successor', { timeout: 180_000 }, async (t) => {
  const { generations, old } = await first(t);
  const port = await generations.port('web');
  const second = generations.start('--restart', '--drain-time-s', '5');
  await eventually(
    () => /sockets passed on/.test(old.log()) || undefined,
    () => `sockets are passed on\n${old.log()}`,
  );
  // the old one is stopped with the sockets still its own: what connects now waits in the kernel
  process.kill(old.pid, 'SIGSTOP');
  const requests = Array.from({ length: 100 }, () => ask({ port }, '/x'));
  const answers = await Promise.all(requests);
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['hello']));
  process.kill(old.pid, 'SIGCONT');
  await second.live();
  assert.equal(await old.ended, 0);
});

test('a successor that cannot start leaves the running one alone', { timeout: 180_000 }, async (t) => {
  const { generations, old } = await first(t, '--drain-time-s', '0.2');
  const port = await generations.port('web');
  generations.configure({
    static_resources: {
      ...resources(),
      listeners: [
        httpListener('web', 'web'),
        { ...httpListener('taken', 'web'), address: { socket_address: { address: '127.0.0.1', port_value: web } } },
      ],
    },
  });
  const second = generations.start('--restart');
  assert.equal(await second.ended, 1);
  assert.match(second.log(), /the address is already in use/);
  assert.equal((await ask({ port }, '/x')).text, 'hello');
  assert.equal(await generations.admin('/ready'), 'LIVE\n');
  // and it can be tried again
  generations.configure({ static_resources: resources() });
  const third = generations.start('--restart');
  await third.live();
  assert.equal(await old.ended, 0);
  assert.equal((await ask({ port }, '/x')).text, 'hello');
  assert.equal(await generations.admin('/ready'), 'LIVE\n');
});

test('without a running proxy --restart starts one', { timeout: 180_000 }, async (t) => {
  const generations = createGenerations(t, resources);
  const only = generations.start('--restart');
  await only.live();
  assert.match(only.log(), /no proxy runs that could be taken over from/);
  assert.equal((await ask({ port: await generations.port('web') }, '/x')).text, 'hello');
});

test('connections that a successor does not take go on, until --parent-shutdown-time-s', { timeout: 180_000 }, async (t) => {
  const { generations, old } = await first(t, '--drain-time-s', '30');
  const socket = net.connect(await generations.port('tcp'), '127.0.0.1');
  const closed = once(socket, 'close');
  socket.write('a');
  await once(socket, 'data');
  const second = generations.start('--restart', '--parent-shutdown-time-s', '1');
  await second.live();
  socket.write('b');
  const [data] = (await once(socket, 'data')) as [Buffer];
  assert.equal(data.toString(), 'b');
  await closed;
  assert.equal(await old.ended, 0);
});

test('a listener on a Unix socket is taken over, and its file stays', { timeout: 180_000 }, async (t) => {
  const generations = createGenerations(t, (folder) => ({
    listeners: [{ ...httpListener('unix', 'web'), address: { pipe: { path: path.join(folder, 'web.sock') } } }],
    clusters: [cluster('web', web)],
  }));
  writeFileSync(path.join(generations.folder, 'web.sock'), 'left behind');
  const socketPath = path.join(generations.folder, 'web.sock');
  const old = generations.start('--drain-time-s', '0.2');
  await old.live();
  assert.equal((await ask({ socketPath }, '/x')).text, 'hello');
  const second = generations.start('--restart', '--drain-time-s', '0.2');
  await second.live();
  assert.equal(await old.ended, 0);
  assert.equal((await ask({ socketPath }, '/x')).text, 'hello');
  second.kill('SIGTERM');
  assert.equal(await second.ended, 0);
  await assert.rejects(ask({ socketPath }, '/x'), /ENOENT/);
});
