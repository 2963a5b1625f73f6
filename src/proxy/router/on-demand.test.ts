import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTINUE, STOP } from '../http/filter.ts';
import { fakeInfo, fakeStream } from '../telemetry/testing/fake-stream.ts';
import { createOnDemand } from './on-demand.ts';
import { headOf, tableOf } from './testing/routes.ts';

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
  const handlers = createOnDemand({ current: () => undefined, request: (_head, callback) => ask(callback) });
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
