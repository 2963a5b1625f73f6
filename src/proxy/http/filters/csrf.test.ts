import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeInfo, fakeRequest, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { CONTINUE, REPLIED } from '../filter.ts';
import { csrf } from './csrf.ts';
import { filterOf, routeConfigOf } from './testing/filter-of.ts';

const ALL = { defaultValue: { numerator: 100 } };
const NONE = { defaultValue: { numerator: 0 } };
const ALLOWED = { 'csrf.request_valid': 1 };
const REFUSED = { 'csrf.request_invalid': 1 };
const MISSING = { 'csrf.missing_source_origin': 1 };

/** As Envoy 1.40 answered. */
const CASES: readonly [host: string, headers: Record<string, string>, counted: Record<string, number>][] = [
  ['a.com', {}, MISSING],
  ['a.com', { origin: '' }, MISSING],
  ['a.com', { origin: 'null' }, MISSING],
  ['a.com', { origin: 'null', referer: 'http://a.com/x' }, MISSING],
  ['a.com', { origin: 'http://a.com' }, ALLOWED],
  ['a.com', { origin: 'https://a.com' }, ALLOWED],
  ['a.com', { origin: 'a.com' }, ALLOWED],
  ['a.com', { origin: 'http://a.com?x' }, ALLOWED],
  ['a.com', { origin: 'foo-x://a.com' }, ALLOWED],
  ['a.com', { referer: 'http://a.com/x' }, ALLOWED],
  ['a.com', { origin: 'http://ok.example' }, ALLOWED],
  ['a.com', { origin: 'ok.example' }, ALLOWED],
  ['a.com:81', { origin: 'http://u@a.com:81/' }, ALLOWED],
  ['[::1]:80', { origin: 'http://[::1]:80' }, ALLOWED],
  ['a_b', { origin: 'http://a_b' }, ALLOWED],
  ['a_b', { origin: 'a_b' }, REFUSED],
  ['a_b', { origin: 'http://a_b?x' }, REFUSED],
  ['a.com', { origin: 'http://bad' }, REFUSED],
  ['a.com', { origin: 'http://bad', referer: 'http://a.com' }, REFUSED],
  ['a.com', { origin: 'http://A.com' }, REFUSED],
  ['a.com', { origin: 'http:/a.com' }, REFUSED],
  ['a.com', { origin: 'http://a.com:80' }, REFUSED],
  ['a.com:80', { origin: 'http://a.com' }, REFUSED],
  ['a.com', { origin: 'http://a.com:99999' }, REFUSED],
  ['a.com', { origin: 'http://a.com.evil' }, REFUSED],
  ['a.com', { origin: 'http://evil/http://a.com' }, REFUSED],
];

for (const [host, headers, counted] of CASES) {
  test(`${host} is asked from ${JSON.stringify(headers)}: ${Object.keys(counted).join()}`, () => {
    const filter = filterOf(csrf, { filterEnabled: ALL, additionalOrigins: [{ exact: 'ok.example' }] });
    const stream = fakeStream({ info: fakeInfo({ request: fakeRequest({ method: 'POST', authority: host }, headers) }) });
    const status = filter.handlers.onRequestHeaders?.(stream, true);
    assert.deepEqual(filter.counted(), counted);
    assert.equal(status, counted === ALLOWED ? CONTINUE : REPLIED);
    const refusal = { status: 403, body: 'Invalid origin', details: 'csrf_origin_mismatch' };
    assert.deepEqual(stream.replies, counted === ALLOWED ? [] : [refusal]);
  });
}

for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PATCH', 'PUT', 'DELETE']) {
  const isChange = ['PATCH', 'PUT', 'DELETE'].includes(method);
  test(`${method} is ${isChange ? '' : 'not '}looked at`, () => {
    const stream = fakeStream({ info: fakeInfo({ request: fakeRequest({ method }) }) });
    const status = filterOf(csrf, { filterEnabled: ALL }).handlers.onRequestHeaders?.(stream, true);
    assert.equal(status, isChange ? REPLIED : CONTINUE);
  });
}

test('a shadow policy counts and refuses nobody', () => {
  const filter = filterOf(csrf, { filterEnabled: NONE, shadowEnabled: ALL });
  const stream = fakeStream({ info: fakeInfo({ request: fakeRequest({ method: 'POST' }, { origin: 'http://bad' }) }) });
  assert.equal(filter.handlers.onRequestHeaders?.(stream, true), CONTINUE);
  assert.deepEqual(filter.counted(), REFUSED);
});

test("a route's policy stands in place of the filter's", () => {
  const filter = filterOf(csrf, { filterEnabled: ALL });
  const perRoute = routeConfigOf(csrf, { filterEnabled: NONE });
  const info = fakeInfo({ request: fakeRequest({ method: 'POST' }, { origin: 'http://bad' }) });
  assert.equal(filter.handlers.onRequestHeaders?.(fakeStream({ info, perRoute }), true), CONTINUE);
  assert.deepEqual(filter.counted(), {});
});

test('a policy says for whom it is in force', () => {
  assert.throws(() => filterOf(csrf, {}), /f\.filter_enabled: is missing/);
});
