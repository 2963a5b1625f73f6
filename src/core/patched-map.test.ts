import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changedKeys, patchedMap, patchOf } from './patched-map.ts';

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

test('what differs between maps is found, however they came to be', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.nat(2))), fc.array(fc.array(change)), (first, patches) => {
      const maps: ReadonlyMap<string, number>[] = [new Map(first)];
      for (const changes of patches) maps.push(patchedMap(maps.at(-1) ?? new Map(), changes));
      // copies are made of nothing
      const all = [...maps, ...maps.map((map) => new Map(map))];
      for (const before of all) {
        for (const after of all) {
          const want = ['a', 'b', 'c', 'd', 'e'].filter((name) => before.get(name) !== after.get(name));
          assert.deepEqual(changedKeys(before, after).toSorted(), want);
        }
      }
    }),
  );
});

test('what a map is made of gives the map', () => {
  const first = new Map([['a', 1]]);
  const next = patchedMap(first, [
    ['a', undefined],
    ['b', 2],
  ]);
  assert.equal(patchOf(next).base, first);
  assert.deepEqual(new Map(patchedMap(patchOf(next).base, patchOf(next).own)), new Map([['b', 2]]));
  assert.equal(patchOf(first).base, first);
});
