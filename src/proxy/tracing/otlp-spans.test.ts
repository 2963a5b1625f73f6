import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ExportTraceServiceRequestSchema } from '../../xds/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts';
import { ResourceSchema } from '../../xds/gen/opentelemetry/proto/resource/v1/resource_pb.ts';
import { attribute } from './otlp-attributes.ts';
import { encodeSpan, requestOf } from './otlp-spans.ts';
import { newSpan, type Span } from './span.ts';

const resource = toBinary(ResourceSchema, create(ResourceSchema, { attributes: [attribute('service.name', 'ü')] }));

function span(more: Partial<Span>): Span {
  const start = { name: 'egress a', kind: 'client', startMs: 1767323045678.25, isSampled: true } as const;
  const context = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentId: '',
    form: 'w3c',
    isSampled: true,
  } as const;
  return { ...newSpan(start, context), endMs: 1767323045679, ...more };
}

test('a method that the conventions do not name is another one', () => {
  const methodOf = (method: string) => {
    const bytes = requestOf(Buffer.from(encodeSpan(span({ tags: new Map([['http.method', method]]) }))), { resource, scope: undefined });
    return fromBinary(ExportTraceServiceRequestSchema, bytes).resourceSpans[0]?.scopeSpans[0]?.spans[0]?.attributes[0]?.value?.value.value;
  };
  assert.deepEqual(['PATCH', 'PROPFIND'].map(methodOf), ['PATCH', '_OTHER']);
});

test('spans are told as OTLP has them, and no byte more', () => {
  const tags = new Map([
    ['http.status_code', '503'],
    ['empty', ''],
    ['long', 'ü'.repeat(1000)],
  ]);
  const events = [{ name: 'sent', atMs: 1767323045678.5 }];
  const spans = [span({}), span({ kind: 'server', parentId: '00f067aa0ba902b7', isParentRemote: true, traceState: 'a=b', tags, events })];
  // each is overwritten by the next
  const encoded = Buffer.concat(spans.map((each) => Buffer.from(encodeSpan(each))));
  const bytes = requestOf(encoded, { resource, scope: undefined });
  const message = fromBinary(ExportTraceServiceRequestSchema, bytes);
  assert.deepEqual(Buffer.from(toBinary(ExportTraceServiceRequestSchema, message)), Buffer.from(bytes));
  const [of] = message.resourceSpans;
  assert.equal(of?.resource?.attributes[0]?.value?.value.value, 'ü');
  const [first, second] = of.scopeSpans[0]?.spans ?? [];
  assert.deepEqual([first?.name, first?.kind, first?.flags, first?.status], ['egress a', 3, 0x101, undefined]);
  assert.deepEqual([first?.startTimeUnixNano, first?.endTimeUnixNano], [1767323045678250000n, 1767323045679000000n]);
  assert.equal(Buffer.from(second?.traceId ?? []).toString('hex'), '0af7651916cd43dd8448eb211c80319c');
  assert.equal(Buffer.from(second?.parentSpanId ?? []).toString('hex'), '00f067aa0ba902b7');
  assert.deepEqual([second?.kind, second?.flags, second?.traceState, second?.status?.code], [2, 0x301, 'a=b', 2]);
  assert.deepEqual(
    second?.attributes.map(({ key, value }) => [key, value?.value.value]),
    [...tags],
  );
  assert.deepEqual([second?.events[0]?.name, second?.events[0]?.timeUnixNano], ['sent', 1767323045678500000n]);
});
