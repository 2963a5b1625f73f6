/** Every case: our compiler answers as istiod did when its answers were recorded, or otherwise on purpose. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { casesOf, recordedOf, topics } from './case.ts';
import { DIFFERENCES } from './differences.ts';
import { askTulle } from './tulle.ts';

for (const topic of topics()) {
  const recorded = recordedOf(topic);
  describe(topic, () => {
    for (const one of casesOf(topic)) {
      test(one.name, () => {
        const known = recorded[one.name];
        assert.ok(known, 'no answer of istiod is recorded: npm run compare:istio -- --record');
        assert.ok(one.differs.every((name) => Object.hasOwn(DIFFERENCES, name)));
        assert.equal(known.tulle !== undefined, one.differs.length > 0);
        const wanted =
          known.tulle !== undefined && Object.hasOwn(known.tulle, 'refused') ? known.tulle : { ...known.istio, ...known.tulle };
        assert.deepEqual(askTulle(one), wanted);
      });
    }
    test('nothing is recorded that no case asks', () => {
      assert.deepEqual(
        Object.keys(recorded),
        casesOf(topic).map(({ name }) => name),
      );
    });
  });
}

test('every difference on purpose has a case that shows it', () => {
  const shown = new Set<string>(topics().flatMap((topic) => casesOf(topic).flatMap(({ differs }) => differs)));
  assert.deepEqual(
    Object.keys(DIFFERENCES).filter((name) => !shown.has(name)),
    [],
  );
});
