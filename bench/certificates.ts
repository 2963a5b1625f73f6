import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** Makes ca.pem, cert.pem, key.pem and both.pem (P-256, a SPIFFE URI) in `folder`, by the openssl command. */
export function certificates(folder: string): void {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-days', '2', '-subj', '/O=bench');
  openssl('req', ...key, '-keyout', 'key.pem', '-out', 'cert.csr', '-subj', '/O=bench');
  writeFileSync(
    `${folder}/san.cnf`,
    'subjectAltName=URI:spiffe://cluster.local/ns/shop/sa/bench,DNS:reviews\nextendedKeyUsage=serverAuth,clientAuth\n',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    'cert.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca-key.pem',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'san.cnf',
    '-out',
    'cert.pem',
  );
  writeFileSync(`${folder}/both.pem`, readFileSync(`${folder}/cert.pem`, 'utf8') + readFileSync(`${folder}/key.pem`, 'utf8'));
}
