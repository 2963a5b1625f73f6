/** What a route says of the streams that take it, over HTTP/1.1 and HTTP/2. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { counter, type Options, setUp } from '../testing/hcm-setup.ts';
import { routesOf, routeTo } from '../testing/http-harness.ts';

function ms(count: number): Duration {
  return create(DurationSchema, { nanos: count * 1_000_000 });
}

test('a response whose client does not take it is given up after the flush timeout that holds for it', async (t) => {
  const forever = ms(0);
  const soon = ms(20);
  const cases: readonly (readonly [route: Parameters<typeof routeTo>[1], hcm: NonNullable<Options['hcm']>, isGivenUp: boolean])[] = [
    [{}, { streamFlushTimeout: soon }, true],
    [{ flushTimeout: soon }, { streamFlushTimeout: forever }, true],
    [{ flushTimeout: forever }, { streamFlushTimeout: soon }, false],
    // without a flush timeout anywhere the idle timeout stands in for it, the route's first
    [{}, { streamIdleTimeout: soon }, true],
    [{ idleTimeout: soon }, {}, true],
    [{ idleTimeout: soon }, { streamFlushTimeout: forever }, false],
  ];
  const sessions: http2.ClientHttp2Session[] = [];
  // before the proxies close, which wait for their connections
  t.after(() => sessions.forEach((session) => session.destroy()));
  for (const [i, [route, hcm, isGivenUp]] of cases.entries()) {
    const { proxy } = await setUp(t, { hcm, routes: routesOf([routeTo('c', route)]) });
    const session = http2.connect(`http://127.0.0.1:${proxy.port}`, { settings: { initialWindowSize: 0 } });
    sessions.push(session);
    const stream = session.request({ ':path': '/' });
    await once(stream, 'response');
    const wasGivenUp = await Promise.race([once(stream, 'close').then(() => true), setTimeout(150, false)]);
    const name = `case ${i}`;
    assert.equal(wasGivenUp, isGivenUp, name);
    assert.equal(counter(proxy, 'http2', 'tx_flush_timeout'), isGivenUp ? 1 : 0, name);
  }
});

test('fields that are for trusted callers only are taken from requests from outside', async (t) => {
  const request = (from: string): string => `GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: ${from}\r\nX-Inside: 1\r\n\r\n`;
  const routes = routesOf([routeTo('c')]);
  assert.ok(routes.routeSpecifier.case === 'routeConfig');
  routes.routeSpecifier.value.internalOnlyHeaders = ['x-inside'];
  const hcm = { internalAddressConfig: { cidrRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] } };
  const { ask, seen } = await setUp(t, { routes, hcm });
  await ask(request('10.1.2.3'));
  await ask(request('1.2.3.4'));
  assert.match(seen[0] ?? '', /\r\nX-Inside: 1\r\n/);
  assert.doesNotMatch(seen[1] ?? '', /x-inside/i);
});
