import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../core/testing/fuzz-runs.ts';
import { ja3Text, ja4Of } from './fingerprint.ts';
import { type HelloOffer, readHelloOffer } from './hello-offer.ts';

const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
const sized16 = (...parts: Buffer[]): Buffer => Buffer.concat([u16(Buffer.concat(parts).length), ...parts]);
const sized8 = (...parts: Buffer[]): Buffer => Buffer.concat([Buffer.of(Buffer.concat(parts).length), ...parts]);
const extension = (type: number, body: Buffer): Buffer => Buffer.concat([u16(type), sized16(body)]);

/** A ClientHello of known content, with a grease value in each list. */
function hello(): Buffer {
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32),
    sized8(Buffer.alloc(32)),
    sized16(u16(0x2a2a), u16(0x1301), u16(0xc02b)),
    sized8(Buffer.of(0)),
    sized16(
      extension(0x4a4a, Buffer.alloc(0)),
      extension(0, sized16(Buffer.of(0), sized16(Buffer.from('a.b')))),
      extension(5, Buffer.of(1, 0, 0, 0, 0)),
      extension(10, sized16(u16(0x1a1a), u16(29), u16(23))),
      extension(11, sized8(Buffer.of(0))),
      extension(13, sized16(u16(0x0403), u16(0x0804))),
      extension(16, sized16(sized8(Buffer.from('h2')))),
      extension(43, sized8(u16(0x3a3a), u16(0x0304), u16(0x0303))),
      extension(51, sized16(Buffer.concat([u16(29), sized16(Buffer.alloc(32))]))),
    ),
  ]);
  return Buffer.concat([Buffer.of(1, 0), u16(body.length), body]);
}

const WANT: HelloOffer = {
  version: 0x0303,
  ciphers: [0x2a2a, 0x1301, 0xc02b],
  extensions: [0x4a4a, 0, 5, 10, 11, 13, 16, 43, 51],
  groups: [0x1a1a, 29, 23],
  pointFormats: [0],
  signatureAlgorithms: [0x0403, 0x0804],
  versions: [0x3a3a, 0x0304, 0x0303],
  keyShares: [29],
};

test('readHelloOffer() reads every list', () => {
  assert.deepEqual(readHelloOffer(hello()), WANT);
});

test('ja3Text() leaves grease out', () => {
  assert.equal(ja3Text(WANT), '771,4865-49195,0-5-10-11-13-16-43-51,29-23,0');
});

test('ja4Of() sorts ciphers and extensions, and not signature algorithms', () => {
  const parsed = ja4Of({ serverName: 'a.b', alpn: ['h2'], message: hello() }, WANT);
  assert.deepEqual(parsed, { clear: 't13d0208h2', ciphers: '1301,c02b', extensions: '0005,000a,000b,000d,002b,0033_0403,0804' });
});

test('ja4Of() gives what the published example has', () => {
  // github.com/FoxIO-LLC/ja4, technical_details/JA4.md: the two texts, and t13d1516h2_8daaf6152771_e5627efa2ab1
  const ciphers = '002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9';
  const extensions = '0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601';
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
  const hex = (text: string): number[] => text.split(',').map((part) => Number.parseInt(part, 16));
  const [types = '', algorithms = ''] = extensions.split('_');
  const offer = {
    ...WANT,
    ciphers: hex(ciphers).toReversed(),
    extensions: [16, 0, ...hex(types).toReversed()],
    signatureAlgorithms: hex(algorithms),
  };
  const parts = ja4Of({ serverName: 'x', alpn: ['h2'], message: new Uint8Array() }, offer);
  assert.equal(`${parts.clear}_${digest(parts.ciphers)}_${digest(parts.extensions)}`, 't13d1516h2_8daaf6152771_e5627efa2ab1');
});

test('readHelloOffer() takes any bytes', () => {
  const whole = hello();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(whole.length), fc.nat(255), (bytes, at, value) => {
      const changed = Buffer.from(whole);
      changed[at % whole.length] = value;
      for (const message of [bytes, changed, whole.subarray(0, at)]) ja3Text(readHelloOffer(message));
    }),
    { numRuns: fuzzRuns(300) },
  );
});
