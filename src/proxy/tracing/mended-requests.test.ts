import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createRegistry, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { systemClock } from '../../core/clock.ts';
import { OpenTelemetryConfigSchema } from '../../xds/gen/envoy/config/trace/v3/opentelemetry_pb.ts';
import { ZipkinConfigSchema } from '../../xds/gen/envoy/config/trace/v3/zipkin_pb.ts';
import { HttpConnectionManager_TracingSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { fakeInfo, fakeRequest, fakeScope } from '../telemetry/testing/fake-stream.ts';
import { createTracing, type TracingOptions } from '../telemetry/tracing.ts';
import { timersOf } from '../timers.ts';
import { LocalWork, WorkInFlight } from './work.ts';

const TRACERS: Readonly<Record<string, JsonObject>> = {
  OpenTelemetry: {
    '@type': 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig',
    grpcService: { envoyGrpc: { clusterName: 'collector' } },
  },
  Zipkin: {
    '@type': 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig',
    collectorCluster: 'collector',
    collectorEndpoint: '/spans',
    collectorEndpointVersion: 'HTTP_JSON',
    traceId128bit: true,
    sharedSpanContext: false,
  },
};

type Fields = Readonly<Record<string, string>>;

/** The two sides of a workload's proxy, and requests that are with its application. */
class Sides {
  readonly work = new WorkInFlight(new LocalWork(), timersOf(systemClock));
  readonly #tracer: JsonObject;

  constructor(tracer: JsonObject) {
    this.#tracer = tracer;
  }

  /** A request comes in; gives what the application is told, and its end. */
  inbound(fields: Fields = {}): { readonly told: Fields; readonly end: () => void } {
    const { trace, told } = this.#request('inbound', fields);
    trace?.onUpstreamEnd();
    return { told, end: () => trace?.end() };
  }

  /** The application calls; gives what the one it calls is told. */
  outbound(fields: Fields = {}, metadata: JsonObject = {}): { readonly told: Fields; readonly tags: ReadonlyMap<string, string> } {
    const { trace, told } = this.#request('outbound', fields, metadata);
    return { told, tags: trace?.span.tags ?? new Map<string, string>() };
  }

  #request(direction: TracingOptions['direction'], fields: Fields, listenerMetadata: JsonObject = {}) {
    const request = fakeRequest({}, fields);
    const info = fakeInfo({ request, metadata: new Map() });
    const { stats, clusters, clock, node } = fakeScope();
    const registry = createRegistry(OpenTelemetryConfigSchema, ZipkinConfigSchema);
    const json = { randomSampling: { value: 50 }, provider: { name: 'tracer', typedConfig: this.#tracer } };
    const config = fromJson(HttpConnectionManager_TracingSchema, json, { registry });
    const options = { random: () => 0.5, scope: { stats, clusters, clock, node }, stats, direction, listenerMetadata, work: this.work };
    const tracing = createTracing(config, 'tracing', options);
    const trace = tracing.begin?.(request, info, tracing.onRequest(request, info, false));
    trace?.inject(request.headers, 'HTTP/1.1');
    const told: Record<string, string> = {};
    request.headers.forEach((name, value) => (told[name] = value));
    return { trace, told };
  }
}

/** Trace and span that a request is told of, and whether they are sampled. */
function contextOf(told: Fields): string[] {
  const [, trace, span, flags] = told['traceparent']?.split('-') ?? [];
  if (trace !== undefined) return [trace, span ?? '', flags === '01' ? 'sampled' : ''];
  return [told['x-b3-traceid'] ?? '', told['x-b3-spanid'] ?? '', told['x-b3-sampled'] === '1' ? 'sampled' : ''];
}

/** Ids whose first eight digits are in the sampled half, and in the other. */
const [TRACED, UNTRACED] = ['00000001-0000-4000-8000-000000000000', '00001fff-0000-4000-8000-000000000000'];

for (const [name, tracer] of Object.entries(TRACERS)) {
  suite(`calls that say of no trace: ${name}`, () => {
    test('the only request is their parent, whose decision is theirs, in their ids too', () => {
      for (const [id, reason] of [
        [TRACED, '9'],
        [UNTRACED, '4'],
      ] as const) {
        const sides = new Sides(tracer);
        const [trace, span, sampled] = contextOf(sides.inbound({ 'x-request-id': id }).told);
        for (let i = 0; i < 20; i++) {
          const { told, tags } = sides.outbound();
          // a span that nobody will see has no tags
          assert.equal(tags.get('tulle.inferred_parent'), sampled === 'sampled' ? 'in-flight' : undefined);
          assert.deepEqual([contextOf(told)[0], contextOf(told)[2]], [trace, sampled]);
          assert.notEqual(contextOf(told)[1], span);
          assert.notEqual(told['x-request-id'], id);
          assert.equal(told['x-request-id']?.[14], reason);
        }
      }
    });

    test("who has been answered is nobody's parent", () => {
      const sides = new Sides(tracer);
      const { told, end } = sides.inbound();
      end();
      const { told: after, tags } = sides.outbound();
      assert.equal(tags.has('tulle.inferred_parent'), false);
      assert.notEqual(contextOf(after)[0], contextOf(told)[0]);
      assert.equal(sides.work.count, 0);
    });

    test('of two the one whose id is carried, and none without', () => {
      const sides = new Sides(tracer);
      const [first] = [sides.inbound({ 'x-request-id': TRACED }), sides.inbound({ 'x-request-id': UNTRACED })];
      const carried = first.told['x-request-id'] ?? '';
      assert.equal(contextOf(sides.outbound({ 'x-request-id': carried }).told)[0], contextOf(first.told)[0]);
      assert.equal(sides.outbound().tags.has('tulle.inferred_parent'), false);
    });

    test('a context that is passed on, or broken, is left as it is', () => {
      const sides = new Sides(tracer);
      const { told } = sides.inbound({ 'x-request-id': TRACED });
      assert.equal(sides.outbound(told).tags.has('tulle.inferred_parent'), false);
      const broken = { traceparent: 'x', b3: 'x' };
      assert.equal(sides.outbound(broken).told['traceparent'], 'x');
    });

    test('a listener says that nothing is mended, or by ids only', () => {
      const sides = new Sides(tracer);
      const { told } = sides.inbound({ 'x-request-id': TRACED });
      const id = { 'x-request-id': told['x-request-id'] ?? '' };
      const isMended = (fields: Fields, traceMending: string) =>
        sides.outbound(fields, { tulle: { traceMending } }).tags.has('tulle.inferred_parent');
      assert.deepEqual([isMended({}, 'OFF'), isMended(id, 'OFF')], [false, false]);
      assert.deepEqual([isMended({}, 'REQUEST_ID'), isMended(id, 'REQUEST_ID')], [false, true]);
    });

    test("an upgrade is work, and nobody's parent", () => {
      const sides = new Sides(tracer);
      sides.inbound({ upgrade: 'websocket' });
      assert.equal(sides.work.count, 1);
      assert.equal(sides.outbound().tags.has('tulle.inferred_parent'), false);
    });
  });
}
