/** A certificate authority for tests of TLS in full, by the `openssl` command: intermediates, keys of any kind, CRLs, OCSP. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestKeyPair } from './certificates.ts';

interface IssueOptions {
  /** `DNS:a.test,URI:spiffe://...`; none without. */
  readonly names?: string;
  /** As `openssl req -subj` has it. */
  readonly subject?: string;
  /** P-256 where not said otherwise. */
  readonly key?: 'P-256' | 'P-384' | 'rsa';
  readonly isExpired?: boolean;
  /** Further lines of the certificate's section of extensions. */
  readonly extensions?: readonly string[];
}

export interface Authority extends TestKeyPair {
  issue(options: IssueOptions): TestKeyPair;
  /** An authority below this one; what it issues comes with its certificate. */
  intermediate(name: string): Authority;
  /** A revocation list, PEM. */
  revoke(...revoked: readonly TestKeyPair[]): string;
  /** An OCSP response that says that a certificate is good, DER; until 2020 where `isExpired`. */
  staple(pair: TestKeyPair, isExpired?: boolean): Buffer;
}

const KEYS = {
  'P-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  rsa: ['-newkey', 'rsa:2048'],
} as const;

const CONFIG = `
[req]
distinguished_name = name
[name]
[ca]
default_ca = own
[own]
database = index.txt
unique_subject = no
serial = serial
crlnumber = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_crl_days = 30
policy = any
[any]
organizationName = optional
commonName = optional
[leaf]
`;

/** Runs in a folder with the authority's files, which is gone afterwards. */
function within<Result>(own: TestKeyPair, extensions: readonly string[], run: (folder: Folder) => Result): Result {
  const directory = mkdtempSync(path.join(tmpdir(), 'tulle-authority-'));
  const folder: Folder = {
    read: (file) => readFileSync(path.join(directory, file)),
    write: (file, text) => writeFileSync(path.join(directory, file), text),
    openssl: (...args) => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' }),
  };
  try {
    folder.write('ca.pem', own.certificateChain);
    folder.write('ca.key', own.privateKey);
    folder.write('index.txt', '');
    folder.write('serial', randomBytes(8).toString('hex'));
    folder.write('ca.conf', `${CONFIG}${extensions.join('\n')}\n`);
    return run(folder);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Folder {
  read(file: string): Buffer;
  write(file: string, text: string): void;
  openssl(...args: string[]): void;
}

const isAuthority = ['basicConstraints = critical, CA:true', 'keyUsage = critical, keyCertSign, cRLSign, digitalSignature'];

function sign(own: TestKeyPair, options: IssueOptions, extensions: readonly string[]): TestKeyPair {
  const { names, subject = '/O=leaf', key = 'P-256', isExpired = false } = options;
  const lines = [...extensions, ...(names === undefined ? [] : [`subjectAltName = ${names}`]), ...(options.extensions ?? [])];
  return within(own, lines, (folder) => {
    folder.openssl(
      'req',
      '-new',
      ...KEYS[key],
      '-nodes',
      '-keyout',
      'leaf.key',
      '-out',
      'leaf.csr',
      '-subj',
      subject,
      '-config',
      'ca.conf',
    );
    const dates = isExpired ? ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'] : ['-days', '2'];
    folder.openssl('ca', '-batch', '-config', 'ca.conf', '-extensions', 'leaf', '-in', 'leaf.csr', '-out', 'leaf.pem', '-notext', ...dates);
    return { certificateChain: String(folder.read('leaf.pem')), privateKey: String(folder.read('leaf.key')) };
  });
}

/** The line of OpenSSL's index for a certificate, valid or revoked. */
function indexLine(pair: TestKeyPair, folder: Folder, at: number, isRevoked: boolean): string {
  folder.write(`r${at}.pem`, pair.certificateChain);
  folder.openssl('x509', '-in', `r${at}.pem`, '-noout', '-serial', '-out', `r${at}.txt`);
  const serial = String(folder.read(`r${at}.txt`))
    .trim()
    .replace('serial=', '');
  return `${isRevoked ? 'R' : 'V'}\t400101000000Z\t${isRevoked ? '250101000000Z' : ''}\t${serial}\tunknown\t/O=leaf\n`;
}

function authority(own: TestKeyPair, isRoot: boolean): Authority {
  const withOwn = (pair: TestKeyPair): TestKeyPair =>
    isRoot ? pair : { ...pair, certificateChain: `${pair.certificateChain}${own.certificateChain}` };
  return {
    ...own,
    issue: (options) => withOwn(sign(own, options, ['extendedKeyUsage = serverAuth, clientAuth'])),
    intermediate: (name) => authority(withOwn(sign(own, { subject: `/O=${name}` }, isAuthority)), false),
    revoke: (...revoked) =>
      within(own, [], (folder) => {
        folder.write('index.txt', revoked.map((pair, i) => indexLine(pair, folder, i, true)).join(''));
        folder.openssl('ca', '-gencrl', '-config', 'ca.conf', '-out', 'list.pem');
        return String(folder.read('list.pem'));
      }),
    staple: (pair, isExpired = false) =>
      within(own, [], (folder) => {
        folder.write('index.txt', indexLine(pair, folder, 0, false));
        folder.openssl('ocsp', '-issuer', 'ca.pem', '-cert', 'r0.pem', '-reqout', 'request.der', '-no_nonce');
        folder.openssl(
          'ocsp',
          '-index',
          'index.txt',
          '-rsigner',
          'ca.pem',
          '-rkey',
          'ca.key',
          '-CA',
          'ca.pem',
          '-reqin',
          'request.der',
          '-respout',
          'response.der',
          '-ndays',
          '1000',
        );
        const response = folder.read('response.der');
        // who staples looks at the times, and not at the signature; OpenSSL makes no response that is over
        return isExpired ? Buffer.from(response.toString('latin1').replace(/20(29|30)(\d{10}Z)/, '2020$2'), 'latin1') : response;
      }),
  };
}

/** Makes a root authority. */
export function createAuthority(name: string): Authority {
  const none = { certificateChain: '', privateKey: '' };
  const own = within(none, isAuthority, (folder) => {
    const request = ['req', '-x509', ...KEYS['P-256'], '-nodes', '-days', '3', '-config', 'ca.conf', '-extensions', 'leaf'];
    folder.openssl(...request, '-keyout', 'own.key', '-out', 'own.pem', '-subj', `/O=${name}`);
    return { certificateChain: String(folder.read('own.pem')), privateKey: String(folder.read('own.key')) };
  });
  return authority(own, true);
}
