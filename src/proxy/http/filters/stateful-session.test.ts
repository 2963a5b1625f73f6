import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { StatefulSessionSchema } from '../../../xds/gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts';
import { CookieBasedSessionStateSchema } from '../../../xds/gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.ts';
import { GrpcWebSchema } from '../../../xds/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts';
import { fakeScope } from '../../telemetry/testing/fake-stream.ts';
import { flagBit } from '../stream-info.ts';
import { decodeSession, encodeSession } from './stateful-session/session-cookie.ts';
import { statefulSession } from './stateful-session.ts';
import { type FilterBench, filterBench } from './testing/filter-bench.ts';

const NOW_MS = 1_700_000_000_000;

function sessionState(path = '', ttlSeconds = 0) {
  const cookie = { name: 'at', path, ...(ttlSeconds === 0 ? {} : { ttl: { seconds: BigInt(ttlSeconds), nanos: 0 } }) };
  return { name: 'cookie', typedConfig: anyPack(CookieBasedSessionStateSchema, create(CookieBasedSessionStateSchema, { cookie })) };
}

function chain(isStrict = false, path = '', ttlSeconds = 0) {
  const scope = fakeScope({ clock: { monotonicMs: () => 0, wallMs: () => NOW_MS } });
  const message = create(StatefulSessionSchema, { sessionState: sessionState(path, ttlSeconds), strict: isStrict, statPrefix: 's' });
  const handlers = statefulSession.create(statefulSession.parse(message, 'f'), scope);
  const count = (name: string): number => scope.stats.scope('stateful_session.s').counter(name).value;
  return { handlers, count };
}

/** The response of the host with that address; '' for none. */
async function served(bench: FilterBench, address: string): Promise<string | undefined> {
  await bench.request();
  if (address !== '') Object.assign(bench.stream.info, { upstream: { key: address } });
  await bench.respond(200, {});
  return bench.stream.response?.headers.get('set-cookie');
}

const cookieFor = (address: string, expires = 0): string => `at="${encodeSession(address, expires).toString('base64')}"`;

test('a first answer tells its host, and the next request asks for it', async () => {
  const { handlers, count } = chain(false, '/a', 60);
  const cookie = await served(filterBench([handlers], { request: { path: '/a?q' } }), '10.0.0.1:80');
  assert.equal(cookie, `${cookieFor('10.0.0.1:80', NOW_MS / 1000 + 60)}; Max-Age=60; Path=/a; HttpOnly`);
  const next = filterBench([handlers], { request: { path: '/a' }, headers: { cookie: `x=y; ${cookie?.split(';')[0]}` } });
  assert.equal(await served(next, '10.0.0.1:80'), undefined);
  assert.deepEqual(next.stream.overrideHost, { keys: ['10.0.0.1:80'], isStrict: false });
  assert.equal(count('routed'), 1);
});

test('a session whose host is gone moves on, or fails where it is strict', async () => {
  const open = chain();
  const headers = { cookie: cookieFor('10.0.0.9:80') };
  assert.match((await served(filterBench([open.handlers], { headers }), '10.0.0.1:80')) ?? '', /^at=/);
  assert.equal(open.count('failed_open'), 2 - 1);
  const strict = chain(true);
  const bench = filterBench([strict.handlers], { headers });
  bench.stream.info.flags |= flagBit('UH');
  assert.equal(await served(bench, ''), undefined);
  assert.equal(strict.count('failed_closed'), 1);
});

for (const [cookiePath, path, isKept] of [
  ['/a', '/a', true],
  ['/a', '/a/b', true],
  ['/a', '/a?b', true],
  ['/a', '/ab', false],
  ['/a/', '/a', false],
  ['/a/', '/a/b', true],
  ['/', '/x', true],
] as const) {
  test(`a cookie for ${cookiePath} at ${path}`, async () => {
    const { handlers, count } = chain(false, cookiePath);
    assert.equal((await served(filterBench([handlers], { request: { path } }), '10.0.0.1:80')) !== undefined, isKept);
    assert.equal(count('no_session'), isKept ? 0 : 1);
  });
}

test('cookies are read as they were written, and expire', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9.:[\]]{1,200}$/), fc.nat(), (address, expires) => {
      assert.equal(decodeSession(encodeSession(address, expires), expires), address);
      if (expires > 0) assert.equal(decodeSession(encodeSession(address, expires), expires + 1), undefined);
    }),
  );
});

test('no bytes make the cookie unreadable', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodeSession(Buffer.from(bytes), 1)));
  assert.equal(decodeSession(Buffer.from('10.0.0.1:80'), 1), '10.0.0.1:80');
});

test('refuses a session state that it does not know', () => {
  const typedConfig = anyPack(GrpcWebSchema, create(GrpcWebSchema));
  const message = create(StatefulSessionSchema, { sessionState: { name: 'x', typedConfig } });
  assert.throws(() => statefulSession.parse(message, 'f'), /session_state\.typed_config: session state .*GrpcWeb is not supported/);
});
