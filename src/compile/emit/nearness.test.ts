import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LocalityPreference } from '../../model/traffic-policy.ts';
import { endpointOf } from '../testing/mesh.ts';
import { type Nearness, rankOf, sharesOf } from './nearness.ts';

const NOTHING: LocalityPreference = { isEnabled: true, distribute: [], failover: [], failoverPriority: [] };

function from(preference: Partial<LocalityPreference>): Nearness {
  return { preference: { ...NOTHING, ...preference }, locality: 'r1/z1/s1', labels: { version: 'v1' }, failsOver: true };
}

test('rankOf() grows with what a locality does not share', () => {
  const places = ['r1/z1/s1', 'r1/z1/s2', 'r1/z2/s1', 'r2/z1/s1', ''];
  assert.deepEqual(
    places.map((locality) => rankOf(from({}), endpointOf('10.0.0.1', { locality }))),
    [0, 1, 2, 3, 3],
  );
});

test('rankOf() puts a region that takes over before other regions', () => {
  const nearness = from({ failover: [{ from: 'r1', to: 'r3' }] });
  assert.deepEqual(
    ['r1/z9/s9', 'r3/z1/s1', 'r2/z1/s1'].map((locality) => rankOf(nearness, endpointOf('10.0.0.1', { locality }))),
    [2, 3, 4],
  );
});

test('sharesOf() splits a share by weight and leaves out who has none', () => {
  const nearness = from({
    distribute: [
      {
        from: 'r1/*',
        to: [
          ['r1/z1/*', 90],
          ['r2/*', 10],
        ],
      },
    ],
  });
  const weights = new Map([
    ['r1/z1/s1', 2],
    ['r1/z1/s2', 1],
    ['r2/z1/s1', 5],
    ['r3/z1/s1', 1],
  ]);
  assert.deepEqual(
    [...(sharesOf(nearness, weights) ?? [])],
    [
      ['r1/z1/s1', 60],
      ['r1/z1/s2', 30],
      ['r2/z1/s1', 10],
    ],
  );
  assert.equal(sharesOf(from({}), weights), undefined);
});
