import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIp } from './format-ip.ts';
import { parseProxyHeader } from './header.ts';
import { version1Header, version2Header } from './write-header.ts';

const V4 = { source: { address: '192.0.2.1', port: 1 }, destination: { address: '198.51.100.7', port: 65535 } };
const V6 = { source: { address: '2001:db8::1', port: 2 }, destination: { address: '::1', port: 3 } };
const MIXED = { source: V4.source, destination: V6.destination };

const CASES: readonly [name: string, bytes: Uint8Array, want: string][] = [
  ['version 1 of IPv4', version1Header(V4), 'PROXY TCP4 192.0.2.1 198.51.100.7 1 65535\r\n'],
  ['version 1 of IPv6', version1Header(V6), 'PROXY TCP6 2001:db8::1 ::1 2 3\r\n'],
  ['version 1 of both', version1Header(MIXED), 'PROXY UNKNOWN\r\n'],
];
for (const [name, bytes, want] of CASES) test(name, () => assert.equal(Buffer.from(bytes).toString('latin1'), want));

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

test('version 2 without ends is LOCAL, and too long a field is told', () => {
  assert.equal(hex(version2Header(undefined, [])), '0d0a0d0a000d0a515549540a20000000');
  assert.equal(hex(version2Header(MIXED, [])), '0d0a0d0a000d0a515549540a20000000');
  assert.equal(version2Header(V4, [{ type: 1, value: new Uint8Array(0x10000) }]), undefined);
});

const endpoint = (length: 4 | 16) =>
  fc.record(
    { address: fc.uint8Array({ minLength: length, maxLength: length }).map(formatIp), port: fc.integer({ min: 0, max: 0xffff }) },
    { noNullPrototype: true },
  );
const ends = fc
  .constantFrom<4 | 16>(4, 16)
  .chain((length) => fc.record({ source: endpoint(length), destination: endpoint(length) }, { noNullPrototype: true }));
// 3 would be a checksum
const tlvs = fc.array(fc.record({ type: fc.integer({ min: 4, max: 255 }), value: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 5 });

test('what is written is read again', () => {
  fc.assert(
    fc.property(ends, tlvs, (given, fields) => {
      const bytes = version2Header(given, fields) ?? new Uint8Array(0);
      const result = parseProxyHeader(bytes);
      assert.equal(result.kind, 'header');
      if (result.kind !== 'header') return;
      assert.equal(result.header.lengthBytes, bytes.length);
      assert.deepEqual(result.header.endpoints, given);
      assert.deepEqual(
        result.header.tlvs.map(({ type, value }) => ({ type, value: [...value] })),
        fields.map(({ type, value }) => ({ type, value: [...value] })),
      );
    }),
  );
});
