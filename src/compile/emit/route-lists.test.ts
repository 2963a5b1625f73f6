import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RouteSet } from '../../model/route.ts';
import { routeSetOf } from '../testing/mesh.ts';
import { following, succeed } from './route-lists.ts';

const HOSTS = ['a', 'b', 'c', 'd'] as const;

/** Names of all hosts, and how often they were made from nothing and from what was before. */
function namesOf() {
  const calls = { made: 0, followed: 0 };
  const names = following<{ readonly hosts: readonly string[] }>(
    (routes) => {
      calls.made += 1;
      return { hosts: routes.flatMap(({ hosts }) => hosts) };
    },
    ({ hosts }, replaced) => {
      if (replaced.some(({ was, is }) => was.hosts.length + is.hosts.length > 2)) return undefined;
      calls.followed += 1;
      return { hosts: replaced.reduce((all, { was, is }) => all.with(all.indexOf(was.hosts[0] ?? ''), is.hosts[0] ?? ''), hosts) };
    },
  );
  return { names, calls };
}

test('what follows edit after edit is what is made of the last list', () => {
  const edit = fc.record({ at: fc.nat(3), hosts: fc.constantFrom(1, 2), isNoted: fc.boolean() });
  fc.assert(
    fc.property(fc.array(edit), (edits) => {
      const { names } = namesOf();
      let routes: readonly RouteSet[] = HOSTS.map((host) => routeSetOf([host]));
      names(routes);
      for (const [i, { at, hosts, isNoted }] of edits.entries()) {
        const next = routes.with(at, routeSetOf(Array.from({ length: hosts }, (_, more) => `${i}-${more}`)));
        if (isNoted) succeed(routes, next);
        assert.deepEqual(
          names(next).hosts,
          next.flatMap((set) => set.hosts),
        );
        routes = next;
      }
    }),
  );
});

test('nothing is made anew where a list is known, or the one before it', () => {
  const { names, calls } = namesOf();
  const first = HOSTS.map((host) => routeSetOf([host]));
  const second = first.with(1, routeSetOf(['x']));
  assert.deepEqual(names(first).hosts, HOSTS);
  succeed(first, second);
  // the first word about a list counts
  succeed([], second);
  assert.deepEqual(names(second).hosts, ['a', 'x', 'c', 'd']);
  assert.equal(names(second), names(second));
  assert.deepEqual(calls, { made: 1, followed: 1 });
  // nobody said what was before this one
  assert.deepEqual(names([...second]).hosts, ['a', 'x', 'c', 'd']);
  assert.deepEqual(calls, { made: 2, followed: 1 });
});
