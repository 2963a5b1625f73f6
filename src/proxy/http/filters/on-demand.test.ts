import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type OnDemandCdsSchema,
  OnDemandSchema,
  PerRouteConfigSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.ts';
import { headOf, tableOf } from '../../router/testing/routes.ts';
import { fakeInfo, fakeScope, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { CONTINUE, STOP } from '../filter.ts';
import { onDemand } from './on-demand.ts';

const table = tableOf({
  virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }] }],
});
const route = table.match(headOf({}), 0, fakeInfo());

function setUp(ask: (callback: () => void) => boolean) {
  const happened: string[] = [];
  let timeout = (): void => {};
  const stream = {
    ...fakeStream(),
    refreshRoute: () => void happened.push('refresh'),
    resumeRequest: () => void happened.push('resume'),
    after: (_ms: number, callback: () => void) => void (timeout = callback),
  };
  const routes = { current: () => undefined, request: (_head: unknown, callback: () => void) => ask(callback) };
  const handlers = onDemand.create(onDemand.parse(create(OnDemandSchema), 'f'), fakeScope({ routes }));
  return { happened, stream, handlers, timeOut: () => timeout() };
}

test('a request without a route waits for it, and goes on once', () => {
  let arrive = (): void => {};
  const { happened, stream, handlers, timeOut } = setUp((callback) => {
    arrive = callback;
    return true;
  });
  assert.equal(handlers.onRequestHeaders?.(stream, true), STOP);
  assert.deepEqual(happened, []);
  arrive();
  timeOut();
  arrive();
  assert.deepEqual(happened, ['refresh', 'resume']);
});

test('a request goes on without a route when the time is over, and not at all once it is over itself', () => {
  const { happened, stream, handlers, timeOut } = setUp(() => true);
  handlers.onRequestHeaders?.(stream, true);
  timeOut();
  assert.deepEqual(happened, ['refresh', 'resume']);
  const gone = setUp(() => true);
  gone.handlers.onRequestHeaders?.(gone.stream, true);
  gone.handlers.onComplete?.(gone.stream);
  gone.timeOut();
  assert.deepEqual(gone.happened, []);
});

test('nobody waits who has a route, for what cannot be asked for, or for what is there', () => {
  const asking = setUp(() => assert.fail('asked'));
  assert.equal(asking.handlers.onRequestHeaders?.({ ...asking.stream, route }, true), CONTINUE);
  const refused = setUp(() => false);
  assert.equal(refused.handlers.onRequestHeaders?.(refused.stream, true), CONTINUE);
  assert.deepEqual(refused.happened, []);
  const there = setUp((callback) => {
    callback();
    return true;
  });
  assert.equal(there.handlers.onRequestHeaders?.(there.stream, true), CONTINUE);
  assert.deepEqual(there.happened, ['refresh']);
});

const ADS = { configSourceSpecifier: { case: 'ads', value: {} } } as const;

test('the router is told how long to wait for a cluster, by the filter or by the route', () => {
  type Odcds = { readonly odcds?: MessageInitShape<typeof OnDemandCdsSchema> };
  const waitMs = (own: Odcds, ofRoute?: Odcds): unknown => {
    const handlers = onDemand.create(onDemand.parse(create(OnDemandSchema, own), 'f'), fakeScope());
    const perRoute = ofRoute && onDemand.parseRoute?.(create(PerRouteConfigSchema, ofRoute), 'r');
    const stream = { ...fakeStream({ perRoute }), clusterWaitMs: undefined };
    assert.equal(handlers.onRequestHeaders?.(stream, true), CONTINUE);
    return stream.clusterWaitMs;
  };
  const second = { odcds: { source: ADS, timeout: { seconds: 1n } } };
  assert.deepEqual(
    [waitMs({}), waitMs({ odcds: { source: ADS } }), waitMs(second), waitMs({}, second), waitMs(second, {})],
    [0, 5000, 1000, 1000, 0],
  );
});

test('clusters come from the server of the proxy alone', () => {
  const odcds = create(OnDemandSchema, { odcds: {} });
  assert.throws(() => onDemand.parse(odcds, 'f'), /^ConfigError: f\.odcds\.source: only ads is supported by Tulle/);
});
