import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../core/testing/fuzz-runs.ts';
import { createAuthority } from '../../net/testing/authority.ts';
import { extensionOf, isForPeersOnly, issuerNameOf, maySign, mustStaple, otherNamesOf } from './certificate.ts';
import { derNodes, hexOf, integerHex, oidOf, timeMs } from './der.ts';
import { readOcspResponse } from './ocsp-response.ts';
import { pemBlocks } from './pem.ts';
import { readRevocationList } from './revocation-list.ts';

const ca = createAuthority('root');
const named = ca.issue({ names: 'DNS:a.test,otherName:1.2.3.4;UTF8:hi there,otherName:1.2.840.113549;IA5:x' });
const plain = ca.issue({ names: 'DNS:a.test', extensions: ['keyUsage = keyEncipherment', 'tlsfeature = status_request'] });
const der = (pem: string): Uint8Array => new X509Certificate(pem).raw;
const serial = (pem: string): string => new X509Certificate(pem).serialNumber.toLowerCase().replace(/^0+/, '');

const times: readonly [tag: number, text: string, want: number | undefined][] = [
  [0x17, '260101000000Z', Date.UTC(2026, 0, 1)],
  [0x17, '990101000000Z', Date.UTC(1999, 0, 1)],
  [0x18, '20260102030405Z', Date.UTC(2026, 0, 2, 3, 4, 5)],
  [0x18, '20260102030405.5Z', Date.UTC(2026, 0, 2, 3, 4, 5)],
  [0x18, '20260102030405+0100', undefined],
  [0x04, '260101000000Z', undefined],
];

for (const [tag, text, want] of times) {
  test(`timeMs() reads ${tag} ${text}`, () => {
    const [node] = derNodes(Buffer.concat([Buffer.of(tag, text.length), Buffer.from(text)]));
    assert.equal(timeMs(node), want);
  });
}

test('oidOf() and integerHex() read what RFCs give as examples', () => {
  const [oid, integer] = derNodes(Buffer.from('06062a864886f70d02020080', 'hex'));
  assert.equal(oidOf(oid), '1.2.840.113549');
  assert.equal(integerHex(integer), '80');
});

test('extensions of certificates are read', () => {
  assert.deepEqual(otherNamesOf(der(named.certificateChain)), [
    { oid: '1.2.3.4', value: 'hi there' },
    { oid: '1.2.840.113549', value: 'x' },
  ]);
  assert.deepEqual([mustStaple(der(named.certificateChain)), mustStaple(der(plain.certificateChain))], [false, true]);
  assert.deepEqual([maySign(der(named.certificateChain)), maySign(der(plain.certificateChain))], [true, false]);
  assert.deepEqual([isForPeersOnly(der(named.certificateChain)), isForPeersOnly(der(plain.certificateChain))], [false, true]);
  assert.equal(isForPeersOnly(der(ca.certificateChain)), false);
});

test('a staple is read, with its end', () => {
  const good = readOcspResponse(ca.staple(plain));
  assert.ok(typeof good !== 'string');
  assert.deepEqual([good.serial, good.status, good.untilMs > good.fromMs], [serial(plain.certificateChain), 'good', true]);
  const over = readOcspResponse(ca.staple(plain, true));
  assert.ok(typeof over !== 'string' && over.untilMs < Date.UTC(2021, 0, 1));
  assert.equal(typeof readOcspResponse(Buffer.from('30030a0106', 'hex')), 'string');
});

test('a revocation list is read', () => {
  const [block] = pemBlocks(ca.revoke(plain));
  const list = readRevocationList(Buffer.from(block?.base64 ?? '', 'base64'));
  assert.deepEqual([...(list?.serials ?? [])], [serial(plain.certificateChain)]);
  assert.equal(list?.issuer, issuerNameOf(der(plain.certificateChain)));
});

test('pemBlocks() takes a text apart whatever stands between its blocks', () => {
  const block = fc.record({ label: fc.constantFrom('CERTIFICATE', 'X509 CRL', 'PRIVATE KEY'), bytes: fc.uint8Array({ maxLength: 100 }) });
  const filler = fc.constantFrom('', '\n', 'Subject: x\n', '-----BEGIN', '# comment\n');
  fc.assert(
    fc.property(fc.array(fc.tuple(filler, block), { maxLength: 5 }), (parts) => {
      const lines = parts.map(
        ([before, { label, bytes }]) =>
          `${before}\n-----BEGIN ${label}-----\n${Buffer.from(bytes)
            .toString('base64')
            .replaceAll(/(.{64})/g, '$1\n')}\n-----END ${label}-----\n`,
      );
      const found = pemBlocks(lines.join('')).map(({ label, base64 }) => [label, base64]);
      assert.deepEqual(
        found,
        parts.map(([, { label, bytes }]) => [label, Buffer.from(bytes).toString('base64')]),
      );
    }),
    { numRuns: fuzzRuns(200) },
  );
});

test('readers of DER take any bytes, and any change of what is right', () => {
  const sources = [der(named.certificateChain), ca.staple(plain), Buffer.from(pemBlocks(ca.revoke(plain))[0]?.base64 ?? '', 'base64')];
  fc.assert(
    fc.property(fc.nat(2), fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { maxLength: 3 }), fc.nat(1000), (which, changes, cut) => {
      const bytes = Buffer.from(sources[which] ?? []);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      for (const each of [bytes, bytes.subarray(0, cut), bytes.subarray(cut % bytes.length)]) {
        otherNamesOf(each);
        mustStaple(each);
        maySign(each);
        issuerNameOf(each);
        extensionOf(each, '2.5.29.17');
        readOcspResponse(each);
        readRevocationList(each);
        hexOf(each);
      }
    }),
    { numRuns: fuzzRuns(400) },
  );
});
