import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStats } from '../telemetry/registry.ts';
import { timersOf } from '../timers.ts';
import { systemClock } from '../../core/clock.ts';
import { BrokenPaths, type Inference, type Mending, readMending } from './broken-paths.ts';
import { type InboundRequest, LocalWork, WorkInFlight } from './work.ts';

const request = (requestId: string): InboundRequest => ({
  requestId,
  traceId: requestId,
  spanId: requestId,
  isSampled: true,
  traceState: '',
});

const NODE = { id: 'sidecar~10.0.0.1~cart.shop~shop', cluster: 'cart.shop', metadata: { WORKLOAD_NAME: 'cart', NAMESPACE: 'shop' } };

interface Case {
  readonly mending?: Exclude<Mending, 'OFF'>;
  /** Ids of requests under way; undefined: of bytes. */
  readonly work: readonly (string | undefined)[];
  readonly carried: string | undefined;
  readonly want: string;
  readonly counted: string;
}

const CASES: Readonly<Record<string, Case>> = {
  'nothing under way': { work: [], carried: undefined, want: 'nobody', counted: '' },
  'one under way': { work: ['a'], carried: undefined, want: 'a by in-flight', counted: 'mended_in_flight' },
  'two under way': { work: ['a', 'b'], carried: undefined, want: 'nobody', counted: 'left' },
  'one and bytes': { work: ['a', undefined], carried: undefined, want: 'nobody', counted: 'left' },
  'bytes alone': { work: [undefined], carried: undefined, want: 'nobody', counted: 'left' },
  'an id of two': { work: ['a', 'b'], carried: 'b', want: 'b by request-id', counted: 'mended_by_request_id' },
  'an id of one': { work: ['a'], carried: 'a', want: 'a by request-id', counted: 'mended_by_request_id' },
  'an id of none of them': { work: ['a'], carried: 'x', want: 'nobody', counted: 'left' },
  'one id twice': { work: ['a', 'a'], carried: 'a', want: 'nobody', counted: 'left' },
  'an id and bytes': { work: ['a', undefined], carried: 'a', want: 'a by request-id', counted: 'mended_by_request_id' },
  'by ids only: one under way': { mending: 'REQUEST_ID', work: ['a'], carried: undefined, want: 'nobody', counted: 'left' },
  'by ids only: an id': { mending: 'REQUEST_ID', work: ['a', 'b'], carried: 'a', want: 'a by request-id', counted: 'mended_by_request_id' },
};

const textOf = (found: Inference | undefined): string => (found === undefined ? 'nobody' : `${found.parent.requestId} by ${found.by}`);

for (const [name, { mending = 'IN_FLIGHT', work, carried, want, counted }] of Object.entries(CASES)) {
  test(`a call is a part of: ${name}`, () => {
    const inFlight = new WorkInFlight(new LocalWork(), timersOf(systemClock));
    const stats = createStats();
    for (const id of work) inFlight.enter(id === undefined ? undefined : request(id));
    const broken = new BrokenPaths(inFlight, mending, stats, NODE);
    assert.equal(textOf(broken.infer(carried)), want);
    for (const outcome of ['mended_by_request_id', 'mended_in_flight', 'left']) {
      const { value } = stats.labelledCounter('tulle_trace_broken_total', { workload: 'cart', namespace: 'shop', outcome });
      assert.equal(value, outcome === counted ? 1 : 0, outcome);
    }
  });
}

test('what a listener says of it', () => {
  assert.equal(readMending({}), 'IN_FLIGHT');
  assert.equal(readMending({ tulle: { httpProxy: true } }), 'IN_FLIGHT');
  assert.equal(readMending({ tulle: { traceMending: 'OFF' } }), 'OFF');
  assert.throws(
    () => readMending({ tulle: { traceMending: 'SOMETIMES' } }),
    /tulle\.traceMending: is not one of OFF, REQUEST_ID, IN_FLIGHT/,
  );
});
