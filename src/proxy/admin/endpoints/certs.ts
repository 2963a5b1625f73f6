import { X509Certificate } from 'node:crypto';
import { type AdminEndpoint, json } from '../endpoint.ts';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const DAY_MS = 86_400_000;

/** `URI:spiffe://a, DNS:b` as Envoy's list of one-field objects; kinds that it does not list are left out. */
function alternativeNames(names: string): object[] {
  const kinds: Readonly<Record<string, string>> = { URI: 'uri', DNS: 'dns', 'IP Address': 'ip_address' };
  return names.split(', ').flatMap((entry) => {
    const colon = entry.indexOf(':');
    const kind = kinds[entry.slice(0, colon)];
    return kind === undefined ? [] : [{ [kind]: entry.slice(colon + 1) }];
  });
}

function details(pem: string, name: string): object {
  const certificate = new X509Certificate(pem);
  const expires = new Date(certificate.validTo);
  return {
    path: name,
    serial_number: certificate.serialNumber.toLowerCase(),
    subject_alt_names: alternativeNames(certificate.subjectAltName ?? ''),
    days_until_expiration: String(Math.max(0, Math.floor((expires.getTime() - Date.now()) / DAY_MS))),
    valid_from: new Date(certificate.validFrom).toISOString(),
    expiration_time: expires.toISOString(),
  };
}

function chain(pem: string | undefined, name: string): object[] {
  return [...(pem ?? '').matchAll(PEM)].map(([block]) => details(block, name));
}

/** `/certs`: the certificates in use and until when they hold, in the shape of envoy.admin.v3.Certificates; no keys. */
export const certs: AdminEndpoint = {
  path: '/certs',
  method: 'GET',
  help: 'print certs on machine',
  handle(_query, proxy) {
    const certificates = proxy.secrets().map(({ name, keyPair, trust }) => ({
      ca_cert: chain(trust?.roots, name),
      cert_chain: chain(keyPair?.certificateChain, name),
    }));
    return json({ certificates });
  },
};
