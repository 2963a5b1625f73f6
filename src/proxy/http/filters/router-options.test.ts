import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeInfo, fakeRequest, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { tableOf } from '../../router/testing/routes.ts';
import { CONTINUE, REPLIED } from '../filter.ts';
import { routerOptions } from './router-options.ts';
import { filterOf } from './testing/filter-of.ts';

const STRICT = { strictCheckHeaders: ['X-Envoy-Max-Retries', 'x-envoy-retry-on'], respectExpectedRqTimeout: true };

function run(headers: Record<string, string>, action: { readonly [key: string]: string | object } = { route: { cluster: 'c' } }) {
  const routes = [{ match: { prefix: '/' }, ...JSON.parse(JSON.stringify(action)) }];
  const table = tableOf({ virtual_hosts: [{ name: 'v', domains: ['*'], routes }] });
  const route = table.match(fakeRequest(), 0, fakeInfo());
  const stream = { ...fakeStream({ info: fakeInfo({ request: fakeRequest({}, headers) }) }), route };
  const status = filterOf(routerOptions, STRICT).handlers.onRequestHeaders?.(stream, true);
  return { stream, status };
}

for (const [name, value, isValid] of [
  ['x-envoy-max-retries', '3', true],
  ['x-envoy-max-retries', 'x', false],
  ['x-envoy-max-retries', '', false],
  ['x-envoy-retry-on', '5xx,connect-failure', true],
  ['x-envoy-retry-on', '5xx,never', false],
  ['x-envoy-upstream-rq-timeout-ms', 'x', true],
] as const) {
  test(`${name} of "${value}" is ${isValid ? 'taken' : 'refused'}`, () => {
    const { stream, status } = run({ [name]: value });
    const details = 'request_headers_failed_strict_check';
    const reply = { status: 400, body: `invalid header '${name}' with value '${value}'`, details, flag: 'IH' };
    assert.deepEqual([status, stream.replies], isValid ? [CONTINUE, []] : [REPLIED, [reply]]);
  });
}

test('a request that is not forwarded is not looked at', () => {
  assert.equal(run({ 'x-envoy-max-retries': 'x' }, { direct_response: { status: 200 } }).status, CONTINUE);
});

test('the timeout that the proxy before expects goes over the one asked for', () => {
  const asked = { 'x-envoy-upstream-rq-timeout-ms': '5' };
  const read = (expected: string) =>
    run({ ...asked, 'x-envoy-expected-rq-timeout-ms': expected }).stream.request.headers.get('x-envoy-upstream-rq-timeout-ms');
  assert.deepEqual([read('60'), read('x')], ['60', '5']);
});

test('a header that cannot be checked is refused', () => {
  assert.throws(() => filterOf(routerOptions, { strictCheckHeaders: ['x-a'] }), /f\.strict_check_headers\[0\]: x-a is none of/);
});
