import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { fakeInfo, fakeRequest, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { CONTINUE, type FilterStatus, type HttpStream, REPLIED, STOP, TAKEN, TAKEN_STOP } from '../filter.ts';
import { fault } from './fault.ts';
import { filterOf, type MadeFilter, routeConfigOf } from './testing/filter-of.ts';

const ALL = { numerator: 100 };
const ABORT = { status: 418, body: 'fault filter abort', details: 'fault_filter_abort', flag: 'FI' };
const GRPC_ABORT = { ...ABORT, status: 200, grpcStatus: 5 };
const teapot = { abort: { httpStatus: 418, percentage: ALL } };
const byHeader = { abort: { headerAbort: {}, percentage: { numerator: 50 } } };

/** A stream whose timers are run by `pass`. */
function timedStream(headers: Record<string, string> = {}, more: Partial<HttpStream> = {}) {
  const timers: (readonly [delayMs: number, callback: () => void])[] = [];
  let resumed = '';
  const passed: string[] = [];
  const base = fakeStream({ info: fakeInfo({ request: fakeRequest({}, headers), clusterName: 'c' }) });
  const stream: typeof base = {
    ...base,
    after: (delayMs, callback) => void timers.push([delayMs, callback]),
    resumeRequest: () => void (resumed += 'q'),
    resumeResponse: () => void (resumed += 'r'),
    passResponseData: (_handlers, data) => void passed.push(Buffer.from(data).toString()),
    ...more,
  };
  return {
    stream,
    passed,
    /** Which directions have gone on. */
    resumed: () => resumed,
    /** Runs the next timer; its delay. */
    pass: () => {
      const [delayMs, callback] = timers.shift() ?? [undefined, () => undefined];
      callback();
      return delayMs;
    },
  };
}

function begin({ handlers }: MadeFilter, stream: HttpStream): FilterStatus | undefined {
  return handlers.onRequestHeaders?.(stream, true);
}

const ABORTS: readonly [config: JsonObject, headers: Record<string, string>, random: number, reply: object | undefined][] = [
  [teapot, {}, 0.99, ABORT],
  [{ abort: { httpStatus: 418, percentage: { numerator: 1, denominator: 'TEN_THOUSAND' } } }, {}, 0.0001, undefined],
  [{ abort: { httpStatus: 418 } }, {}, 0, undefined],
  [{ abort: { grpcStatus: 5, percentage: ALL } }, {}, 0, GRPC_ABORT],
  [{ abort: { httpStatus: 418, percentage: ALL, responseBody: 'tea' } }, {}, 0, { ...ABORT, body: 'tea' }],
  [byHeader, {}, 0, undefined],
  [byHeader, { 'x-envoy-fault-abort-request': '418' }, 0.49, ABORT],
  [byHeader, { 'x-envoy-fault-abort-request': '418' }, 0.5, undefined],
  [byHeader, { 'x-envoy-fault-abort-request': '+418' }, 0, ABORT],
  [byHeader, { 'x-envoy-fault-abort-request': '99' }, 0, undefined],
  [byHeader, { 'x-envoy-fault-abort-request': 'x', 'x-envoy-fault-abort-grpc-request': '5' }, 0, GRPC_ABORT],
  [byHeader, { 'x-envoy-fault-abort-request': '418', 'x-envoy-fault-abort-request-percentage': '10' }, 0.2, undefined],
  [byHeader, { 'x-envoy-fault-abort-request': '418', 'x-envoy-fault-abort-request-percentage': '90' }, 0.6, undefined],
  [{ ...teapot, upstreamCluster: 'c' }, {}, 0, ABORT],
  [{ ...teapot, upstreamCluster: 'd' }, {}, 0, undefined],
  [{ ...teapot, downstreamNodes: ['n'] }, { 'x-envoy-downstream-service-node': 'n' }, 0, ABORT],
  [{ ...teapot, downstreamNodes: ['n'] }, {}, 0, undefined],
  [{ ...teapot, headers: [{ name: 'x-a' }] }, { 'x-a': '1' }, 0, ABORT],
  [{ ...teapot, headers: [{ name: 'x-a' }] }, {}, 0, undefined],
];

for (const [config, headers, random, reply] of ABORTS) {
  test(`${JSON.stringify(config)} for ${JSON.stringify(headers)} at ${random}: ${reply === undefined ? 'passes' : 'aborts'}`, () => {
    const { stream } = timedStream(headers);
    assert.equal(begin(filterOf(fault, config, { random: () => random }), stream), reply === undefined ? CONTINUE : REPLIED);
    assert.deepEqual(stream.replies, reply === undefined ? [] : [reply]);
  });
}

test('a delayed stream goes on after the delay, and counts as active until then', () => {
  const filter = filterOf(fault, { delay: { fixedDelay: '0.05s', percentage: ALL }, filterMetadata: { a: 'b' } });
  const { stream, pass, resumed } = timedStream({ 'x-envoy-downstream-service-cluster': 'shop' });
  assert.equal(begin(filter, stream), STOP);
  assert.deepEqual(filter.counted(), { 'fault.delays_injected': 1, 'fault.shop.delays_injected': 1, 'fault.active_faults': 1 });
  assert.deepEqual(stream.info.metadata.get('envoy.filters.http.fault'), { a: 'b' });
  assert.deepEqual([pass(), resumed()], [50, 'q']);
  filter.handlers.onComplete?.(stream);
  assert.equal(filter.counted()['fault.active_faults'], undefined);
});

test('a delay can end in an abort', () => {
  const filter = filterOf(fault, { ...teapot, delay: { headerDelay: {}, percentage: ALL }, disableDownstreamClusterStats: true });
  const { stream, pass, resumed } = timedStream({ 'x-envoy-fault-delay-request': '7', 'x-envoy-downstream-service-cluster': 'shop' });
  assert.equal(begin(filter, stream), STOP);
  assert.deepEqual([pass(), resumed(), stream.replies], [7, '', [ABORT]]);
  assert.deepEqual(filter.counted(), { 'fault.delays_injected': 1, 'fault.aborts_injected': 1, 'fault.active_faults': 1 });
  filter.handlers.onComplete?.(stream);
  assert.equal(filter.counted()['fault.active_faults'], undefined);
});

test('no more faults at a time than allowed', () => {
  const filter = filterOf(fault, { ...teapot, maxActiveFaults: 1 });
  const [first, second, third] = [timedStream().stream, timedStream().stream, timedStream().stream];
  assert.deepEqual([begin(filter, first), begin(filter, second)], [REPLIED, CONTINUE]);
  filter.handlers.onComplete?.(first);
  assert.equal(begin(filter, third), REPLIED);
  assert.equal(filter.counted()['fault.faults_overflow'], 1);
});

test("a route's faults stand in place of the filter's", () => {
  const { stream } = timedStream({}, { perRoute: () => routeConfigOf(fault, {}) });
  assert.equal(begin(filterOf(fault, teapot), stream), CONTINUE);
});

test('a response is let through by twentieths of a second', () => {
  let nowMs = 0;
  const config = { responseRateLimit: { fixedLimit: { limitKbps: 1 }, percentage: ALL } };
  const filter = filterOf(fault, config, { clock: { monotonicMs: () => nowMs, wallMs: () => 0 } });
  const { stream, pass, passed, resumed } = timedStream();
  assert.equal(begin(filter, stream), CONTINUE);
  const { handlers } = filter;
  assert.equal(handlers.onResponseData?.(stream, Buffer.alloc(40, 'a')), TAKEN);
  assert.equal(handlers.onResponseData?.(stream, Buffer.alloc(60, 'b')), TAKEN);
  assert.equal(handlers.onResponseEnd?.(stream), STOP);
  // 1024 bytes a second: 51 in a twentieth
  assert.deepEqual([passed.join('').length, resumed()], [51, '']);
  nowMs += 50;
  assert.equal(pass(), 50);
  assert.deepEqual([passed.join('').length, resumed()], [100, 'r']);
  assert.equal(passed.join(''), 'a'.repeat(40) + 'b'.repeat(60));
  assert.equal(filter.counted()['fault.response_rl_injected'], 1);
});

test('a response that waits is not read on', () => {
  let nowMs = 0;
  const config = { responseRateLimit: { headerLimit: {}, percentage: ALL } };
  const filter = filterOf(fault, config, { clock: { monotonicMs: () => nowMs, wallMs: () => 0 } });
  const { stream, pass, passed, resumed } = timedStream({ 'x-envoy-fault-throughput-response': '1024' });
  begin(filter, stream);
  assert.equal(filter.handlers.onResponseData?.(stream, Buffer.alloc(200_000)), TAKEN_STOP);
  while (resumed() === '') {
    nowMs += 50;
    assert.equal(pass(), 50);
  }
  const left = 200_000 - passed.join('').length;
  assert.ok(left > 0 && left <= 65_536, `${left} bytes wait`);
  assert.equal(filter.handlers.onResponseEnd?.(stream), STOP);
  while (resumed() === 'r') {
    nowMs += 50;
    pass();
  }
  assert.equal(passed.join('').length, 200_000);
});

for (const [config, message] of [
  [{ delay: {} }, /f\.delay: says neither fixed_delay nor header_delay/],
  [{ delay: { fixedDelay: '0s' } }, /f\.delay\.fixed_delay: 0 s is not above zero/],
  [{ abort: {} }, /f\.abort: says neither/],
  [{ abort: { httpStatus: 199 } }, /f\.abort\.http_status: 199 is not in \[200, 599\]/],
  [{ responseRateLimit: {} }, /f\.response_rate_limit: says neither/],
  [{ responseRateLimit: { fixedLimit: {} } }, /limit_kbps: is not above zero/],
] satisfies [JsonObject, RegExp][]) {
  test(`refused: ${JSON.stringify(config)}`, () => assert.throws(() => filterOf(fault, config), message));
}
