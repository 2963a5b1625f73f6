import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOWHERE } from '../../core/bag.ts';
import { DrainState } from './drain-state.ts';

test('at once, everybody is told and asked', () => {
  const state = new DrainState({ options: { strategy: 'immediate', timeMs: 1000 }, nowMs: () => 0, random: () => 0.9 });
  let told = 0;
  state.whenDraining.add({ place: NOWHERE, leave: () => told++ });
  assert.equal(state.isDraining(), false);
  state.begin();
  state.begin();
  assert.deepEqual([state.isDraining(), told, state.whenDraining.size], [true, 1, 0]);
});

test('gradually, ever more of them', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const state = new DrainState({ options: { strategy: 'gradual', timeMs: 1000 }, nowMs: () => nowMs, random: () => 0.5 });
  let told = 0;
  state.whenDraining.add({ place: NOWHERE, leave: () => told++ });
  const gone = state.whenDraining.add({ place: NOWHERE, leave: () => assert.fail('it has left by itself') });
  state.begin();
  const seen = [400, 499, 501, 1000].map((ms) => {
    nowMs = ms;
    return state.isDraining();
  });
  assert.deepEqual(seen, [false, false, true, true]);
  assert.equal(told, 0);
  state.whenDraining.delete(gone);
  t.mock.timers.tick(500);
  assert.equal(told, 1);
});
