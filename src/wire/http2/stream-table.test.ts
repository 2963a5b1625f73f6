import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StreamTable } from './stream-table.ts';

const ids = (streams: readonly { id: number }[]): number[] => streams.map(({ id }) => id);

test('streams are found by number, however long some of them live', () => {
  const opensAndCloses = fc.array(fc.oneof(fc.constant('open' as const), fc.nat({ max: 300 })), { maxLength: 1500 });
  fc.assert(
    fc.property(opensAndCloses, (steps) => {
      const table = new StreamTable<{ id: number }>();
      const model = new Map<number, { id: number }>();
      let next = 1;
      for (const step of steps) {
        if (step === 'open') {
          const stream = { id: next };
          next += 2;
          table.add(stream);
          model.set(stream.id, stream);
        } else {
          const id = [...model.keys()][step] ?? step;
          assert.equal(table.delete(id), model.delete(id));
          assert.equal(table.get(id), undefined);
        }
        assert.equal(table.size, model.size);
      }
      assert.deepEqual(ids(table.values()), [...model.keys()]);
      for (const [id, stream] of model) assert.equal(table.get(id), stream);
    }),
    { numRuns: 60 },
  );
});

test('one stream that stays does not make the table grow, and is found again', () => {
  const table = new StreamTable<{ id: number }>();
  const tunnel = { id: 1 };
  table.add(tunnel);
  for (let id = 3; id < 20_001; id += 2) {
    table.add({ id });
    assert.ok(table.delete(id));
  }
  assert.equal(table.get(1), tunnel);
  assert.equal(table.size, 1);
  table.clear();
  assert.equal(table.get(1), undefined);
});
