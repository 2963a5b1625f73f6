/** X.509 v3 certificates (RFC 5280) signed with ECDSA over P-256. */
import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import net from 'node:net';
import { bitString, boolean, encode, integer, objectIdentifier, OCTET_STRING, sequence, SET, time, utf8 } from './der.ts';

/** A name that a certificate is for. */
export type SubjectAltName = { readonly uri: string } | { readonly dns: string } | { readonly ip: string };

/** What is to be in a certificate. */
export interface CertificateRequest {
  /** Common name; '' leaves the subject empty, as SPIFFE wants it, and makes the alternative names critical. */
  readonly commonName: string;
  readonly spki: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly subjectAltNames: readonly SubjectAltName[];
  readonly isAuthority: boolean;
}

/** Who signs: the issuer's name and key; for a root the subject's own. */
export interface Issuer {
  /** Common name of the issuer's certificate. */
  readonly commonName: string;
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo of the issuer, DER. */
  readonly spki: Uint8Array;
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const COMMON_NAME = objectIdentifier('2.5.4.3');
const SUBJECT_KEY_IDENTIFIER = objectIdentifier('2.5.29.14');
const KEY_USAGE = objectIdentifier('2.5.29.15');
const SUBJECT_ALT_NAME = objectIdentifier('2.5.29.17');
const BASIC_CONSTRAINTS = objectIdentifier('2.5.29.19');
const AUTHORITY_KEY_IDENTIFIER = objectIdentifier('2.5.29.35');
const EXTENDED_KEY_USAGE = objectIdentifier('2.5.29.37');
const SERVER_AND_CLIENT = sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'), objectIdentifier('1.3.6.1.5.5.7.3.2'));

function name(commonName: string): Buffer {
  return commonName === '' ? sequence() : sequence(encode(SET, sequence(COMMON_NAME, utf8(commonName))));
}

function extension(oid: Buffer, isCritical: boolean, value: Buffer): Buffer {
  return sequence(oid, ...(isCritical ? [boolean(true)] : []), encode(OCTET_STRING, value));
}

function ipBytes(ip: string): Buffer {
  if (net.isIPv4(ip)) return Buffer.from(ip.split('.').map(Number));
  const [head = '', tail] = ip.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const left = groups(head);
  const right = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return Buffer.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

/** GeneralName: context tags 2 (dNSName), 6 (URI), 7 (iPAddress). */
function generalName(san: SubjectAltName): Buffer {
  if ('uri' in san) return encode(0x86, Buffer.from(san.uri));
  if ('dns' in san) return encode(0x82, Buffer.from(san.dns));
  return encode(0x87, ipBytes(san.ip));
}

/** RFC 5280, 4.2.1.2, method 1, over the whole SubjectPublicKeyInfo: any stable value serves. */
function keyIdentifier(spki: Uint8Array): Buffer {
  return createHash('sha1').update(spki).digest();
}

function extensions(request: CertificateRequest, issuer: Issuer): Buffer {
  // bit 0 digitalSignature, bit 5 keyCertSign, bit 6 cRLSign
  const usage = request.isAuthority ? bitString(Buffer.from([0b0000_0110]), 1) : bitString(Buffer.from([0b1000_0000]), 7);
  const list = [
    extension(BASIC_CONSTRAINTS, true, request.isAuthority ? sequence(boolean(true)) : sequence()),
    extension(KEY_USAGE, true, usage),
    extension(SUBJECT_KEY_IDENTIFIER, false, encode(OCTET_STRING, keyIdentifier(request.spki))),
    extension(AUTHORITY_KEY_IDENTIFIER, false, sequence(encode(0x80, keyIdentifier(issuer.spki)))),
  ];
  if (!request.isAuthority) list.push(extension(EXTENDED_KEY_USAGE, false, SERVER_AND_CLIENT));
  if (request.subjectAltNames.length > 0) {
    const isCritical = request.commonName === '';
    list.push(extension(SUBJECT_ALT_NAME, isCritical, sequence(...request.subjectAltNames.map(generalName))));
  }
  return encode(0xa3, sequence(...list));
}

/** The signed certificate, DER. */
export function signCertificate(request: CertificateRequest, issuer: Issuer): Buffer {
  const version3 = encode(0xa0, integer(Buffer.from([2])));
  const toBeSigned = sequence(
    version3,
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    name(issuer.commonName),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    name(request.commonName),
    request.spki,
    extensions(request, issuer),
  );
  return sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(sign('sha256', toBeSigned, issuer.privateKey)));
}
