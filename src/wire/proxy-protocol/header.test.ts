import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseIp } from '../../core/cidr.ts';
import { fuzzRuns } from '../../core/testing/fuzz-runs.ts';
import { crc32c } from './crc32c.ts';
import { formatIp } from './format-ip.ts';
import { parseProxyHeader } from './header.ts';
import type { ProxyHeaderResult } from './result.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** A result in one line. */
function show(result: ProxyHeaderResult): string {
  if (result.kind === 'malformed') return `malformed: ${result.reason}`;
  if (result.kind !== 'header') return result.kind;
  const { version, endpoints, tlvs, lengthBytes } = result.header;
  const { source, destination } = endpoints ?? {};
  const who = source === undefined ? 'unknown' : `${source.address} ${source.port} > ${destination?.address} ${destination?.port}`;
  return [
    `v${version}`,
    `${lengthBytes} bytes`,
    who,
    ...tlvs.map(({ type, value }) => `${type}=${Buffer.from(value).toString('hex')}`),
  ].join(', ');
}

const V4 = `${SIGNATURE} 2111 000c c0000201 c6336407 dc04 01bb`;
const V6 = `${SIGNATURE} 2121 0024 20010db8000000000000000000000001 20010db8000100000000000000000002 0001 ffff`;

/** V4 with fields behind it. */
const withTlvs = (tlvs: string): string =>
  `${SIGNATURE} 2111 ${(12 + hex(tlvs).length).toString(16).padStart(4, '0')} c0000201 c6336407 dc04 01bb ${tlvs}`;

function withChecksum(): string {
  const zeros = hex(withTlvs('03 0004 00000000'));
  return withTlvs(`03 0004 ${crc32c(zeros).toString(16).padStart(8, '0')}`);
}

