import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TimerWheel } from './timer-wheel.ts';

test('timers fire once, in their tick, never early and at most a tick late', () => {
  const delays = fc.array(fc.tuple(fc.nat(20_000), fc.boolean()), { maxLength: 40 });
  fc.assert(
    fc.property(delays, fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 30 }), (timers, steps) => {
      let nowMs = 1000;
      const wheel = new TimerWheel(nowMs, 10, 64);
      const firedMs = timers.map(() => -1);
      for (const [i, [delayMs, isCancelled]] of timers.entries()) {
        const timer = wheel.schedule(delayMs, nowMs, () => {
          assert.equal(firedMs[i], -1);
          firedMs[i] = nowMs;
        });
        if (isCancelled) wheel.cancel(timer);
      }
      const check = (): void => {
        for (const [i, [delayMs, isCancelled]] of timers.entries()) {
          const isDue = nowMs >= 1000 + delayMs + 10;
          if (isCancelled) assert.equal(firedMs[i], -1);
          else if (isDue) assert.notEqual(firedMs[i], -1);
          if (nowMs < 1000 + delayMs) assert.equal(firedMs[i], -1);
        }
      };
      for (const step of steps) {
        nowMs += step;
        wheel.advance(nowMs);
        check();
      }
      nowMs += 30_000;
      wheel.advance(nowMs);
      check();
      assert.equal(wheel.size, 0);
    }),
  );
});

test('sleeping until the next due time never oversleeps', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { minLength: 1, maxLength: 20 }), (delays) => {
      let nowMs = 3;
      const wheel = new TimerWheel(nowMs, 10, 32);
      for (const delayMs of delays) {
        wheel.schedule(delayMs, 3, () => assert(nowMs < 3 + delayMs + 20, `${nowMs} for ${delayMs}`));
      }
      for (let i = 0; i < 1000 && wheel.size > 0; i++) {
        nowMs += wheel.nextDueMs(nowMs);
        wheel.advance(nowMs);
      }
      assert.equal(wheel.size, 0);
      assert.equal(wheel.nextDueMs(nowMs), Infinity);
    }),
  );
});

test('callbacks may schedule and cancel', () => {
  const wheel = new TimerWheel(0, 10, 8);
  const fired: string[] = [];
  const victim = wheel.schedule(10, 0, () => fired.push('victim'));
  wheel.cancel(victim);
  const second = { timer: victim };
  wheel.schedule(10, 0, () => {
    fired.push('first');
    wheel.cancel(second.timer);
    wheel.schedule(0, 10, () => fired.push('third'));
  });
  second.timer = wheel.schedule(10, 0, () => fired.push('second'));
  wheel.advance(10);
  assert.deepEqual(fired, ['first']);
  wheel.advance(20);
  assert.deepEqual(fired, ['first', 'third']);
});

test('a timer that is cancelled, or has fired, lets go of its neighbours and its callback', () => {
  const wheel = new TimerWheel(0);
  const callback = (): void => {};
  const timers = [0, 1, 2].map(() => wheel.schedule(50, 0, callback));
  const [first, second] = timers;
  assert.ok(first !== undefined && second !== undefined);
  wheel.cancel(second);
  wheel.advance(100);
  for (const timer of timers) {
    assert.deepEqual([timer.next === timer, timer.previous === timer], [true, true]);
    assert.notEqual(timer.callback, callback);
  }
});
