import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headersOf } from '../../wire/http/headers.ts';
import { fakeConnection, fakeTls } from '../telemetry/testing/fake-stream.ts';
import { type ClientCertOptions, forwardClientCert } from './client-cert.ts';

const NONE: ClientCertOptions = { forward: 'sanitize-set', cert: false, chain: false, subject: false, uri: false, dns: false };
const tls = fakeTls('spiffe://a', { chainPem: () => ['one\n', 'two\n'] });

for (const { options, want } of [
  { options: NONE, want: 'By=spiffe://cluster.local/ns/shop/sa/cart;Hash=ab12' },
  { options: { ...NONE, uri: true }, want: 'By=spiffe://cluster.local/ns/shop/sa/cart;Hash=ab12;URI=spiffe://a' },
  { options: { ...NONE, cert: true }, want: 'By=spiffe://cluster.local/ns/shop/sa/cart;Hash=ab12;Cert="one%0A"' },
  { options: { ...NONE, chain: true }, want: 'By=spiffe://cluster.local/ns/shop/sa/cart;Hash=ab12;Chain="one%0Atwo%0A"' },
] as const) {
  test(`x-forwarded-client-cert: ${want}`, () => {
    const headers = headersOf([['x-forwarded-client-cert', 'forged']]);
    forwardClientCert(headers, fakeConnection({ tls }), options);
    assert.deepEqual(headers.getAll('x-forwarded-client-cert'), [want]);
  });
}
