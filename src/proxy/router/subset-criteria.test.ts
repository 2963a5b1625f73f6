import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeInfo } from '../telemetry/testing/fake-stream.ts';
import { headOf, tableOf } from './testing/routes.ts';
import { criteriaOf } from './subset-criteria.ts';

const match = (lb: Record<string, string>) => ({ metadata_match: { filter_metadata: { 'envoy.lb': lb } } });

/** What a request of a route asks for, with dynamic metadata of filters. */
function asked(route: object, dynamic?: unknown): unknown {
  const table = tableOf({
    virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: JSON.parse(JSON.stringify(route)) }] }],
  });
  const info = fakeInfo();
  if (dynamic !== undefined) info.metadata.set('envoy.lb', dynamic);
  const action = table.match(headOf({}), 0, info)?.action;
  if (action?.kind !== 'cluster') throw new Error('not a cluster');
  return criteriaOf({ choice: action.cluster(headOf({}), 0), info });
}

test('a route asks for nothing, for metadata of its own, or for that of its weighted cluster over it', () => {
  assert.equal(asked({ cluster: 'c' }), undefined);
  assert.deepEqual(asked({ cluster: 'c', ...match({ a: '1' }) }), { a: '1' });
  assert.deepEqual(asked({ cluster_header: 'x', ...match({ a: '1' }) }), { a: '1' });
  const clusters = [{ name: 'c', weight: 1, ...match({ a: '2', b: '3' }) }];
  assert.deepEqual(asked({ weighted_clusters: { clusters }, ...match({ a: '1', c: '4' }) }), { a: '2', b: '3', c: '4' });
  assert.deepEqual(asked({ weighted_clusters: { clusters: [{ name: 'c', weight: 1 }] }, ...match({ a: '1' }) }), { a: '1' });
});

test('what filters have left counts more, and is not kept for the next request', () => {
  const route = { cluster: 'c', ...match({ a: '1', b: '2' }) };
  assert.deepEqual(asked(route, { a: '9' }), { a: '9', b: '2' });
  assert.deepEqual(asked({ cluster: 'c' }, { a: '9' }), { a: '9' });
  assert.deepEqual(asked(route, 'no object'), { a: '1', b: '2' });
});

test('the same route asks by the same object, by which subsets are remembered', () => {
  const table = tableOf({
    virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'c', ...match({ a: '1' }) } }] }],
  });
  const info = fakeInfo();
  const action = table.match(headOf({}), 0, info)?.action;
  if (action?.kind !== 'cluster') throw new Error('not a cluster');
  const [one, two] = [0, 1].map(() => criteriaOf({ choice: action.cluster(headOf({}), 0), info }));
  assert.equal(one, two);
});
