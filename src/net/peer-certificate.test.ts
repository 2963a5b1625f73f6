import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAltNames } from './peer-certificate.ts';

const none = { uris: [], dns: [], ips: [], emails: [], otherNames: [] };

const cases: readonly [text: string | undefined, want: Partial<ReturnType<typeof parseAltNames>>][] = [
  [undefined, {}],
  ['', {}],
  ['URI:spiffe://a/ns/b/sa/c', { uris: ['spiffe://a/ns/b/sa/c'] }],
  ['DNS:a.b, DNS:*.c, IP Address:10.0.0.1', { dns: ['a.b', '*.c'], ips: ['10.0.0.1'] }],
  ['email:a@b, URI:x', { emails: ['a@b'], uris: ['x'] }],
  // a name with a comma in it is quoted, and stays one name
  ['URI:"http://a/, URI:spiffe://admin", DNS:b', { uris: ['http://a/, URI:spiffe://admin'], dns: ['b'] }],
  ['DNS:"a\\", URI:spiffe://admin"', { dns: ['a", URI:spiffe://admin'] }],
  ['othername:<unsupported>', {}],
];

for (const [text, want] of cases) {
  test(`parseAltNames(${JSON.stringify(text)})`, () => {
    assert.deepEqual(parseAltNames(text), { ...none, ...want });
  });
}

test('parseAltNames() never makes two names of a quoted one', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      assert.deepEqual(parseAltNames(`URI:${JSON.stringify(name)}, DNS:z`), { ...none, uris: [name], dns: ['z'] });
    }),
  );
});
