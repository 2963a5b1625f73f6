import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AwaitedNames } from './awaited-names.ts';
import { layered } from './layered.ts';
import { Subscription, type XdsResource } from './subscription.ts';
import { ENDPOINT_TYPE } from './types.ts';

const NAMES = Array.from({ length: 40 }, (_, i) => `cluster-${String(i).padStart(2, '0')}`);

function setOf(names: readonly string[]): ReadonlyMap<string, XdsResource> {
  return new Map(names.toSorted().map((name) => [name, { name, version: '1', bytes: new Uint8Array(0) }]));
}

const some = fc.subarray(NAMES);

test('nothing is awaited once all clusters with endpoints were asked for', () => {
  fc.assert(
    fc.property(some, some, some, fc.array(some, { maxLength: 3 }), fc.boolean(), (shared, own, endpoints, asks, isFirst) => {
      const names = new Set([...shared, ...own]);
      const wanted = new Set([...names].filter((name) => endpoints.includes(name)));
      const awaited = new AwaitedNames();
      if (isFirst) awaited.begin(layered(setOf(shared), setOf(own.filter((name) => !shared.includes(name)))), setOf(endpoints));
      else for (const name of wanted) awaited.add(name);
      const subscription = new Subscription(ENDPOINT_TYPE, 'provider');
      for (const [i, names] of asks.entries()) {
        // the first request of many names is shared between clients
        if (i > 0 || !subscription.askFirst(names)) for (const name of names) subscription.names.set(name, true);
        awaited.asked(subscription);
        for (const name of names) wanted.delete(name);
        assert.equal(awaited.isEmpty, wanted.size === 0);
      }
      awaited.clear();
      assert.ok(awaited.isEmpty);
    }),
  );
});

test('who asks for everything has asked for all', () => {
  const awaited = new AwaitedNames();
  awaited.begin(setOf(NAMES), setOf(NAMES));
  assert.ok(!awaited.isEmpty);
  const subscription = new Subscription(ENDPOINT_TYPE, 'provider');
  subscription.isWildcard = true;
  awaited.asked(subscription);
  assert.ok(awaited.isEmpty);
});
