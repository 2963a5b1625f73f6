/** Sets in layers are as good as plain maps, whatever is asked of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { deltaBytes } from './delta-bytes.ts';
import { differenceOf } from './difference.ts';
import { DeltaDiscoveryResponseSchema } from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { layered } from './layered.ts';
import type { TypeResources, XdsResource } from './subscription.ts';

const versions = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.constantFrom('1', '2'), { maxKeys: 6 });
const layer = versions.map((content): TypeResources => {
  const sorted = Object.entries(content).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return new Map(
    sorted.map(([name, version]): [string, XdsResource] => [name, { name, version, bytes: Buffer.from(`${name}${version}`) }]),
  );
});

/** The same by the plainest means. */
function merged(layers: readonly TypeResources[]): Map<string, XdsResource> {
  const all = layers.toReversed().flatMap((each) => [...each]);
  return new Map([...new Map(all)].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

test('layers together are one map in order of name', () => {
  fc.assert(
    fc.property(fc.array(layer, { maxLength: 4 }), (layers) => {
      const [got, want] = [layered(...layers), merged(layers)];
      assert.deepEqual([...got], [...want]);
      assert.deepEqual([...got.keys()], [...want.keys()]);
      assert.deepEqual([...got.values()], [...want.values()]);
      assert.equal(got.size, want.size);
      for (const name of 'abcdefg') assert.deepEqual([got.get(name), got.has(name)], [want.get(name), want.has(name)]);
    }),
  );
});

test('a difference turns the one set into the other', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(layer, layer), { maxLength: 3 }), fc.boolean(), (pairs, keepsFirst) => {
      const before = layered(...pairs.map(([former]) => former));
      const after = layered(...pairs.map(([former, now], i) => (keepsFirst && i === 0 ? former : now)));
      const { changed, removed } = differenceOf(before, after);
      const got = new Map([...before].map(([name, { version }]) => [name, version]));
      for (const { name, version } of changed) got.set(name, version);
      for (const name of removed) got.delete(name);
      assert.deepEqual(got, new Map([...after].map(([name, { version }]) => [name, version])));
    }),
  );
});

test('bytes of a response say what was pushed, a set as a whole or a part of it', () => {
  const typeUrl = 'type.googleapis.com/x';
  const resources = Array.from({ length: 20 }, (_, i): XdsResource => ({
    name: `r${i + 10}`,
    version: `v${i}`,
    // of lengths that take one to three bytes to say
    bytes: Buffer.from(`bödy ${i}`.padEnd(3 ** (i % 11), 'ä')),
  }));
  const own = new Map([['own', { name: 'own', version: '', bytes: new Uint8Array() }]]);
  const all = layered(new Map(resources.map((each) => [each.name, each])), own);
  const cases: { readonly pushed: readonly XdsResource[]; readonly removed: readonly string[] }[] = [
    { pushed: [...all.values()], removed: [] },
    { pushed: resources.slice(3, 5), removed: ['gone', 'too'] },
    { pushed: [], removed: ['gone'] },
  ];
  for (const { pushed, removed } of cases) {
    const push = { typeUrl, nonce: '7', version: '3', resources: pushed, removed };
    const response = fromBinary(DeltaDiscoveryResponseSchema, Buffer.concat(deltaBytes(push, all)));
    const { nonce, systemVersionInfo, removedResources } = response;
    assert.deepEqual([response.typeUrl, nonce, systemVersionInfo, removedResources], [typeUrl, '7', '3', removed]);
    const got = response.resources.map(({ name, version, resource }) => {
      return { name, version, typeUrl: resource?.typeUrl, text: String(Buffer.from(resource?.value ?? [])) };
    });
    const want = pushed.map(({ name, version, bytes }) => ({ name, version, typeUrl, text: String(Buffer.from(bytes)) }));
    const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);
    assert.deepEqual(got.toSorted(byName), want.toSorted(byName));
  }
});
