/** Certificates of a comparison: one root, its origin, its proxy (both as server and as client) and its client. */
import { createTestCa, type TestKeyPair } from '../../../src/net/testing/certificates.ts';

export interface Certificates {
  readonly root: string;
  /** Of an authority that signed none of these. */
  readonly foreignRoot: string;
  readonly origin: TestKeyPair;
  readonly proxy: TestKeyPair;
  readonly client: TestKeyPair;
}

const CLIENT_ID = 'spiffe://mesh.test/ns/shop/sa/client';
const PROXY_ID = 'spiffe://mesh.test/ns/shop/sa/proxy';

/** Makes them; some 100 ms. */
export function createCertificates(): Certificates {
  const ca = createTestCa('differential');
  return {
    root: ca.root,
    foreignRoot: createTestCa('foreign').root,
    origin: ca.issue('DNS:origin.test,URI:spiffe://mesh.test/ns/shop/sa/origin'),
    proxy: ca.issue(`DNS:any.test,URI:${PROXY_ID}`),
    client: ca.issue(`URI:${CLIENT_ID},DNS:client.test`),
  };
}
