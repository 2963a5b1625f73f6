import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRouteIndex } from './route-index.ts';

interface Route {
  readonly path: { readonly key: { readonly isWhole: boolean; readonly text: string } | undefined };
  /** For routes without a key: what they ask for. */
  readonly odd: boolean;
}

function fits({ path: { key }, odd }: Route, path: string): boolean {
  if (key === undefined) return (path.length % 2 === 1) === odd;
  return key.isWhole ? path === key.text : path.startsWith(key.text);
}

const text = fc.string({ unit: fc.constantFrom('/', 'a', 'b'), maxLength: 5 });
const key = fc.record({ isWhole: fc.boolean(), text });
const route = fc.record({ path: fc.record({ key: fc.option(key, { nil: undefined, freq: 5 }) }), odd: fc.boolean() });

test('the index finds what a search through all routes would', () => {
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 40 }),
      fc.array(text, { minLength: 1, maxLength: 8 }),
      fc.func(fc.boolean()),
      (routes, paths, extra) => {
        const find = createRouteIndex(routes);
        for (const path of paths) {
          const matches = (candidate: Route): boolean => fits(candidate, path) && extra(candidate);
          assert.equal(find(path, matches), routes.find(matches));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('routes that cannot match are not tried, and the others in order', () => {
  const routes: Route[] = Array.from({ length: 1000 }, (_, i) => ({ path: { key: { isWhole: i % 2 === 0, text: `/r${i}` } }, odd: false }));
  routes.push({ path: { key: { isWhole: false, text: '/' } }, odd: false });
  const tried: (Route | undefined)[] = [];
  const found = createRouteIndex(routes)('/r501', (candidate) => {
    tried.push(candidate);
    return candidate === routes[1000];
  });
  assert.deepEqual(tried, [routes[5], routes[501], routes[1000]]);
  assert.equal(found, routes[1000]);
});
