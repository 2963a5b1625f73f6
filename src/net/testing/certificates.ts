/** Certificates for tests, made by the `openssl` command. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface TestKeyPair {
  readonly certificateChain: string;
  readonly privateKey: string;
}

export interface TestCa {
  /** PEM. */
  readonly root: string;
  /** A key pair whose certificate bears these names (`URI:spiffe://...`, `DNS:...`). */
  issue(names: string, options?: { readonly isExpired?: boolean }): TestKeyPair;
}

function openssl(directory: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes a CA. Its files are gone when the call returns; issuing puts them back for a moment. */
export function createTestCa(name: string): TestCa {
  const read = (directory: string, file: string): string => readFileSync(path.join(directory, file), 'utf8');
  const within = <Result>(run: (directory: string) => Result): Result => {
    const directory = mkdtempSync(path.join(tmpdir(), 'tulle-ca-'));
    try {
      return run(directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
  const ca = within((directory) => {
    openssl(directory, 'req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', `/O=${name}`);
    return { certificate: read(directory, 'ca.pem'), key: read(directory, 'ca.key') };
  });
  return {
    root: ca.certificate,
    issue(names, { isExpired = false } = {}) {
      return within((directory) => {
        writeFileSync(path.join(directory, 'ca.pem'), ca.certificate);
        writeFileSync(path.join(directory, 'ca.key'), ca.key);
        writeFileSync(path.join(directory, 'index.txt'), '');
        writeFileSync(path.join(directory, 'serial'), randomBytes(8).toString('hex'));
        writeFileSync(path.join(directory, 'ca.conf'), CONFIG.replace('NAMES', names));
        openssl(directory, 'req', '-new', ...NEW_KEY, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/O=leaf');
        const dates = isExpired ? ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'] : ['-days', '1'];
        openssl(directory, 'ca', '-batch', '-config', 'ca.conf', '-in', 'leaf.csr', '-out', 'leaf.pem', '-notext', ...dates);
        return { certificateChain: read(directory, 'leaf.pem'), privateKey: read(directory, 'leaf.key') };
      });
    },
  };
}

const CONFIG = `
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
x509_extensions = leaf
[any]
organizationName = optional
[leaf]
subjectAltName = NAMES
extendedKeyUsage = serverAuth, clientAuth
`;
