import type { Located } from '../../schema/located.ts';
import { bytes, bool, defaulted, map, optional, string, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';

const dataSchema = map(bytes);
const textSchema = map(string({ mayBeEmpty: true, isSensitive: true }));

/** Keys of a Secret, in the order in which they are looked for. */
const CERTIFICATE = ['tls.crt', 'cert'];
const PRIVATE_KEY = ['tls.key', 'key'];
const CA = ['ca.crt', 'cacert'];
const REVOCATIONS = ['ca.crl', 'crl'];

type Body = { readonly data: Infer<typeof dataSchema>; readonly stringData: Infer<typeof textSchema> } & Located;

function reader(body: Body): (keys: readonly string[]) => string {
  const decoder = new TextDecoder();
  const texts = new Map(Object.entries(body.data).map(([key, value]) => [key, decoder.decode(value)]));
  for (const [key, value] of Object.entries(body.stringData)) texts.set(key, value);
  return (keys) => keys.map((key) => texts.get(key) ?? '').find((text) => text !== '') ?? '';
}

function check(body: Body, read: (keys: readonly string[]) => string, lowering: Lowering): void {
  const certificate = read(CERTIFICATE);
  const key = read(PRIVATE_KEY);
  if (certificate !== '' && !certificate.includes('-----BEGIN CERTIFICATE-----'))
    lowering.error('TUL013', body, 'data', 'the certificate is not PEM');
  if (key !== '' && !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) lowering.error('TUL013', body, 'data', 'the private key is not PEM');
  if ((certificate === '') !== (key === ''))
    lowering.error('TUL011', body, 'data', 'a certificate and its private key belong together: one is missing');
  const revoked = read(REVOCATIONS);
  if (revoked !== '' && !revoked.includes('-----BEGIN X509 CRL-----'))
    lowering.error('TUL013', body, 'data', 'the revocation list (ca.crl) is not PEM');
}

/** Kubernetes Secret with a certificate for gateways; other Secrets are left alone. */
export const secret = defineDialect({
  kind: 'Secret',
  apiVersions: ['v1'],
  description: 'A certificate and private key, or a CA, that a Gateway names by credentialName.',
  fields: {
    type: optional(string(), 'kubernetes.io/tls or Opaque; the keys decide.'),
    data: defaulted(dataSchema, {}, 'Base64 by key: tls.crt, tls.key, ca.crt, ca.crl (or cert, key, cacert, crl).'),
    stringData: defaulted(textSchema, {}, 'The same as plain text; counts before data.'),
    immutable: optional(bool, 'For Kubernetes.'),
  },
  lower(body, lowering) {
    const read = reader(body);
    check(body, read, lowering);
    const value = {
      name: lowering.name,
      namespace: lowering.namespace,
      certificate: read(CERTIFICATE),
      privateKey: read(PRIVATE_KEY),
      ca: read(CA),
      crl: read(REVOCATIONS),
    };
    if (value.certificate === '' && value.ca === '') return { kind: 'secret', value: undefined };
    return { kind: 'secret', value: { ...value, origin: lowering.origin } };
  },
});
