import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import type { Clock } from '../../core/clock.ts';
import { Timers } from '../timers.ts';
import { SharedWork, sharedWorkMemory } from './shared-work.ts';
import { type InboundRequest, LocalWork, type Work, WorkInFlight, type WorkStore } from './work.ts';

const request = (requestId: string, more: Partial<InboundRequest> = {}): InboundRequest => ({
  requestId,
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  isSampled: true,
  traceState: 'vendor=1',
  ...more,
});

const piece = (of?: InboundRequest): Work => ({ request: of, slot: -1 });

/** Stores by what they are; each gives two views of one, of the same loop or of two. */
const STORES: Readonly<Record<string, () => readonly [WorkStore, WorkStore]>> = {
  local() {
    const store = new LocalWork();
    return [store, store];
  },
  shared() {
    const memory = sharedWorkMemory(2);
    return [new SharedWork(memory, 0), new SharedWork(memory, 1)];
  },
};

for (const [name, create] of Object.entries(STORES)) {
  suite(`work, ${name}`, () => {
    test('the only piece is found from either loop, and none of two', () => {
      const [own, other] = create();
      const first = piece(request('a'));
      own.add(first);
      assert.deepEqual(own.only(), request('a'));
      assert.deepEqual(other.only(), request('a'));
      const second = piece(request('b', { isSampled: false, traceState: '' }));
      other.add(second);
      assert.equal(own.only(), undefined);
      own.remove(first);
      assert.deepEqual(own.only(), request('b', { isSampled: false, traceState: '' }));
      other.remove(second);
      assert.equal(own.only(), undefined);
      assert.equal(own.count, 0);
    });

    test("bytes of no request count, and are nobody's parent", () => {
      const [own, other] = create();
      const bytes = piece();
      other.add(bytes);
      assert.equal(own.only(), undefined);
      own.add(piece(request('a')));
      assert.equal(own.only(), undefined);
      other.remove(bytes);
      assert.deepEqual(own.only(), request('a'));
    });

    test('requests are found by their ids, and two of one id as two', () => {
      const [own, other] = create();
      own.add(piece(request('a')));
      other.add(piece(request('ab')));
      assert.deepEqual(other.withId('a'), [request('a')]);
      other.add(piece(request('a', { spanId: '1111111111111111' })));
      other.add(piece(request('a', { spanId: '2222222222222222' })));
      assert.equal(own.withId('a').length, 2);
      assert.deepEqual(own.withId('missing'), []);
    });

    test('whatever comes and goes, nothing is found that is not there', () => {
      const id = fc.constantFrom('a', 'b', 'c');
      const step = fc.record({
        loop: fc.constantFrom(0, 1),
        id: fc.option(id, { nil: undefined }),
        ends: fc.option(fc.nat(20), { nil: undefined }),
      });
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          const stores = create();
          const there: { readonly store: WorkStore; readonly work: Work }[] = [];
          for (const { loop, id: requestId, ends } of steps) {
            const store = stores[loop] ?? stores[0];
            const leaving = ends === undefined ? undefined : there.splice(ends, 1)[0];
            if (ends === undefined) {
              const work = piece(requestId === undefined ? undefined : request(requestId));
              store.add(work);
              there.push({ store, work });
            } else leaving?.store.remove(leaving.work);
            assert.equal(store.count, there.length);
            assert.deepEqual(store.only(), there.length === 1 ? there[0]?.work.request : undefined);
            const named = there.filter(({ work }) => work.request?.requestId === 'a');
            assert.equal(store.withId('a').length, Math.min(2, named.length));
          }
        }),
        { numRuns: 200 },
      );
    });
  });
}

test('more requests than memory has room for are not found by id, but counted', () => {
  const store = new SharedWork(sharedWorkMemory(1), 0);
  const all = Array.from({ length: 200 }, (_, i) => piece(request(`id-${i}`)));
  for (const work of all) store.add(work);
  assert.equal(store.count, 200);
  assert.equal(store.withId('id-0').length, 1);
  assert.equal(store.withId('id-199').length, 0);
  for (const work of all.slice(0, 199)) store.remove(work);
  assert.equal(store.only(), undefined);
  assert.equal(store.count, 1);
});

test('a loop that begins anew leaves nothing of the one before', () => {
  const memory = sharedWorkMemory(2);
  new SharedWork(memory, 1).add(piece(request('a')));
  const store = new SharedWork(memory, 0);
  assert.equal(store.count, 1);
  new SharedWork(memory, 1);
  assert.equal(store.count, 0);
  assert.deepEqual(store.withId('a'), []);
});

test('a text that is too long is left out, a trace state first', () => {
  const store = new SharedWork(sharedWorkMemory(1), 0);
  store.add(piece(request('a', { traceState: 'x'.repeat(600) })));
  assert.deepEqual(store.only(), request('a', { traceState: '' }));
  store.add(piece(request('b'.repeat(600))));
  assert.deepEqual(store.withId('b'.repeat(600)), []);
});

test('nothing is found torn while another thread writes', async () => {
  const memory = sharedWorkMemory(2);
  const store = new SharedWork(memory, 0);
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     import(workerData.module).then(({ SharedWork }) => {
       const store = new SharedWork(workerData.memory, 1);
       for (let i = 0; Atomics.load(workerData.stop, 0) === 0; i++) {
         const digit = String(i % 10);
         const work = { slot: -1, request: { requestId: digit, traceId: digit.repeat(32), spanId: digit.repeat(16), isSampled: true, traceState: digit.repeat(i % 100) } };
         store.add(work);
         for (let spun = 0; spun < 500; spun++) Atomics.load(workerData.stop, 0);
         store.remove(work);
       }
     });`,
    { eval: true, workerData: { memory, stop, module: new URL('./shared-work.ts', import.meta.url).href } },
  );
  let found = 0;
  try {
    while (found < 1000) {
      for (let i = 0; i < 1000; i++) {
        const only = store.only();
        if (only === undefined) continue;
        found++;
        const digit = only.requestId;
        assert.match(digit, /^[0-9]$/);
        assert.equal(only.traceId, digit.repeat(32));
        assert.equal(only.spanId, digit.repeat(16));
        assert.equal(only.traceState, digit.repeat(only.traceState.length));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    Atomics.store(stop, 0, 1);
    await once(worker, 'exit');
  }
});

test('a request of which nobody waits for the answer is work for a while', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const clock: Clock = { monotonicMs: () => nowMs, wallMs: () => nowMs };
  const work = new WorkInFlight(new LocalWork(), new Timers(clock));
  const pass = (ms: number): void => {
    nowMs += ms;
    context.mock.timers.tick(ms);
  };
  work.abandon(work.enter(request('a')));
  work.enter(request('b'));
  assert.equal(work.only(), undefined);
  assert.deepEqual(work.withId('a'), []);
  pass(6000);
  work.abandon(work.enter(request('c')));
  pass(6000);
  assert.equal(work.only(), undefined);
  pass(6000);
  assert.deepEqual(work.only(), request('b'));
});
