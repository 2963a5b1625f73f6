import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { headersOf } from '../../wire/http/headers.ts';
import { HttpConnectionManager_TracingSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { numberOfId } from './id-number.ts';
import { randomSpanId, randomTraceparent, randomUuid } from './ids.ts';
import { fakeInfo, fakeRequest, fakeScope } from './testing/fake-stream.ts';
import { readTrace, type TraceContext } from './trace-context.ts';
import { createTracing } from './tracing.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

interface Run {
  readonly headers: Record<string, string>;
  /** The contexts that are sampled. */
  readonly spans: readonly TraceContext[];
}

/** One request through tracing; `config` undefined: none is configured. */
function run(
  config: JsonObject | undefined,
  incoming: Readonly<Record<string, string>>,
  more: { isEdge?: boolean; chance?: number } = {},
): Run {
  const request = fakeRequest({}, incoming);
  const info = fakeInfo({ request });
  const message = config && fromJson(HttpConnectionManager_TracingSchema, config);
  const { stats, clusters, clock, node } = fakeScope();
  const scope = { stats, clusters, clock, node };
  const tracing = createTracing(message, 'tracing', {
    random: () => more.chance ?? 0.5,
    scope,
    stats,
    direction: 'inbound',
    listenerMetadata: {},
  });
  const hasOwnId = tracing.onRequest(request, info, more.isEdge ?? false);
  tracing.begin?.(request, info, hasOwnId);
  const context = info.trace;
  const spans = context?.isSampled === true ? [context] : [];
  const headers: Record<string, string> = {};
  request.headers.forEach((name, value) => (headers[name.toLowerCase()] = value));
  return { headers, spans };
}

test('a request without an id gets one, and nothing else without a tracing block', () => {
  const { headers } = run(undefined, { traceparent: 'anything' });
  assert.match(headers['x-request-id'] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(headers['traceparent'], 'anything');
});

test('an id is kept inside the mesh and made anew at its edge', () => {
  assert.equal(run(undefined, { 'x-request-id': 'mine' }).headers['x-request-id'], 'mine');
  assert.notEqual(run(undefined, { 'x-request-id': 'mine' }, { isEdge: true }).headers['x-request-id'], 'mine');
});

test('a trace is continued with a span of our own, and the caller decides', () => {
  const { headers, spans } = run({ randomSampling: { value: 0 } }, { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=b' });
  assert.match(headers['traceparent'] ?? '', new RegExp(`^00-${TRACE}-(?!${SPAN})[0-9a-f]{16}-01$`));
  assert.equal(headers['tracestate'], 'a=b');
  assert.equal(spans[0]?.parentId, SPAN);
  assert.equal(headers['x-request-id']?.[14], '9');
});

test('a caller that does not sample is followed', () => {
  const { headers, spans } = run({}, { traceparent: `00-${TRACE}-${SPAN}-00` });
  assert.match(headers['traceparent'] ?? '', /-00$/);
  assert.deepEqual(spans, []);
});

test('a trace begins where none came, and a state without its trace is dropped', () => {
  const { headers, spans } = run({}, { traceparent: `00-${'0'.repeat(32)}-${SPAN}-01`, tracestate: 'a=b' });
  assert.match(headers['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(headers['tracestate'], undefined);
  assert.equal(spans.length, 1);
});

test('B3 is continued in the form it came in, and as traceparent', () => {
  const single = run({}, { b3: `${TRACE}-${SPAN}-1` }).headers;
  assert.match(single['b3'] ?? '', new RegExp(`^${TRACE}-[0-9a-f]{16}-1-${SPAN}$`));
  assert.match(single['traceparent'] ?? '', new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  const multi = run({}, { 'x-b3-traceid': SPAN, 'x-b3-spanid': SPAN, 'x-b3-sampled': '0' }).headers;
  assert.equal(multi['x-b3-traceid'], `${'0'.repeat(16)}${SPAN}`);
  assert.equal(multi['x-b3-parentspanid'], SPAN);
  assert.equal(multi['x-b3-sampled'], '0');
  assert.equal(multi['b3'], undefined);
});

const SAMPLING: readonly { name: string; config: JsonObject; headers?: Record<string, string>; chance: number; reason: string }[] = [
  { name: 'below the share', config: { randomSampling: { value: 60 } }, chance: 0.5, reason: '9' },
  { name: 'above the share', config: { randomSampling: { value: 40 } }, chance: 0.5, reason: '4' },
  { name: 'held back overall', config: { overallSampling: { value: 40 } }, chance: 0.5, reason: '4' },
  { name: 'forced', config: { randomSampling: { value: 0 } }, headers: { 'x-envoy-force-trace': '1' }, chance: 0.5, reason: 'a' },
  { name: 'asked for', config: { randomSampling: { value: 0 } }, headers: { 'x-client-trace-id': '1' }, chance: 0.5, reason: 'b' },
  { name: 'b3 says no', config: {}, headers: { b3: '0' }, chance: 0, reason: '4' },
  {
    name: 'an earlier proxy has decided',
    config: { randomSampling: { value: 0 } },
    headers: { 'x-request-id': '11111111-1111-9111-8111-111111111111' },
    chance: 0.5,
    reason: '9',
  },
];

for (const { name, config, headers, chance, reason } of SAMPLING) {
  test(`sampling: ${name}`, () => {
    // the first digits of an id are its chance
    const id = `0000${(chance * 10_000).toString(16).padStart(4, '0')}-1111-4111-8111-111111111111`;
    const done = run(config, { 'x-request-id': id, ...headers }, { chance });
    assert.equal(done.headers['x-request-id']?.[14], reason);
    assert.equal(done.spans.length, reason === '4' ? 0 : 1);
    assert.match(done.headers['traceparent'] ?? '', reason === '4' ? /-00$/ : /-01$/);
  });
}

test('a tracer that Tulle does not have is refused by name', () => {
  assert.throws(
    () => run({ provider: { name: 'envoy.tracers.skywalking' } }, {}),
    /tracing\.provider: tracer envoy\.tracers\.skywalking is not supported/,
  );
});

test('ids are well formed and do not repeat', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 3000; i++) {
    const made = randomUuid();
    assert.equal(numberOfId(made.text), made.number);
    const all = { uuid: made.text, trace: randomTraceparent(), span: randomSpanId() };
    assert.match(all.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.match(all.trace, /^traceparent: 00-[1-9a-f][0-9a-f]{31}-[1-9a-f][0-9a-f]{15}-00\r\n$/);
    assert.match(all.span, /^[1-9a-f][0-9a-f]{15}$/);
    for (const id of Object.values(all)) seen.add(id);
  }
  assert.equal(seen.size, 9000);
});

test('headers that are no context count as not there', () => {
  const field = fc.constantFrom('traceparent', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'x-b3-flags');
  const value = fc.oneof(
    fc.stringMatching(/^[ -~]{0,60}$/),
    fc.constantFrom(`00-${TRACE}-${SPAN}-01`, `ff-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01-x`, `${TRACE}-${SPAN}`, TRACE, SPAN),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(field, value)), (fields) => {
      const trace = readTrace(headersOf(fields));
      if (trace === undefined) return;
      assert.match(trace.traceId, /^[0-9a-f]{32}$/);
      assert.match(trace.spanId, /^[0-9a-f]{16}$/);
    }),
  );
  assert.equal(readTrace(headersOf([['traceparent', `ff-${TRACE}-${SPAN}-01`]])), undefined);
  assert.equal(readTrace(headersOf([['traceparent', `00-${TRACE}-${SPAN}-01-x`]])), undefined);
  assert.equal(readTrace(headersOf([['traceparent', `01-${TRACE}-${SPAN}-01-x`]]))?.traceId, TRACE);
  assert.equal(fakeInfo().trace, undefined);
});
