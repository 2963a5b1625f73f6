import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cidrContains, parseCidr, parseIp } from './cidr.ts';

const addresses: readonly [text: string, want: readonly number[] | undefined][] = [
  ['10.0.0.255', [10, 0, 0, 255]],
  ['0.0.0.0', [0, 0, 0, 0]],
  ['::', Array.from({ length: 16 }, () => 0)],
  ['2001:2::1', [0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
  ['::ffff:1.2.3.4', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4]],
  ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
  ['10.0.0', undefined],
  ['10.0.0.256', undefined],
  ['10.0.0.01', undefined],
  ['1::2::3', undefined],
  ['1:2:3:4:5:6:7', undefined],
  ['1:2:3:4:5:6:7:8::', undefined],
  ['fe80::1%eth0', undefined],
  ['::1.2.3.4:5', undefined],
  ['', undefined],
];

for (const [text, want] of addresses) {
  test(`parseIp(${JSON.stringify(text)})`, () => assert.deepEqual(Array.from(parseIp(text) ?? []), want ?? []));
}

const blocks: readonly [block: string, address: string, want: boolean][] = [
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.0/9', '10.127.0.1', true],
  ['10.0.0.0/9', '10.128.0.1', false],
  ['0.0.0.0/0', '1.2.3.4', true],
  ['0.0.0.0/0', '::1', false],
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.1', '10.0.0.2', false],
  ['2001:db8::/33', '2001:db8:7fff::', true],
  ['2001:db8::/33', '2001:db8:8000::', false],
];

for (const [block, address, want] of blocks) {
  test(`${block} contains ${address}: ${want}`, () => {
    const cidr = parseCidr(block);
    const ip = parseIp(address);
    assert.ok(cidr !== undefined && ip !== undefined);
    assert.equal(cidrContains(cidr, ip), want);
  });
}

test('parseCidr() refuses lengths that are none', () => {
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '/8'])
    assert.equal(parseCidr(text), undefined, text);
});

test('every IPv4 address lies in its own blocks', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (text, length) => {
      const cidr = parseCidr(`${text}/${length}`);
      const ip = parseIp(text);
      return cidr !== undefined && ip !== undefined && cidrContains(cidr, ip);
    }),
  );
});

test('every IPv6 spelling is read as 16 bytes', () => {
  fc.assert(fc.property(fc.ipV6(), (text) => parseIp(text)?.length === 16));
});
