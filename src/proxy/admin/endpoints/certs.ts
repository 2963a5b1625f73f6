import type { X509Certificate } from 'node:crypto';
import { altNamesOf, issuerOf, serialOf, subjectOf } from '../../../net/peer-certificate.ts';
import { readOcspResponse } from '../../../wire/x509/ocsp-response.ts';
import { certificatesOf } from '../../tls/chain.ts';
import type { CertificateUse } from '../../tls/certificate-uses.ts';
import { type AdminEndpoint, json } from '../endpoint.ts';
import type { SecretStatus } from '../view.ts';

const DAY_MS = 86_400_000;

/** Names as Envoy lists them: objects of one field each. */
function alternativeNames(certificate: X509Certificate): object[] {
  const { uris, dns, ips } = altNamesOf(certificate);
  return [...uris.map((uri) => ({ uri })), ...dns.map((name) => ({ dns: name })), ...ips.map((address) => ({ ip_address: address }))];
}

function ocspDetails(staple: Uint8Array | undefined): object {
  const response = staple === undefined ? '' : readOcspResponse(staple);
  if (typeof response === 'string') return {};
  const { fromMs, untilMs } = response;
  const expiration = Number.isFinite(untilMs) ? { expiration: new Date(untilMs).toISOString() } : {};
  return { ocsp_details: { valid_from: new Date(fromMs).toISOString(), ...expiration } };
}

function details(certificate: X509Certificate, name: string, staple: Uint8Array | undefined): object {
  const expires = certificate.validToDate;
  return {
    path: name,
    serial_number: serialOf(certificate),
    subject_alt_names: alternativeNames(certificate),
    days_until_expiration: String(Math.max(0, Math.floor((expires.getTime() - Date.now()) / DAY_MS))),
    valid_from: certificate.validFromDate.toISOString(),
    expiration_time: expires.toISOString(),
    ...ocspDetails(staple),
    subject: subjectOf(certificate),
    issuer: issuerOf(certificate),
  };
}

/** A secret that is there, and that nobody uses now. */
function unused({ name, keyPair, trust }: SecretStatus): CertificateUse {
  const chains = keyPair === undefined ? [] : [keyPair.certificateChain];
  return { names: [name], trustName: name, usedBy: '', roots: trust?.roots ?? '', chains, staples: [keyPair?.ocspStaple] };
}

/**
 * `/certs`: the certificates in use and until when they hold, in the shape of envoy.admin.v3.Certificates; no keys. Beside
 * Envoy's fields it tells subjects, issuers, and who uses them.
 */
export const certs: AdminEndpoint = {
  path: '/certs',
  method: 'GET',
  help: 'print certs on machine',
  handle(_query, proxy) {
    const uses = proxy.certificates();
    const used = new Set(uses.flatMap(({ names, trustName }) => [...names, trustName]));
    const idle = proxy.secrets().filter(({ name }) => !used.has(name));
    const certificates = [...uses, ...idle.map(unused)].map(({ names, trustName, usedBy, roots, chains, staples }) => ({
      ca_cert: certificatesOf(roots).map((each) => details(each, trustName, undefined)),
      cert_chain: chains.flatMap((chain, at) =>
        certificatesOf(chain).map((each, i) => details(each, names[at] ?? '', i === 0 ? staples[at] : undefined)),
      ),
      used_by: usedBy,
    }));
    return json({ certificates });
  },
};
