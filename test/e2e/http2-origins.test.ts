/** Origins of HTTP/2 that leave, refuse or break the protocol: clients get an answer, from another connection where that is right. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { portOf } from '../../src/net/testing/port-of.ts';
import { data, FRAME, frame, headers, SERVER_GREETING, settings } from '../differential/framework/h2-frames.ts';
import { digestOf } from './http-body.ts';
import { type Client, connectClient } from './http-client.ts';
import { type RawOrigin, startRawOrigin, type Serve } from './raw-http2-origin.ts';
import { cluster, httpListener, httpOptions, startStaticProxy, type StaticProxy, wholeFile } from './static-proxy.ts';

const retried = (to: string): JsonObject => ({
  match: { prefix: '/retried' },
  route: { cluster: to, timeout: '0s', retry_policy: { retry_on: 'refused-stream,reset', num_retries: 3 } },
});

async function proxyTo(t: TestContext, port: number): Promise<{ proxy: StaticProxy; client: Client }> {
  const proxy = await startStaticProxy(t, () => ({
    listeners: [httpListener('in', 'origin', { routes: [retried('origin')] })],
    clusters: [
      cluster('origin', port, {
        ...httpOptions({ http2_protocol_options: {} }),
        circuit_breakers: { thresholds: [{ max_retries: 1000 }] },
      }),
    ],
  }));
  const client = await connectClient('h2', { port: await proxy.port('in'), root: undefined });
  t.after(() => client.close());
  return { proxy, client };
}

/** A GET's status and body; `cut` where the body breaks off. */
async function ask(client: Client, path: string): Promise<string> {
  const call = client.open({ method: 'GET', path });
  call.body.end();
  const answer = await call.answer;
  const body = await digestOf(answer.body).then(
    () => '',
    () => ' cut',
  );
  return `${answer.status}${body}`;
}

interface Case {
  readonly name: string;
  readonly path?: string;
  /** On the first connection; on others all is fine. */
  readonly serve: Serve;
  /** Answers to two requests, one after the other. */
  readonly want: readonly string[];
  readonly connections: number;
  readonly options?: JsonObject;
}

const MALFORMED: Serve = (connection, stream) => connection.answer(stream, 'x', ['UPPER', 'case']);

const CASES: readonly Case[] = [
  { name: 'resets by REFUSED_STREAM', serve: (it, id) => it.reset(id, 7), want: ['503', '503'], connections: 1 },
  {
    name: 'resets by REFUSED_STREAM once, retried',
    path: '/retried',
    serve: (it, id) => (id === 1 ? it.reset(id, 7) : it.answer(id)),
    want: ['200', '200'],
    connections: 1,
  },
  {
    name: 'takes no more streams, retried',
    path: '/retried',
    serve: (it) => it.goAway(0),
    want: ['200', '200'],
    connections: 2,
  },
  {
    name: 'leaves before it answers what it took',
    serve: (it, id) => {
      it.goAway(id);
      setTimeout(() => it.answer(id), 50);
    },
    want: ['200', '200'],
    connections: 2,
  },
  { name: 'answers with a malformed head', serve: MALFORMED, want: ['502', '200'], connections: 2 },
  {
    name: 'answers without a status',
    serve: (it, id) => it.send(headers(id, [['x', 'y']], true)),
    want: ['502', '200'],
    connections: 2,
  },
  {
    name: 'sends less than it declares',
    serve: (it, id) => it.answer(id, 'abc', ['content-length', '10']),
    want: ['200 cut', '200 cut'],
    connections: 1,
  },
  {
    name: 'sends more than it declares',
    serve: (it, id) =>
      it.send(
        headers(
          id,
          [
            [':status', '200'],
            ['content-length', '2'],
          ],
          false,
        ),
        data(id, 'ab', false),
        data(id, 'cde', true),
      ),
    want: ['200 cut', '200 cut'],
    connections: 1,
  },
  { name: 'closes its connection', serve: (it) => it.socket.destroy(), want: ['503', '200'], connections: 2 },
  {
    name: 'breaks the protocol',
    serve: (it) => it.send(frame(FRAME.PUSH_PROMISE, 4, 1, Buffer.of(0, 0, 0, 2, 0x88))),
    want: ['502', '200'],
    connections: 2,
  },
  {
    name: 'gives no sign of life',
    serve: (it) => void (it.isAlive = false),
    options: { connection_keepalive: { interval: '0.1s', timeout: '1s' } },
    want: ['503', '200'],
    connections: 2,
  },
];

describe('an origin', () => {
  const lifetime = wholeFile();
  const origins: RawOrigin[] = [];
  const clients: Client[] = [];

  before(async () => {
    for (const { serve } of CASES) {
      origins.push(await startRawOrigin(lifetime, (it, id) => (it.number === 0 ? serve(it, id) : it.answer(id))));
    }
    const proxy = await startStaticProxy(lifetime, () => ({
      listeners: CASES.map((_, index) => httpListener(`in${index}`, `${index}`, { routes: [retried(`${index}`)] })),
      clusters: CASES.map(({ options = {} }, index) =>
        cluster(`${index}`, origins[index]?.port ?? 0, httpOptions({ http2_protocol_options: options })),
      ),
    }));
    for (const index of CASES.keys()) {
      const client = await connectClient('h2', { port: await proxy.port(`in${index}`), root: undefined });
      lifetime.after(() => client.close());
      clients.push(client);
    }
  });

  for (const [index, { name, path = '/', want, connections }] of CASES.entries()) {
    test(name, async () => {
      const client = clients[index];
      assert.ok(client !== undefined);
      assert.deepEqual([await ask(client, path), await ask(client, path)], want);
      assert.equal(origins[index]?.connections.length, connections);
    });
  }
});

test('an origin takes one stream at a time: what it says once is kept to on each connection', async (t) => {
  let refused = 0;
  const serve: Serve = (it, id) => {
    if (it.open.size > 1) {
      refused++;
      it.reset(id, 7);
    } else setTimeout(() => it.answer(id), 20);
  };
  const greeting = Buffer.concat([frame(FRAME.SETTINGS, 0, 0, settings([3, 1])), SERVER_GREETING]);
  const origin = await startRawOrigin(t, serve, greeting);
  const { client } = await proxyTo(t, origin.port);
  assert.equal(await ask(client, '/'), '200');
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(client, '/')));
  assert.deepEqual(new Set(answers), new Set(['200']));
  assert.equal(refused, 0);
});

test('an origin restarts gracefully under load, again and again: no request is lost', async (t) => {
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', (session) => void sessions.add(session));
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { proxy, client } = await proxyTo(t, portOf(server));
  let isOver = false;
  const answers: string[] = [];
  const load = async (): Promise<void> => {
    while (!isOver) answers.push(await ask(client, '/retried'));
  };
  const running = Promise.all(Array.from({ length: 20 }, load));
  for (let i = 0; i < 15; i++) {
    const answered = answers.length;
    await sleep(60);
    // it serves by another connection, on a slow machine too
    while (sessions.size === 0 || answers.length < answered + 20) await sleep(5);
    for (const session of sessions) session.close();
    sessions.clear();
  }
  isOver = true;
  await running;
  t.diagnostic(`${answers.length} requests`);
  assert.ok(answers.length > 100);
  assert.deepEqual(new Set(answers), new Set(['200']));
  assert.ok((await proxy.stat(/^cluster\.origin\.upstream_cx_http2_total:/)) > 10);
});
