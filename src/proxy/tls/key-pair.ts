/** TlsCertificate: a certificate with its key, as PEM, as PEM with a password, or as PKCS #12, and the staple that goes with it. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { revocationSerialOf } from '../../net/peer-certificate.ts';
import { pkcs12Certificate } from '../../net/tls-context.ts';
import { readOcspResponse } from '../../wire/x509/ocsp-response.ts';
import { mustStaple } from '../../wire/x509/certificate.ts';
import type { TlsCertificate } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { KeyPair } from '../config/secret-store.ts';
import { fileOf, readDataBytes, readDataSource } from './data-source.ts';

/** The first certificate of a chain. Throws ConfigError where there is none. */
export function leafOf(pair: KeyPair, path: string): X509Certificate {
  try {
    return new X509Certificate(pair.certificateChain);
  } catch (cause) {
    throw new ConfigError(path, `no certificate can be read: ${messageOf(cause)}`, { cause });
  }
}

/** A key that needs no password any more, as PEM. */
function unlock(key: string, password: string, path: string): string {
  try {
    return String(createPrivateKey({ key, passphrase: password }).export({ type: 'pkcs8', format: 'pem' }));
  } catch (cause) {
    throw new ConfigError(`${path}.password`, `does not open the private key: ${messageOf(cause)}`, { cause });
  }
}

function readPkcs12(certificate: TlsCertificate, path: string): KeyPair {
  for (const [field, name] of [
    [certificate.certificateChain, 'certificate_chain'],
    [certificate.privateKey, 'private_key'],
  ] as const) {
    if (field !== undefined) throw new ConfigError(`${path}.${name}`, 'cannot stand beside pkcs12');
  }
  const bytes = readDataBytes(certificate.pkcs12, `${path}.pkcs12`);
  const password = certificate.password === undefined ? '' : readDataSource(certificate.password, `${path}.password`).trimEnd();
  try {
    return { certificateChain: pkcs12Certificate(bytes, password), privateKey: '', pkcs12: { bytes, password } };
  } catch (cause) {
    throw new ConfigError(`${path}.pkcs12`, `cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function readPem(certificate: TlsCertificate, path: string): KeyPair {
  const certificateChain = readDataSource(certificate.certificateChain, `${path}.certificate_chain`);
  const key = readDataSource(certificate.privateKey, `${path}.private_key`);
  if (certificate.password === undefined) return { certificateChain, privateKey: key };
  return { certificateChain, privateKey: unlock(key, readDataSource(certificate.password, `${path}.password`).trimEnd(), path) };
}

function readStaple(certificate: TlsCertificate, pair: KeyPair, path: string): Uint8Array | undefined {
  if (certificate.ocspStaple === undefined) return undefined;
  const at = `${path}.ocsp_staple`;
  const bytes = readDataBytes(certificate.ocspStaple, at);
  const response = readOcspResponse(bytes);
  if (typeof response === 'string') throw new ConfigError(at, response);
  if (response.serial !== revocationSerialOf(leafOf(pair, path))) throw new ConfigError(at, 'is about another certificate');
  return bytes;
}

/** Reads a certificate; `path` is its own. Throws ConfigError. */
export function readKeyPair(certificate: TlsCertificate, path: string): KeyPair {
  const pair = certificate.pkcs12 === undefined ? readPem(certificate, path) : readPkcs12(certificate, path);
  const ocspStaple = readStaple(certificate, pair, path);
  return ocspStaple === undefined ? pair : { ...pair, ocspStaple };
}

/** True where a certificate is to be used only with a staple. */
export function asksForStaple(leaf: X509Certificate): boolean {
  return mustStaple(leaf.raw);
}

/** The files that a certificate is read from. */
export function filesOfCertificate(certificate: TlsCertificate): string[] {
  const { certificateChain, privateKey, ocspStaple, pkcs12 } = certificate;
  return [certificateChain, privateKey, ocspStaple, pkcs12].map(fileOf).filter((file) => file !== undefined);
}