const CASES: readonly [name: string, bytes: Buffer, want: string][] = [
  ['TCP4', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n'), 'v1, 45 bytes, 192.0.2.1 56324 > 198.51.100.7 443'],
  ['TCP6', Buffer.from('PROXY TCP6 2001:db8::1 ::1 0 65535\r\n'), 'v1, 36 bytes, 2001:db8::1 0 > ::1 65535'],
  ['TCP6 in many letters', Buffer.from('PROXY TCP6 2001:0DB8::0:1 ::1 0 1\r\n'), 'v1, 35 bytes, 2001:db8::1 0 > ::1 1'],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), 'v1, 15 bytes, unknown'],
  ['UNKNOWN with more', Buffer.from('PROXY UNKNOWN ff:: 1 2 x\r\n'), 'v1, 26 bytes, unknown'],
  ['another family', Buffer.from('PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n'), 'malformed: unknown address family'],
  ['IPv6 as TCP4', Buffer.from('PROXY TCP4 ::1 ::1 1 1\r\n'), 'malformed: invalid addresses'],
  ['a port too large', Buffer.from('PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n'), 'malformed: invalid addresses'],
  ['a port with a zero before it', Buffer.from('PROXY TCP4 1.1.1.1 1.1.1.1 1 01\r\n'), 'malformed: invalid addresses'],
  ['two spaces', Buffer.from('PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n'), 'malformed: invalid addresses'],
  ['more than is due', Buffer.from('PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n'), 'malformed: invalid addresses'],
  ['a bare line feed', Buffer.from('PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n'), 'malformed: line not ended by CR LF'],
  ['a line too long', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(93)}\r\n`), 'malformed: line without end'],
  ['the longest line', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), 'v1, 107 bytes, unknown'],
  ['IPv4', hex(V4), 'v2, 28 bytes, 192.0.2.1 56324 > 198.51.100.7 443'],
  ['IPv6', hex(V6), 'v2, 52 bytes, 2001:db8::1 1 > 2001:db8:1::2 65535'],
  ['LOCAL', hex(`${SIGNATURE} 2000 0000`), 'v2, 16 bytes, unknown'],
  ['LOCAL with addresses', hex(V4.replace('2111', '2011')), 'v2, 28 bytes, unknown'],
  ['LOCAL with something', hex(`${SIGNATURE} 2000 0003 ffffff`), 'v2, 19 bytes, unknown'],
  ['a family that is not told', hex(`${SIGNATURE} 2100 0003 ffffff`), 'malformed: unsupported address family or transport'],
  ['fields', hex(withTlvs('01 0002 6832 ea 0000')), 'v2, 36 bytes, 192.0.2.1 56324 > 198.51.100.7 443, 1=6832, 234='],
  ['a field cut off', hex(withTlvs('01 0003 6832')), 'malformed: field cut off'],
  ["a field's head cut off", hex(withTlvs('01 00')), 'malformed: field cut off'],
  ['a wrong checksum', hex(withTlvs('03 0004 12345678')), 'malformed: wrong checksum'],
  ['a checksum too short', hex(withTlvs('03 0002 0000')), 'malformed: wrong checksum'],
  ['addresses cut off', hex(`${SIGNATURE} 2111 000b 0102030405060708090a0b`), 'malformed: too short for its addresses'],
  ['version 3', hex(`${SIGNATURE} 3111 0000`), 'malformed: unknown version or command'],
  ['another command', hex(`${SIGNATURE} 2211 0000`), 'malformed: unknown version or command'],
  ['datagrams', hex(V4.replace('2111', '2112')), 'malformed: unsupported address family or transport'],
  ['Unix sockets', hex(`${SIGNATURE} 2131 0000`), 'malformed: unsupported address family or transport'],
  ['a client that speaks HTTP', Buffer.from('POST / HTTP/1.1\r\n'), 'absent'],
  ['a client that speaks TLS', hex('160301'), 'absent'],
];

for (const [name, bytes, want] of CASES) {
  test(`parseProxyHeader() reads ${name}`, () => {
    assert.equal(show(parseProxyHeader(bytes)), want);
    if (!want.startsWith('v')) return;
    for (let i = 0; i < bytes.length; i++) assert.equal(parseProxyHeader(bytes.subarray(0, i)).kind, 'incomplete', `after ${i} bytes`);
    assert.equal(show(parseProxyHeader(Buffer.concat([bytes, Buffer.from('GET /')]))), want, 'what the client sent is left');
  });
}

test('parseProxyHeader() takes a checksum that is right', () => {
  // The check value that catalogues of such sums give for CRC-32C.
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.match(show(parseProxyHeader(hex(withChecksum()))), /^v2, 35 bytes, 192\.0\.2\.1 /);
});

test('parseProxyHeader() keeps nothing of the bytes', () => {
  const bytes = hex(withTlvs('01 0002 6832'));
  const result = parseProxyHeader(bytes);
  bytes.fill(0);
  assert.match(show(result), /1=6832$/);
});

test('formatIp() writes what parseIp() reads', () => {
  const byte = fc.oneof(fc.constant(0), fc.nat(255));
  const address = fc.oneof(fc.array(byte, { minLength: 4, maxLength: 4 }), fc.array(byte, { minLength: 16, maxLength: 16 }));
  const property = fc.property(address, (bytes) => assert.deepEqual([...(parseIp(formatIp(Uint8Array.from(bytes))) ?? [])], bytes));
  fc.assert(property, { numRuns: fuzzRuns(500) });
});

test('whatever comes, parseProxyHeader() neither throws nor changes its mind', () => {
  const start = fc.constantFrom(
    '',
    SIGNATURE,
    `${SIGNATURE}2111`,
    V4,
    V6,
    withChecksum(),
    Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n').toString('hex'),
  );
  const change = fc.tuple(fc.nat(60), fc.nat(255));
  const property = fc.property(start, fc.array(change, { maxLength: 3 }), fc.uint8Array({ maxLength: 60 }), (text, changes, more) => {
    const bytes = Buffer.concat([hex(text), more]);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    const whole = show(parseProxyHeader(bytes));
    for (let i = 0; i < bytes.length; i++) {
      const part = show(parseProxyHeader(bytes.subarray(0, i)));
      if (part !== 'incomplete') assert.equal(part, whole, `after ${i} of ${bytes.length} bytes`);
    }
  });
  fc.assert(property, { numRuns: fuzzRuns(1000) });
});
