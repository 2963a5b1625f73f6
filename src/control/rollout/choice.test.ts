import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RolloutStep } from '../../model/rollout.ts';
import { chosen, isChosenBy } from './choice.ts';

const percent = (share: number): RolloutStep => ({ kind: 'percent', percent: share });
const proxies = Array.from({ length: 1000 }, (_, i) => ({ id: `sidecar~10.0.0.${i}~web-${i}.shop`, labels: {} }));

test('a percentage is about that many, and at least one', () => {
  const { size } = chosen([percent(10)], proxies);
  assert.ok(size > 60 && size < 140, `${size} of 1000`);
  assert.equal(chosen([percent(1)], proxies.slice(0, 3)).size, 1);
  assert.equal(chosen([percent(100)], proxies).size, 1000);
  assert.equal(chosen([percent(10)], []).size, 0);
});

test('who is chosen stays so with a larger share and with others around', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }), (a, b) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)];
      const [few, many] = [chosen([percent(less)], proxies), chosen([percent(more)], proxies)];
      assert.ok([...few].every((id) => many.has(id)));
      for (const proxy of proxies.slice(0, 20)) assert.equal(isChosenBy(percent(more), proxy), many.has(proxy.id));
    }),
    { numRuns: 20 },
  );
});

test('a revision is a label of the workload, and needs somebody who has it', () => {
  const step: RolloutStep = { kind: 'revision', revision: 'canary' };
  const own = { id: 'x', labels: { 'istio.io/rev': 'canary' } };
  assert.deepEqual([...chosen([step], [...proxies, own])], ['x']);
  assert.equal(chosen([step], proxies).size, 0);
  assert.ok(chosen([step, percent(50)], [...proxies, own]).has('x'));
});
