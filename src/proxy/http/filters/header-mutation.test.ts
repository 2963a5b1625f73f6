import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { headersOf } from '../../../wire/http/headers.ts';
import { fakeInfo, fakeRequest, fakeResponse, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import type { HttpStream } from '../filter.ts';
import { headerMutation } from './header-mutation.ts';
import { fieldsOf, trailersOf } from './testing/filter-bench.ts';
import { filterOf, routeConfigOf } from './testing/filter-of.ts';

const set = (key: string, value: string, action = 'OVERWRITE_IF_EXISTS_OR_ADD'): JsonObject => ({
  append: { header: { key, value }, appendAction: action },
});

function requestAfter(mutations: JsonObject, perRoute?: unknown, wins = false): HttpStream['request'] {
  const request = fakeRequest({ path: '/p?b=2&a=%20x&b=1&n' }, { 'x-a': '1', 'x-b': '2', 'y-c': '3' });
  const stream = fakeStream({ info: fakeInfo({ request }), perRoute });
  filterOf(headerMutation, { mutations, mostSpecificHeaderMutationsWins: wins }).handlers.onRequestHeaders?.(stream, true);
  return stream.request;
}

const REQUESTS: readonly [mutation: JsonObject, want: Record<string, string>][] = [
  [set('x-a', '9'), { 'x-a': '9', 'x-b': '2', 'y-c': '3' }],
  [set('X-A', '%REQ(x-b)%', 'APPEND_IF_EXISTS_OR_ADD'), { 'x-a': '1,2', 'x-b': '2', 'y-c': '3' }],
  [set('x-a', '9', 'ADD_IF_ABSENT'), { 'x-a': '1', 'x-b': '2', 'y-c': '3' }],
  [set('x-d', '9', 'ADD_IF_ABSENT'), { 'x-a': '1', 'x-b': '2', 'y-c': '3', 'x-d': '9' }],
  [set('x-d', '9', 'OVERWRITE_IF_EXISTS'), { 'x-a': '1', 'x-b': '2', 'y-c': '3' }],
  [set('x-a', '%REQ(x-none)%'), { 'x-a': '1', 'x-b': '2', 'y-c': '3' }],
  [{ append: { header: { key: 'x-e', value: '' }, keepEmptyValue: true } }, { 'x-a': '1', 'x-b': '2', 'y-c': '3', 'x-e': '' }],
  [{ remove: 'X-B' }, { 'x-a': '1', 'y-c': '3' }],
  [{ removeOnMatch: { keyMatcher: { prefix: 'x-' } } }, { 'y-c': '3' }],
];

for (const [mutation, want] of REQUESTS) {
  test(`${JSON.stringify(mutation)} leaves ${JSON.stringify(want)}`, () => {
    assert.deepEqual(fieldsOf(requestAfter({ requestMutations: [mutation] })), want);
  });
}

test('changes are made in their order', () => {
  const request = requestAfter({ requestMutations: [set('x-n', '1'), { remove: 'x-n' }, { remove: 'x-a' }, set('x-a', '5')] });
  assert.deepEqual(fieldsOf(request), { 'x-b': '2', 'y-c': '3', 'x-a': '5' });
});

const value = (key: string, text: string, action = 'APPEND_IF_EXISTS_OR_ADD'): JsonObject => ({
  append: { record: { key, value: text }, action },
});

/** The path is `/p?b=2&a=%20x&b=1&n`. */
const QUERIES: readonly [mutation: JsonObject, want: string][] = [
  [value('c', '3'), '/p?a=%20x&b=2&b=1&c=3&n='],
  [value('b', 'a b&%REQ(x-a)%'), '/p?a=%20x&b=2&b=1&b=a%20b%261&n='],
  [value('b', '3', 'OVERWRITE_IF_EXISTS_OR_ADD'), '/p?a=%20x&b=3&n='],
  [value('c', '3', 'OVERWRITE_IF_EXISTS_OR_ADD'), '/p?a=%20x&b=2&b=1&c=3&n='],
  [value('c', '3', 'OVERWRITE_IF_EXISTS'), '/p?a=%20x&b=2&b=1&n='],
  [value('b', '3', 'ADD_IF_ABSENT'), '/p?a=%20x&b=2&b=1&n='],
  [value('c', '%REQ(x-none)%'), '/p?a=%20x&b=2&b=1&c=&n='],
  [{ remove: 'b' }, '/p?a=%20x&n='],
];

for (const [mutation, want] of QUERIES) {
  test(`${JSON.stringify(mutation)} leaves ${want}`, () => {
    assert.equal(requestAfter({ queryParameterMutations: [mutation] }).path, want);
  });
}

test('responses and trailers', () => {
  const filter = filterOf(headerMutation, {
    mutations: {
      responseMutations: [set('x-r', '%RESP(x-s)%-%REQ(:path)%')],
      requestTrailersMutations: [set('x-t', 'q')],
      responseTrailersMutations: [{ remove: 'x-t' }],
    },
  }).handlers;
  const response = fakeResponse(200, { 'x-s': '5' });
  const stream = fakeStream({ info: fakeInfo({ request: fakeRequest({ path: '/p' }), response }), response });
  filter.onRequestEnd?.(stream);
  assert.equal(stream.requestTrailers, undefined);
  stream.requestTrailers = headersOf([['x-t', '1']]);
  stream.responseTrailers = headersOf([
    ['x-t', '1'],
    ['x-u', '2'],
  ]);
  filter.onRequestEnd?.(stream);
  filter.onResponseHeaders?.(stream, false);
  filter.onResponseEnd?.(stream);
  assert.deepEqual(fieldsOf(response), { 'x-s': '5', 'x-r': '5-/p' });
  assert.deepEqual([trailersOf(stream.requestTrailers), trailersOf(stream.responseTrailers)], [{ 'x-t': 'q' }, { 'x-u': '2' }]);
});

for (const [wins, last] of [
  [false, 'host'],
  [true, 'route'],
] as const) {
  test(`of several levels the ${last}'s changes come last`, () => {
    const level = (name: string) => routeConfigOf(headerMutation, { mutations: { requestMutations: [set('x-level', name)] } });
    const merged = headerMutation.mergeRoute?.(level('host'), level('route'));
    assert.equal(requestAfter({ requestMutations: [set('x-level', 'filter')] }, merged, wins).headers.get('x-level'), last);
  });
}

for (const [mutations, message] of [
  [{ requestMutations: [{}] }, /f\.mutations\.request_mutations\[0\]: says neither/],
  [{ requestMutations: [{ remove: ':path' }] }, /":path" cannot be changed/],
  [{ requestMutations: [{ remove: 'host' }] }, /"host" cannot be changed/],
  [{ requestMutations: [set('a b', 'c')] }, /"a b" is not a header's name/],
  [{ requestMutations: [set('a', 'c\n')] }, /line break/],
  [{ responseMutations: [set(':path', '/')] }, /response_mutations\[0\]\.append\.header\.key: ":path" cannot be changed/],
  [{ requestTrailersMutations: [set(':status', '200')] }, /":status" cannot be changed/],
  [{ queryParameterMutations: [{}] }, /says neither append nor remove/],
  [{ queryParameterMutations: [{ append: { record: { key: 'a', value: 1 } } }] }, /record\.value: is not a string/],
  [{ formatters: [{ name: 'x' }] }, /f\.mutations\.formatters: is not supported/],
] satisfies [JsonObject, RegExp][]) {
  test(`refused: ${JSON.stringify(mutations)}`, () => assert.throws(() => filterOf(headerMutation, { mutations }), message));
}
