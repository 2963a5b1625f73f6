import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OverlaidMap } from './overlaid.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd');
const entries = fc.array(fc.tuple(key, fc.nat(3)));
const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key, value: fc.nat(3) }),
  fc.record({ do: fc.constant('delete' as const), key }),
  fc.record({ do: fc.constant('adopt' as const), entries }),
);

test('an overlaid map is what a map would be that was copied, and leaves its base alone', () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const overlaid = new OverlaidMap<number>();
      let plain = new Map<string, number>();
      const bases: { readonly base: ReadonlyMap<string, number>; readonly was: ReadonlyMap<string, number> }[] = [];
      for (const each of steps) {
        if (each.do === 'set') {
          overlaid.set(each.key, each.value);
          plain.set(each.key, each.value);
        } else if (each.do === 'delete') {
          overlaid.delete(each.key);
          plain.delete(each.key);
        } else {
          const base = new Map(each.entries);
          bases.push({ base, was: new Map(base) });
          overlaid.adopt(base);
          plain = new Map(base);
        }
        assert.deepEqual(new Map(overlaid), plain);
        assert.deepEqual(new Set(overlaid.keys()), new Set(plain.keys()));
        assert.equal(overlaid.size, plain.size);
        for (const name of ['a', 'b', 'c', 'd']) {
          assert.equal(overlaid.has(name), plain.has(name));
          assert.equal(overlaid.get(name), plain.get(name));
        }
        const base = overlaid.base ?? new Map<string, number>();
        assert.equal(overlaid.isUntouched, base.size === plain.size && [...base].every(([name, value]) => plain.get(name) === value));
        for (const { base: kept, was } of bases) assert.deepEqual(kept, was);
      }
    }),
  );
});
