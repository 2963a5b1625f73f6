import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFilterState, sharedStateOf, stateFrom } from './shared-state.ts';
import type { StreamInfo } from './stream-info.ts';

type Info = Pick<StreamInfo, 'filterState' | 'sharing'>;

/** The values that arrive after so many connections within the process. */
function after(info: Info, hops: number): Record<string, string> {
  let last: Info = info;
  for (let i = 0; i < hops; i++) last = stateFrom(sharedStateOf(last));
  return Object.fromEntries(last.filterState ?? []);
}

test('state goes as far as it is shared', () => {
  const info: Info = {};
  setFilterState(info, 'own', '1');
  assert.equal(sharedStateOf(info), undefined);
  setFilterState(info, 'next', '2', 'once');
  setFilterState(info, 'all', '3', 'transitive');
  assert.deepEqual([after(info, 1), after(info, 2), after(info, 3)], [{ next: '2', all: '3' }, { all: '3' }, { all: '3' }]);
});

test('the last word counts, on the sharing too', () => {
  const info: Info = {};
  setFilterState(info, 'x', '1', 'transitive');
  setFilterState(info, 'x', '2', 'once');
  assert.deepEqual([after(info, 1), after(info, 2)], [{ x: '2' }, {}]);
  setFilterState(info, 'x', '3');
  assert.deepEqual(after(info, 1), {});
});
