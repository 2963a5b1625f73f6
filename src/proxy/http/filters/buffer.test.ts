import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headersOf } from '../../../wire/http/headers.ts';
import { buffer } from './buffer.ts';
import { fieldsOf, filterBench } from './testing/filter-bench.ts';
import { filterOf, routeConfigOf } from './testing/filter-of.ts';

function benchOf(perRoute?: unknown, headers = {}) {
  const { handlers } = filterOf(buffer, { maxRequestBytes: 10 });
  return filterBench([handlers], { headers, ...(perRoute === undefined ? {} : { perRoute }) });
}

test('the head waits for the last piece, and says then how long the body is', async () => {
  const bench = benchOf();
  const whenDone = bench.request(['abc', 'def']);
  assert.equal(bench.upstream.isHead, false);
  await whenDone;
  assert.equal(Buffer.concat(bench.upstream.pieces).toString(), 'abcdef');
  assert.deepEqual([fieldsOf(bench.stream.request), bench.stream.request.contentLength], [{ 'content-length': '6' }, 6]);
});

test('a length that was said stays, and trailers do', async () => {
  const bench = benchOf(undefined, { 'content-length': '3' });
  await bench.request(['abc'], headersOf([['x-t', '1']]));
  assert.deepEqual(fieldsOf(bench.stream.request), { 'content-length': '3' });
  assert.equal(bench.stream.requestTrailers?.get('x-t'), '1');
});

test('a request without a body passes at once', async () => {
  const bench = benchOf();
  await bench.request();
  assert.deepEqual([bench.upstream.isHead, fieldsOf(bench.stream.request)], [true, {}]);
});

test('a longer body is refused', async () => {
  const bench = benchOf();
  await bench.request(['0123456', '7890']);
  assert.deepEqual(bench.replies, [{ status: 413, details: 'request_payload_too_large' }]);
  assert.equal(bench.upstream.isHead, false);
});

for (const [config, passes] of [
  [{ disabled: true }, true],
  [{ buffer: { maxRequestBytes: 11 } }, true],
  [{ buffer: { maxRequestBytes: 9 } }, false],
] as const) {
  test(`a route with ${JSON.stringify(config)} ${passes ? 'lets' : 'does not let'} eleven bytes pass`, async () => {
    const bench = benchOf(routeConfigOf(buffer, config));
    await bench.request(['0123456', '7890']);
    assert.equal(bench.upstream.isEnd, passes);
  });
}

test('refused', () => {
  assert.throws(() => filterOf(buffer, {}), /f\.max_request_bytes: is not above zero/);
  assert.throws(() => routeConfigOf(buffer, {}), /says neither disabled: true nor buffer/);
  assert.throws(() => routeConfigOf(buffer, { buffer: { maxRequestBytes: 0 } }), /r\.buffer\.max_request_bytes/);
});
