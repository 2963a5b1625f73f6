import assert from 'node:assert/strict';
import type net from 'node:net';
import { test } from 'node:test';
import { response, routesOf, routeTo } from '../testing/http-harness.ts';
import { counter, GET, setUp } from '../testing/hcm-setup.ts';

const RETRY = { retryPolicy: { retryOn: '5xx', numRetries: 2, retryBackOff: { baseInterval: { nanos: 1_000_000 } } } };

test('a response that may be retried is, with the body sent again', async (t) => {
  const { dial, seen, proxy } = await setUp(t, {
    routes: routesOf([routeTo('c', RETRY)], { includeRequestAttemptCount: true }),
    answer: (_head, count) => response(count < 3 ? 503 : 200, 'body'),
  });
  const client = await dial();
  client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nwhat');
  assert.match(await client.until(/body$/), /^HTTP\/1.1 200/);
  assert.deepEqual(
    seen.map((text) => /x-envoy-attempt-count: (\d)[^]*(what)$/.exec(text)?.slice(1)),
    [
      ['1', 'what'],
      ['2', 'what'],
      ['3', 'what'],
    ],
  );
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_retry'), 2);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_retry_success'), 1);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_total'), 1, 'short bodies are drained, so that the connection is used again');
});

test('retries end with the last answer and the flag URX', async (t) => {
  const {
    ask: send,
    seen,
    proxy,
    cluster,
  } = await setUp(t, { routes: routesOf([routeTo('c', RETRY)]), answer: () => response(500, 'no') });
  assert.match(await send(GET), /^HTTP\/1.1 500 [^]*no$/);
  assert.equal(seen.length, 3);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_retry_limit_exceeded'), 1);
  assert.equal(cluster.limits.retries.value, 0);
});

