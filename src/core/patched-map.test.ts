import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { patchedMap } from './patched-map.ts';

const key: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const change = fc.tuple(key, fc.option(fc.nat(), { nil: undefined }));

test('a patched map is what a map with the same changes is', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.nat())), fc.array(fc.array(change)), (first, patches) => {
      const model = new Map(first);
      let map: ReadonlyMap<string, number> = new Map(first);
      for (const changes of patches) {
        map = patchedMap(map, changes);
        for (const [name, value] of changes) {
          if (value === undefined) model.delete(name);
          else model.set(name, value);
        }
        assert.deepEqual(new Map(map), new Map(model));
        assert.equal(map.size, model.size);
        assert.deepEqual(new Set(map.keys()), new Set(model.keys()));
        assert.equal([...map.values()].length, model.size);
        for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
          assert.equal(map.get(name), model.get(name));
          assert.equal(map.has(name), model.has(name));
        }
      }
    }),
  );
});

test('what is not taken away stays in its place', () => {
  const map = patchedMap(
    new Map([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]),
    [
      ['b', 5],
      ['d', 4],
    ],
  );
  assert.deepEqual(
    [...map],
    [
      ['a', 1],
      ['b', 5],
      ['c', 3],
      ['d', 4],
    ],
  );
});

test('many changes become a map of their own', () => {
  let map: ReadonlyMap<string, number> = new Map();
  for (let i = 0; i < 200; i++) map = patchedMap(map, [[String(i), i]]);
  assert.equal(map.size, 200);
  assert.equal(map.get('150'), 150);
});
