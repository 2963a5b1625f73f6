import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { fakeInfo, fakeRequest, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { CONTINUE } from '../filter.ts';
import { setFilterState } from './set-filter-state.ts';
import { filterOf, routeConfigOf } from './testing/filter-of.ts';

const set = (objectKey: string, text: string, more: JsonObject = {}): JsonObject => ({
  objectKey,
  factoryKey: 'envoy.string',
  formatString: { textFormatSource: { inlineString: text }, ...(more['omits'] === true ? { omitEmptyValues: true } : {}) },
  ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== 'omits')),
});

function stateAfter(values: readonly JsonObject[], perRoute?: unknown): Record<string, string> {
  const stream = fakeStream({ info: fakeInfo({ request: fakeRequest({}, { 'x-a': '1' }) }), perRoute });
  const { handlers } = filterOf(setFilterState, { onRequestHeaders: [...values] });
  assert.equal(handlers.onRequestHeaders?.(stream, true), CONTINUE);
  return Object.fromEntries(stream.info.filterState ?? []);
}

const CASES: readonly [values: readonly JsonObject[], want: Record<string, string>][] = [
  [[], {}],
  [[set('k', 'v=%REQ(x-a)%')], { k: 'v=1' }],
  [[set('envoy.string', 'v', { factoryKey: '' })], { 'envoy.string': 'v' }],
  [[set('k', '%REQ(x-b)%')], { k: '-' }],
  [[set('k', '%REQ(x-b)%', { skipIfEmpty: true })], { k: '-' }],
  [[set('k', '%REQ(x-b)%', { omits: true })], { k: '' }],
  [[set('k', '%REQ(x-b)%', { omits: true, skipIfEmpty: true })], {}],
  [[set('k', '1'), set('k', '2')], { k: '2' }],
  [[set('k', '1', { readOnly: true }), set('k', '2'), set('l', '3')], { k: '2', l: '3' }],
];

for (const [values, want] of CASES) {
  test(`${values.map((value) => JSON.stringify(value)).join()} sets ${JSON.stringify(want)}`, () =>
    assert.deepEqual(stateAfter(values), want));
}

test('levels of routes set theirs after the filter, from the outside in', () => {
  const level = (...values: JsonObject[]) => routeConfigOf(setFilterState, { onRequestHeaders: values });
  const merged = setFilterState.mergeRoute?.(level(set('a', 'host'), set('b', 'host')), level(set('b', 'route')));
  assert.deepEqual(stateAfter([set('a', 'filter'), set('c', 'filter')], merged), { a: 'host', b: 'route', c: 'filter' });
});

test('the route is matched anew where that is asked for', () => {
  let matches = 0;
  const stream = { ...fakeStream(), refreshRoute: () => void matches++ };
  for (const clearRouteCache of [false, true]) filterOf(setFilterState, { clearRouteCache }).handlers.onRequestHeaders?.(stream, true);
  assert.equal(matches, 1);
});

for (const [value, message] of [
  [{ factoryKey: 'envoy.string' }, /f\.on_request_headers\[0\]\.object_key: is missing/],
  [{ objectKey: 'k' }, /factory_key: k is not supported by Tulle/],
  [{ objectKey: 'k', factoryKey: 'envoy.string' }, /format_string: is missing/],
] satisfies [JsonObject, RegExp][]) {
  test(`refused: ${JSON.stringify(value)}`, () => assert.throws(() => filterOf(setFilterState, { onRequestHeaders: [value] }), message));
}
