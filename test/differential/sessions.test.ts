/** Sessions that stay with a host. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { cluster, httpFilter, perFilter, to, type } from './framework/pieces.ts';
import type { Proxy } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';

const byCookie = (cookie: JsonObject, rest: JsonObject = {}): JsonObject => ({
  session_state: {
    name: 'envoy.http.stateful_session.cookie',
    typed_config: type('envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState', { cookie }),
  },
  ...rest,
});
const byHeader = (name: string, rest: JsonObject = {}): JsonObject => ({
  session_state: {
    name: 'envoy.http.stateful_session.header',
    typed_config: type('envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState', { name }),
  },
  ...rest,
});

const route = (path: string, fields: JsonObject): JsonObject =>
  to(
    path,
    { cluster: 'two' },
    { typed_per_filter_config: perFilter('stateful_session', 'stateful_session.v3.StatefulSessionPerRoute', fields) },
  );

const COOKIE = { name: 'at', ttl: '120s', path: '/cookie', attributes: [{ name: 'SameSite', value: 'Strict' }, { name: 'Secure' }] };

const ROUTES: JsonObject[] = [
  route('/cookie', { stateful_session: byCookie(COOKIE) }),
  route('/forever', { stateful_session: byCookie({ name: 'at' }) }),
  route('/strict', { stateful_session: byCookie({ name: 'at' }, { strict: true }) }),
  route('/header-strict', { stateful_session: byHeader('x-at', { strict: true }) }),
  route('/header', { stateful_session: byHeader('x-At') }),
  route('/off', { disabled: true }),
];

const NOWHERE = Buffer.from('127.0.0.1:1').toString('base64');
const base64 = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('base64');
const NOWHERE_COOKIE = base64('\n\v127.0.0.1:1');

const CASES: Case[] = [
  ask(
    'strict and gone',
    '/strict',
    { fields: [`cookie: at="${NOWHERE_COOKIE}"`] },
    { expects: { 'answers.0.line': 'HTTP/1.1 503 Service Unavailable' } },
  ),
  ask('strict and gone, as text', '/strict', { fields: [`cookie: at=${NOWHERE}`] }),
  ask('strict header and gone', '/header-strict', { fields: [`x-at: ${NOWHERE}`] }),
  ask('off', '/off', { fields: [`cookie: at="${NOWHERE_COOKIE}"`] }),
];

interface Reply {
  readonly status: number | undefined;
  readonly cookie: string | undefined;
  readonly header: string | undefined;
}

function get(proxy: Proxy, path: string, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const wished = { 'x-case': 'session', ...headers };
    const request = http.get({ port: proxy.target('main').port, host: '127.0.0.1', path, headers: wished, agent: false }, (response) => {
      response.resume();
      const { 'set-cookie': cookies, 'x-at': header } = response.headers;
      const { statusCode: status } = response;
      response.once('end', () => resolve({ status, cookie: cookies?.[0], header: String(header ?? '') }));
    });
    request.once('error', reject);
  });
}

/** A cookie with its address in clear, without the time and with the port by the origin's name. */
function plainCookie(text: string | undefined, ports: Readonly<Record<string, number>>): string {
  const [, value = '', rest = ''] = /^at="([^"]*)"(.*)$/.exec(text ?? '') ?? [];
  const bytes = Buffer.from(value, 'base64');
  const length = bytes[1] ?? 0;
  const address = bytes.toString('latin1', 2, 2 + length);
  const name = Object.entries(ports).find(([, port]) => address === `127.0.0.1:${port}`)?.[0] ?? address;
  return `${bytes[0]} ${name} +${bytes.length - 2 - length > 0 ? 'expires' : ''}${rest}`;
}

/** Which steps a client of one proxy goes through. */
async function walk(proxy: Proxy): Promise<unknown> {
  const ports = { ...proxy.origin.ports };
  const first = await get(proxy, '/cookie/x');
  const cookie = /^at="[^"]*"/.exec(first.cookie ?? '')?.[0] ?? '';
  const again = await get(proxy, '/cookie/x', { cookie });
  const bare = await get(proxy, '/cookie/x', { cookie: cookie.replaceAll('"', '') });
  const forever = await get(proxy, '/forever');
  const moved = await get(proxy, '/cookie/x', { cookie: `at="${NOWHERE_COOKIE}"` });
  const old = await get(proxy, '/cookie/x', { cookie: `at="${base64(`\n\v127.0.0.1:1\x10\x01`)}"` });
  const broken = await get(proxy, '/cookie/x', { cookie: 'at="!"' });
  const outside = await get(proxy, '/cookies', {});
  const header = await get(proxy, '/header');
  const headerAgain = await get(proxy, '/header', { 'x-at': header.header ?? '' });
  return {
    first: plainCookie(first.cookie, ports),
    again: [again.status, again.cookie],
    bare: [bare.status, bare.cookie],
    forever: plainCookie(forever.cookie, ports),
    moved: plainCookie(moved.cookie, ports),
    old: plainCookie(old.cookie, ports),
    broken: plainCookie(broken.cookie, ports),
    outside: outside.cookie,
    header: Buffer.from(header.header ?? '', 'base64').toString() === `127.0.0.1:${ports.origin}`,
    headerAgain: headerAgain.header,
  };
}

compareTopic({
  name: 'sessions',
  setup: ({ ports }) => ({
    filters: [httpFilter('stateful_session', 'stateful_session.v3.StatefulSession')],
    routes: ROUTES,
    clusters: [cluster('two', [ports.origin])],
  }),
  cases: CASES,
  more: (proxies) =>
    test('a session by cookie and by header', async () => {
      const [ours, theirs] = await Promise.all(proxies().map(walk));
      assert.deepEqual(ours, theirs);
      assert.match(JSON.stringify(theirs), /Max-Age=120; Path=\/cookie; SameSite=Strict; Secure; HttpOnly/);
    }),
});