test('a body beyond the limit is sent once, and not retried', async (t) => {
  const { dial, seen } = await setUp(t, {
    routes: routesOf([{ ...routeTo('c', RETRY), perRequestBufferLimitBytes: 10 }]),
    answer: () => response(500, 'no'),
  });
  const client = await dial();
  client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 40\r\n\r\n${'x'.repeat(20)}`);
  setImmediate(() => client.send('x'.repeat(20)));
  assert.match(await client.until(/no$/), /^HTTP\/1.1 500/);
  assert.equal(seen.length, 1);
});

test('a reset is retried only where the policy says so', async (t) => {
  for (const [retryOn, want] of [
    ['gateway-error', 2],
    ['connect-failure', 1],
    ['reset', 2],
    ['reset-before-request', 1],
    ['retriable-4xx', 1],
  ] as const) {
    const { ask: send, seen } = await setUp(t, {
      routes: routesOf([routeTo('c', { retryPolicy: { retryOn, retryBackOff: { baseInterval: { nanos: 1_000_000 } } } })]),
      answer: (_head, count, socket) => {
        if (count === 1) socket.destroy();
        return count === 1 ? '' : response(200, 'ok');
      },
    });
    assert.match(await send(GET), want === 2 ? /^HTTP\/1.1 200/ : /^HTTP\/1.1 503/, retryOn);
    assert.equal(seen.length, want, retryOn);
  }
});

test('the route timeout: 504, UT', async (t) => {
  const {
    ask: send,
    cluster,
    proxy,
  } = await setUp(t, { routes: routesOf([routeTo('c', { timeout: { nanos: 30_000_000 } })]), serve: () => {} });
  assert.match(await send(GET), /^HTTP\/1.1 504 [^]*upstream request timeout$/);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_timeout'), 1);
  assert.equal(cluster.limits.requests.value, 0);
});

test('a try that takes too long is tried again', async (t) => {
  const {
    ask: send,
    seen,
    proxy,
  } = await setUp(t, {
    routes: routesOf([routeTo('c', { retryPolicy: { ...RETRY.retryPolicy, perTryTimeout: { nanos: 20_000_000 } } })]),
    answer: (_head, count) => (count === 1 ? '' : response(200, 'ok')),
  });
  assert.match(await send(GET), /^HTTP\/1.1 200/);
  assert.equal(seen.length, 2);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_per_try_timeout'), 1);
});

test('limits: a request too many is refused at once, with x-envoy-overloaded', async (t) => {
  const waiting: net.Socket[] = [];
  const { dial, ask: send } = await setUp(t, {
    limits: { maxRequests: 1 },
    answer: (_head, _count, socket) => {
      waiting.push(socket);
      return '';
    },
  });
  const first = await dial();
  first.send(GET);
  while (waiting.length === 0) await new Promise(setImmediate);
  assert.match(await send(GET), /^HTTP\/1.1 503 [^]*x-envoy-overloaded: true[^]*reset reason: overflow$/);
  waiting[0]?.write(response(200, 'late'));
  await first.until(/late$/);
});

test('limits: requests wait for a connection, and the ones beyond the queue are refused', async (t) => {
  const {
    dial,
    ask: send,
    cluster,
    seen,
    proxy,
  } = await setUp(t, {
    limits: { maxConnections: 1, maxPendingRequests: 1 },
    answer: () => '',
  });
  const [first, second] = [await dial(), await dial()];
  first.send(GET);
  while (seen.length === 0) await new Promise(setImmediate);
  second.send(GET);
  while (cluster.limits.pending.value === 0) await new Promise(setImmediate);
  assert.match(await send(GET), /^HTTP\/1.1 503 [^]*overflow$/);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_pending_overflow'), 1);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_cx_overflow'), 1);
  first.socket.destroy();
  while (seen.length < 2) await new Promise(setImmediate);
  assert.equal(cluster.limits.connections.value, 1);
});

test('the client leaves: the upstream request is dropped', async (t) => {
  const closed = Promise.withResolvers<void>();
  const { dial, seen, cluster } = await setUp(t, {
    answer: (_head, _count, socket) => {
      socket.on('close', () => closed.resolve());
      return '';
    },
  });
  const client = await dial();
  client.send(GET);
  while (seen.length === 0) await new Promise(setImmediate);
  client.socket.destroy();
  await closed.promise;
  assert.equal(cluster.limits.requests.value, 0);
});

test('a large response to a slow reader is held back at its source', async (t) => {
  const total = 64 << 20;
  let written = 0;
  const { dial } = await setUp(t, {
    serve: (socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
        const piece = Buffer.alloc(1 << 20);
        const pump = (): void => {
          while (written < total) {
            written += piece.length;
            if (!socket.write(piece)) {
              socket.once('drain', pump);
              return;
            }
          }
        };
        pump();
      });
    },
  });
  const client = await dial();
  client.socket.removeAllListeners('data');
  client.socket.pause();
  client.send(GET);
  let before = -1;
  while (written !== before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert(written < total / 2, `${written} bytes went out to a client that reads nothing`);
  let got = 0;
  await new Promise<void>((resolve) => {
    client.socket.on('data', (bytes) => {
      got += bytes.length;
      if (got >= total) resolve();
    });
    client.socket.resume();
  });
});

test('an upload to an origin that does not read is held back at the client', async (t) => {
  const { dial, seen } = await setUp(t, {
    serve: (socket) => {
      socket.pause();
      setTimeout(() => {
        let got = 0;
        socket.on('data', (bytes) => {
          got += bytes.length;
          if (got >= 32 << 20) socket.write(response(200, 'thanks'));
        });
        socket.resume();
      }, 200);
    },
  });
  const client = await dial();
  client.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${32 << 20}\r\n\r\n`);
  client.socket.write(Buffer.alloc(32 << 20));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert(client.socket.writableLength > 0, 'the proxy swallowed an upload that nobody reads');
  await client.until(/thanks$/);
  assert.equal(seen.length, 0);
});
