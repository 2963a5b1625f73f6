import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from '../../../core/errors.ts';
import { NameWatch, type RefreshSettings } from './name-watch.ts';
import type { Resolution } from './resolver.ts';

const SETTINGS: RefreshSettings = {
  family: 'v4',
  refreshMs: 5000,
  minRefreshMs: 0,
  respectsTtl: false,
  jitterMs: 0,
  failure: undefined,
};

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits that follow one answer after the other, `undefined` being a failure. */
const waits: readonly [
  name: string,
  settings: Partial<RefreshSettings>,
  ttls: readonly (number | undefined | 'fails')[],
  want: number[],
][] = [
  ['at the refresh rate', {}, [1000, undefined, 'fails'], [5000, 5000, 5000]],
  ['by the TTL, but not for none or 0', { respectsTtl: true }, [1000, undefined, 0, 9000], [1000, 5000, 5000, 9000]],
  ['no sooner than the least', { respectsTtl: true, minRefreshMs: 3000 }, [1000, 4000], [3000, 4000]],
  ['with jitter', { jitterMs: 100 }, [undefined], [5050]],
  [
    'later and later after failures, and at first again after an answer',
    { failure: { baseMs: 100, maxMs: 300 } },
    ['fails', 'fails', 'fails', undefined, 'fails'],
    [50, 100, 150, 5000, 50],
  ],
  ['as late as a timer can be set where the answer holds for longer', { respectsTtl: true }, [30 * 86_400_000], [2 ** 31 - 1]],
];

for (const [name, changes, answers, want] of waits) {
  test(`a name is asked for again ${name}`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const given: (Resolution | string)[] = [];
    let asked = 0;
    const watch = new NameWatch(
      'n',
      { ...SETTINGS, ...changes },
      {
        resolver: {
          resolve() {
            const answer = answers[asked++];
            return answer === 'fails' ? Promise.reject(new Error('SERVFAIL')) : Promise.resolve({ addresses: ['10.0.0.1'], ttlMs: answer });
          },
        },
        random: () => 0.5,
        onAnswer: (answer) => void given.push(answer),
        onFailure: (error) => void given.push(messageOf(error)),
      },
    );
    for (const [i, waitMs] of want.entries()) {
      await settled();
      assert.equal(given.length, i + 1);
      assert.equal(given[i] === 'SERVFAIL', answers[i] === 'fails');
      t.mock.timers.tick(waitMs - 1);
      assert.equal(asked, i + 1, `not before ${waitMs} ms`);
      t.mock.timers.tick(1);
      assert.equal(asked, i + 2, `after ${waitMs} ms`);
    }
    watch.close();
    await settled();
    t.mock.timers.tick(60_000);
    assert.equal(given.length, want.length, 'nothing after the end');
  });
}
