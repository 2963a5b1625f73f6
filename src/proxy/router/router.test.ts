import assert from 'node:assert/strict';
import type net from 'node:net';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { RouteMatchSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { response, routesOf, routeTo } from '../testing/http-harness.ts';
import { counter, GET, setUp } from '../testing/hcm-setup.ts';
import { readOn, standingStill } from '../testing/held-back.ts';

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
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_503'), 0);
  assert.equal(counter(proxy, 'cluster.c.retry', 'upstream_rq_503'), 2, 'apart from what clients get');
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

test('a route with a stat_prefix counts by itself what its clients got', async (t) => {
  const { ask: send, proxy } = await setUp(t, {
    routes: routesOf([{ ...routeTo('c', RETRY), statPrefix: 'main' }]),
    answer: (_head, count) => response(count < 2 ? 503 : 200, 'body'),
  });
  assert.match(await send(GET), /^HTTP\/1.1 200/);
  const found: Record<string, number> = {};
  proxy.stats.forEach(({ name, value }) => {
    const [, leaf] = /^vhost\.[^.]+\.route\.main\.(.+)$/.exec(name) ?? [];
    if (leaf !== undefined && value.kind === 'counter' && value.counter.value > 0) found[leaf] = value.counter.value;
    if (leaf !== undefined && value.kind === 'histogram') found[leaf] = value.histogram.count;
  });
  assert.deepEqual(found, {
    upstream_rq_200: 1,
    upstream_rq_2xx: 1,
    upstream_rq_completed: 1,
    upstream_rq_retry: 1,
    upstream_rq_retry_success: 1,
    upstream_rq_time: 1,
    upstream_rq_total: 2,
  });
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
  await standingStill(() => written);
  assert(written < total / 2, `${written} bytes went out to a client that reads nothing`);
  await readOn(client.socket, total);
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

const PER_TRY = { ...RETRY.retryPolicy, perTryTimeout: { nanos: 20_000_000 } };

test('hedging: an attempt goes on after its time, and the first good answer wins', async (t) => {
  for (const slow of [1, 2]) {
    let answerFirst: (() => unknown) | undefined;
    const { ask, seen, cluster, proxy } = await setUp(t, {
      routes: routesOf([routeTo('c', { retryPolicy: PER_TRY, hedgePolicy: { hedgeOnPerTryTimeout: true } })]),
      answer: (_head, count, socket) => {
        if (count === 1) answerFirst = () => socket.write(response(200, 'first'));
        // the first is late, and wins all the same where the second does not answer
        else if (slow === 2) answerFirst?.();
        return count === 2 && slow === 1 ? response(200, 'second') : '';
      },
    });
    assert.match(await ask(GET), slow === 1 ? /second$/ : /first$/);
    assert(seen.length >= 2);
    assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_200'), 1);
    assert.deepEqual([cluster.limits.requests.value, cluster.limits.retries.value], [0, 0]);
  }
});

test('hedging: a bad answer waits for those that still run', async (t) => {
  const { ask, proxy } = await setUp(t, {
    routes: routesOf([routeTo('c', { retryPolicy: { ...PER_TRY, numRetries: 1 }, hedgePolicy: { hedgeOnPerTryTimeout: true } })]),
    answer: (_head, count, socket) => {
      if (count === 1) setTimeout(() => socket.write(response(200, 'good')), 80);
      return count === 1 ? '' : response(503, 'bad');
    },
  });
  assert.match(await ask(GET), /good$/);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_total'), 2);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_503'), 0, 'an answer that nobody gets is not counted');
});

test('hedging: where the next attempt finds no host, those that still run end with the request', async (t) => {
  const { ask, seen, cluster } = await setUp(t, {
    routes: routesOf([routeTo('c', { retryPolicy: PER_TRY, hedgePolicy: { hedgeOnPerTryTimeout: true } })]),
    answer: () => {
      cluster.pick = () => undefined;
      return '';
    },
  });
  assert.match(await ask(GET), /^HTTP\/1.1 503 [^]*no healthy upstream$/);
  assert.equal(seen.length, 1);
  assert.equal(cluster.limits.requests.value, 0);
});

test('a rate-limited host says when to come again', async (t) => {
  const rateLimitedRetryBackOff = { resetHeaders: [{ name: 'Retry-After' }], maxInterval: { seconds: 2n } };
  const { ask, seen, proxy } = await setUp(t, {
    routes: routesOf([routeTo('c', { retryPolicy: { ...RETRY.retryPolicy, rateLimitedRetryBackOff } })]),
    answer: (_head, count) => (count === 1 ? response(503, '', 'retry-after: 1\r\n') : response(200, 'ok')),
  });
  const startMs = performance.now();
  assert.match(await ask(GET), /ok$/);
  assert(performance.now() - startMs >= 1000);
  assert.equal(seen.length, 2);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_retry_backoff_ratelimited'), 1);
});

test('retries say whether the attempt before ran out of time', async (t) => {
  const { ask, seen } = await setUp(t, {
    routes: routesOf([routeTo('c', { retryPolicy: PER_TRY })], { includeIsTimeoutRetryHeader: true }),
    answer: (_head, count) => (count === 1 ? '' : count === 2 ? response(500, '') : response(200, 'ok')),
  });
  await ask(GET);
  const told = seen.map((text) => /x-envoy-is-timeout-retry: (\w+)/.exec(text)?.[1]);
  assert.deepEqual(told, [undefined, 'true', 'false']);
});

test('the host is rewritten to the name of the endpoint', async (t) => {
  const { ask, seen, cluster } = await setUp(t, {
    routes: routesOf([
      routeTo('c', { hostRewriteSpecifier: { case: 'autoHostRewrite', value: { value: true } }, appendXForwardedHost: true }),
    ]),
  });
  Reflect.set(cluster.hosts[0] ?? {}, 'hostname', 'b.example');
  await ask(GET);
  assert.match(seen[0] ?? '', /\r\nhost: b.example\r\n[^]*x-forwarded-host: a\r\n/);
});

test('fields of a request inside steer hedging too', async (t) => {
  const { ask, seen } = await setUp(t, {
    routes: routesOf([routeTo('c', { retryPolicy: PER_TRY })]),
    hcm: { useRemoteAddress: true, internalAddressConfig: { cidrRanges: [{ addressPrefix: '127.0.0.0', prefixLen: 8 }] } },
    answer: (_head, count, socket) => {
      if (count === 1) setTimeout(() => socket.write(response(200, 'first')), 60);
      return '';
    },
  });
  assert.match(await ask('GET / HTTP/1.1\r\nhost: a\r\nx-envoy-hedge-on-per-try-timeout: true\r\n\r\n'), /first$/);
  assert.doesNotMatch(seen[0] ?? '', /x-envoy-hedge/);
});

test('max_stream_duration of a cluster: 504, UMSDR', async (t) => {
  const { ask, cluster, proxy } = await setUp(t, { limits: { maxStreamDurationMs: 30 }, serve: () => {} });
  assert.match(await ask(GET), /^HTTP\/1.1 504 [^]*upstream max stream duration reached$/);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_max_duration_reached'), 1);
  assert.equal(cluster.limits.requests.value, 0);
});

const CONNECT_MATCH = create(RouteMatchSchema, { pathSpecifier: { case: 'connectMatcher', value: {} } });

test('CONNECT that ends here becomes plain bytes to the host', async (t) => {
  const seen: string[] = [];
  const upgradeConfigs = [{ upgradeType: 'CONNECT', connectConfig: {} }];
  const { dial, cluster } = await setUp(t, {
    routes: routesOf([Object.assign(routeTo('c', { upgradeConfigs }), { match: CONNECT_MATCH })]),
    hcm: { upgradeConfigs: [{ upgradeType: 'CONNECT' }] },
    serve: (socket) => {
      socket.on('data', (bytes) => {
        seen.push(String(bytes));
        socket.write('pong');
      });
      socket.on('end', () => socket.end());
    },
  });
  const client = await dial();
  client.send('CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n');
  await client.until(/^HTTP\/1.1 200 [^]*\r\n\r\n$/);
  client.send('ping');
  await client.until(/\r\n\r\npong$/);
  assert.deepEqual(seen, ['ping']);
  client.socket.destroy();
  while (cluster.limits.connections.value > 0) await new Promise(setImmediate);
});

test('CONNECT that goes on is a tunnel through the host', async (t) => {
  const seen: string[] = [];
  const { dial } = await setUp(t, {
    routes: routesOf([Object.assign(routeTo('c'), { match: CONNECT_MATCH })]),
    hcm: { upgradeConfigs: [{ upgradeType: 'CONNECT' }] },
    serve: (socket) => {
      socket.on('data', (bytes) => {
        seen.push(String(bytes));
        socket.write(seen.length === 1 ? 'HTTP/1.1 200 OK\r\n\r\n' : 'pong');
      });
    },
  });
  const client = await dial();
  client.send('CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n');
  await client.until(/^HTTP\/1.1 200 [^]*\r\n\r\n$/);
  client.send('ping');
  await client.until(/\r\n\r\npong$/);
  assert.match(seen[0] ?? '', /^CONNECT a:80 HTTP\/1.1\r\nhost: a:80\r\n/);
});

const FOLLOWS = { internalRedirectPolicy: { redirectResponseCodes: [302, 303], responseHeadersToCopy: ['x-why'] } };

test('a redirect of the host is followed by the proxy, with the body, on the route that it leads to', async (t) => {
  for (const status of [302, 303]) {
    const { dial, seen, proxy, cluster } = await setUp(t, {
      routes: routesOf([routeTo('c', FOLLOWS)]),
      answer: (_head, count) =>
        count === 1 ? response(status, '', 'location: http://b.example/new?x\r\nx-why: moved\r\n') : response(200, 'there'),
    });
    const client = await dial();
    client.send('POST /old HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody');
    assert.match(await client.until(/there$/), /^HTTP\/1.1 200/);
    const method = status === 303 ? 'GET' : 'POST';
    assert.match(seen[1] ?? '', new RegExp(`^${method} /new\\?x HTTP/1.1\r\nhost: b.example\r\n`));
    assert.match(seen[1] ?? '', /x-envoy-original-url: http:\/\/a\/old\r\n[^]*x-why: moved\r\n/);
    assert.equal(seen[1]?.endsWith('body'), status === 302);
    assert.equal(counter(proxy, 'cluster.c', 'upstream_internal_redirect_succeeded_total'), 1);
    assert.equal(cluster.limits.requests.value, 0);
  }
});

test('a request that goes on by a redirect is counted once as answered, and its connection serves the next', async (t) => {
  const { dial, proxy } = await setUp(t, {
    routes: routesOf([routeTo('c', FOLLOWS)]),
    answer: (_head, count) => (count % 2 === 1 ? response(302, '', 'location: http://b/new\r\n') : response(200, 'there')),
  });
  const client = await dial();
  for (let i = 0; i < 2; i++) {
    client.clear();
    client.send('POST /old HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody');
    await client.until(/there$/);
  }
  const counted = (name: string): number => counter(proxy, 'http.test', name);
  assert.deepEqual([counted('downstream_rq_total'), counted('downstream_rq_completed'), counted('downstream_rq_3xx')], [4, 2, 0]);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_3xx'), 0);
});

test("redirects beyond the number that is allowed are the client's", async (t) => {
  const { ask, seen, proxy } = await setUp(t, {
    routes: routesOf([routeTo('c', FOLLOWS)]),
    answer: () => response(302, 'again', 'location: http://a/again\r\n'),
  });
  assert.match(await ask(GET), /^HTTP\/1.1 302 [^]*location: http:\/\/a\/again\r\n[^]*again$/);
  assert.equal(seen.length, 2);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_internal_redirect_failed_total'), 1);
});
