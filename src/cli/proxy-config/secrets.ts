/** Secrets in a table: which certificates a proxy has, and until when they hold. */
import { X509Certificate } from 'node:crypto';
import { type JsonObject, objectAt, objectsOf, rowsAt, textOf } from '../json.ts';
import type { Dumped } from './dump.ts';
import { isAsked, textColumn, type View } from './view.ts';

/** The PEM text of a data source; '' where it is none or elsewhere. */
function pemOf(source: JsonObject): string {
  return textOf(source['inline_string']) || Buffer.from(textOf(source['inline_bytes']), 'base64').toString();
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined; // redacted, or in a file
  }
}

const CERTIFICATES = [
  ['Cert Chain', ['tls_certificate', 'certificate_chain']],
  ['CA', ['validation_context', 'trusted_ca']],
] as const;

function certificateRow(certificate: X509Certificate, nowMs: number): JsonObject {
  const { serialNumber, validFromDate, validToDate } = certificate;
  const isValid = validFromDate.getTime() <= nowMs && nowMs < validToDate.getTime();
  return {
    valid: isValid ? 'true' : 'false',
    serial: serialNumber.toLowerCase(),
    notAfter: validToDate.toISOString(),
    notBefore: validFromDate.toISOString(),
  };
}

function rowsOf({ name, state, body }: Dumped, nowMs: number): JsonObject[] {
  const rows = CERTIFICATES.flatMap(([type, path]) => {
    const source = objectAt(body, ...path);
    if (Object.keys(source).length === 0) return [];
    const certificate = certificateOf(pemOf(source));
    return [{ name, type, state, ...(certificate === undefined ? {} : certificateRow(certificate, nowMs)) }];
  });
  return rows.length === 0 ? [{ name, type: 'other', state }] : rows;
}

/** One row of what `/certs` says of a certificate. */
function usedRow(certificate: JsonObject, type: string, nowMs: number): JsonObject {
  const [notBefore, notAfter] = [textOf(certificate['valid_from']), textOf(certificate['expiration_time'])];
  const isValid = Date.parse(notBefore) <= nowMs && nowMs < Date.parse(notAfter);
  const serial = textOf(certificate['serial_number']);
  return { name: textOf(certificate['path']), type, state: 'active', valid: isValid ? 'true' : 'false', serial, notAfter, notBefore };
}

/**
 * The certificates that a proxy uses, as its `/certs` tells them: a proxy that makes its own key has no secrets of the
 * control plane's in its dump.
 */
export function usedCertificates(text: string): readonly JsonObject[] {
  const answer: unknown = JSON.parse(text);
  const entries = rowsAt(answer, 'certificates');
  const rows = entries.flatMap((entry) => [
    ...objectsOf(entry['cert_chain']).map((each) => usedRow(each, 'Cert Chain', Date.now())),
    ...objectsOf(entry['ca_cert']).map((each) => usedRow(each, 'CA', Date.now())),
  ]);
  return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];
}

export const secretsView: View = {
  kind: 'secrets',
  filters: ['name'],
  columns: [
    textColumn('RESOURCE NAME', 'name'),
    textColumn('TYPE', 'type'),
    textColumn('STATUS', 'state'),
    textColumn('VALID CERT', 'valid'),
    textColumn('SERIAL NUMBER', 'serial'),
    textColumn('NOT AFTER', 'notAfter'),
    textColumn('NOT BEFORE', 'notBefore'),
  ],
  rows: (resource, { name }) => rowsOf(resource, Date.now()).filter((row) => isAsked(name, row['name'])),
};
