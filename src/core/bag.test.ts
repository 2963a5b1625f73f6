import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Bag, type Bagged, NOWHERE } from './bag.ts';

test('what was added and not deleted is there, whatever the order; to delete twice changes nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat())), (steps) => {
      const bag = new Bag<Bagged>();
      const model = new Set<Bagged>();
      const all: Bagged[] = [];
      for (const step of steps) {
        const old = step === null ? undefined : all[step % Math.max(1, all.length)];
        if (old === undefined) {
          const item = bag.add({ place: NOWHERE });
          all.push(item);
          model.add(item);
        } else {
          bag.delete(old);
          model.delete(old);
        }
        assert.equal(bag.size, model.size);
        assert.equal(new Set(bag.values()).size, model.size);
        assert.ok(bag.values().every((item) => model.has(item)));
      }
    }),
  );
});
