import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { NameInfo } from '../../wire/dns/name-table.ts';
import { NameTableSchema } from '../../xds/gen/istio/networking/nds/v1/nds_pb.ts';
import { readNameTable } from './read-name-table.ts';

function read(bytes: Uint8Array): Record<string, NameInfo> {
  const table = readNameTable(bytes);
  const all = Array.from(table.keys, (key) => table.read(key));
  return Object.fromEntries(all.map(({ host, ...info }) => [host, info]));
}

test('a table is what its message says', () => {
  const info = fc.record({ ips: fc.array(fc.ipV4()), registry: fc.string(), shortname: fc.string(), namespace: fc.string() });
  fc.assert(
    fc.property(fc.dictionary(fc.domain(), info), (table) => {
      const names = read(toBinary(NameTableSchema, create(NameTableSchema, { table })));
      const want = Object.entries(table).map(([host, { ips, shortname, namespace }]) => [host, { ips, shortname, namespace }]);
      assert.deepEqual(names, Object.fromEntries(want));
    }),
  );
});

test('bytes that are no table are refused', () => {
  assert.throws(() => read(Uint8Array.of(0x0a, 0x05, 0x0a)), { name: 'ConfigError', message: /^not a name table/ });
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        read(bytes);
      } catch (error) {
        assert.equal(error instanceof Error && error.name, 'ConfigError');
      }
    }),
  );
});
