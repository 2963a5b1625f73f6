/** The mesh's certificate authority: a self-signed P-256 root in the state directory, and what it signs. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';
import { formatSpiffeId, type SpiffeId } from '../../core/spiffe.ts';
import { type Issuer, signCertificate, type SubjectAltName } from './certificate.ts';
import { readSigningRequest } from './csr.ts';
import { createIssuedList, type IssuedCertificate } from './issued-list.ts';
import { toPem } from './pem.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const ROOT_TTL_MS = 3650 * DAY_MS;
const SERVER_TTL_MS = 365 * DAY_MS;
/** How far another machine's clock may be behind ours. */
const CLOCK_SKEW_MS = 2 * 60 * 1000;
const ROOT_NAME = 'Tulle root';
const KEY_FILE = 'ca-key.pem';
const CERTIFICATE_FILE = 'ca-cert.pem';

/** A certificate with the key that it is for, PEM. */
interface KeyAndCertificate {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly expiresAtMs: number;
}

/** What signs for the mesh. */
export interface Authority {
  /** The root certificate that everyone trusts, PEM. */
  readonly rootCertificate: string;
  readonly rootExpiresAtMs: number;
  /** Certificates signed since the start. */
  issuedTotal(): number;
  /** The newest certificate of each identity that was signed since the start and is good still. */
  issued(): readonly IssuedCertificate[];
  /**
   * Signs a PEM request for `identity`; returns leaf and root, PEM each. `ttlMs` is cut to the authority's longest.
   * Throws ProtocolError where the request is refused.
   */
  sign(csr: string, identity: SpiffeId, ttlMs?: number): string[];
  /** A fresh key with its certificate, for a proxy that cannot make its own. */
  issue(identity: SpiffeId): KeyAndCertificate;
  /** A server certificate for our own listeners, valid for `hosts` (names or addresses). */
  issueServer(hosts: readonly string[]): KeyAndCertificate;
}

interface Root {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

async function readRoot(stateDir: string): Promise<Root | undefined> {
  let key: string;
  let certificate: string;
  try {
    key = await readFile(path.join(stateDir, KEY_FILE), 'utf8');
    certificate = await readFile(path.join(stateDir, CERTIFICATE_FILE), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const root = { certificate: new X509Certificate(certificate), privateKey: createPrivateKey(key) };
  if (!root.certificate.checkPrivateKey(root.privateKey)) {
    throw new ConfigError('', `${KEY_FILE} and ${CERTIFICATE_FILE} in ${stateDir} do not belong together; restore the pair or remove both`);
  }
  return root;
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}

async function createRoot(stateDir: string, clock: Clock): Promise<Root> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = clock.wallMs();
  const spki = spkiOf(publicKey);
  const der = signCertificate(
    {
      commonName: ROOT_NAME,
      spki,
      notBeforeMs: now - CLOCK_SKEW_MS,
      notAfterMs: now + ROOT_TTL_MS,
      subjectAltNames: [],
      isAuthority: true,
    },
    { commonName: ROOT_NAME, privateKey, spki },
  );
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  // an interrupted start may have left one of the two
  await rm(path.join(stateDir, CERTIFICATE_FILE), { force: true });
  await writeFile(path.join(stateDir, KEY_FILE), privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  await writeFile(path.join(stateDir, CERTIFICATE_FILE), toPem('CERTIFICATE', der));
  return { certificate: new X509Certificate(der), privateKey };
}

function subjectAltName(host: string): SubjectAltName {
  return /^[\d.]+$|:/.test(host) ? { ip: host } : { dns: host };
}

/**
 * Opens the authority kept in `stateDir`, or makes one. `leafTtlMs` is the life of a workload's certificate.
 * Throws ConfigError where the files there do not fit together.
 */
export async function openAuthority(stateDir: string, leafTtlMs: number, clock: Clock): Promise<Authority> {
  const root = (await readRoot(stateDir)) ?? (await createRoot(stateDir, clock));
  const rootPem = root.certificate.toString();
  const rootExpiresAtMs = root.certificate.validToDate.getTime();
  const commonName = /CN=(.*)/.exec(root.certificate.subject)?.[1] ?? ROOT_NAME;
  const issuer: Issuer = { commonName, privateKey: root.privateKey, spki: spkiOf(createPublicKey(root.privateKey)) };
  let issued = 0;
  const newest = createIssuedList();

  const signLeaf = (spki: Uint8Array, subjectAltNames: readonly SubjectAltName[], ttlMs: number): { pem: string; expiresAtMs: number } => {
    const now = clock.wallMs();
    const expiresAtMs = Math.min(now + ttlMs, rootExpiresAtMs);
    const times = { notBeforeMs: now - CLOCK_SKEW_MS, notAfterMs: expiresAtMs };
    issued += 1;
    const der = signCertificate({ commonName: '', spki, subjectAltNames, isAuthority: false, ...times }, issuer);
    return { pem: toPem('CERTIFICATE', der), expiresAtMs };
  };
  const withFreshKey = (subjectAltNames: readonly SubjectAltName[], ttlMs: number): KeyAndCertificate => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { pem, expiresAtMs } = signLeaf(spkiOf(publicKey), subjectAltNames, ttlMs);
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' });
    return { certificateChain: pem + rootPem, privateKey: key.toString(), expiresAtMs };
  };

  return {
    rootCertificate: rootPem,
    rootExpiresAtMs,
    issuedTotal: () => issued,
    issued: () => newest.at(clock.wallMs()),
    sign(csr, identity, ttlMs = leafTtlMs) {
      const { spki } = readSigningRequest(csr);
      const uri = formatSpiffeId(identity);
      const { pem, expiresAtMs } = signLeaf(spki, [{ uri }], Math.min(ttlMs, leafTtlMs));
      newest.add({ identity: uri, issuedAtMs: clock.wallMs(), expiresAtMs });
      return [pem, rootPem];
    },
    issue(identity) {
      const uri = formatSpiffeId(identity);
      const made = withFreshKey([{ uri }], leafTtlMs);
      newest.add({ identity: uri, issuedAtMs: clock.wallMs(), expiresAtMs: made.expiresAtMs });
      return made;
    },
    issueServer: (hosts) => withFreshKey(hosts.map(subjectAltName), SERVER_TTL_MS),
  };
}
