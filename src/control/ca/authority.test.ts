import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../core/clock.ts';
import { ProtocolError } from '../../core/errors.ts';
import { openAuthority } from './authority.ts';
import { readSigningRequest } from './csr.ts';
import { decodeAll, members, objectIdentifier, SEQUENCE, sequence } from './der.ts';
import { toPem } from './pem.ts';
import { openTokens } from './tokens.ts';

const HOUR_MS = 3_600_000;
const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };

async function stateDir(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-ca-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

function openssl(args: readonly string[], input = ''): string {
  const run = spawnSync('openssl', args, { input, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout;
}

/** A request made by somebody else's code. */
function csrFrom(folder: string, ...keyArguments: readonly string[]): string {
  openssl(['genpkey', ...keyArguments, '-out', path.join(folder, 'key.pem')]);
  return openssl(['req', '-new', '-key', path.join(folder, 'key.pem'), '-subj', '/CN=somebody else']);
}

const KEYS = [
  { name: 'P-256', args: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'] },
  { name: 'P-384', args: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'] },
  { name: 'RSA 2048', args: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'] },
  { name: 'Ed25519', args: ['-algorithm', 'ED25519'] },
];

for (const { name, args } of KEYS) {
  test(`a certificate for a ${name} key is what openssl and Node expect`, async (t) => {
    const folder = await stateDir(t);
    const authority = await openAuthority(folder, 24 * HOUR_MS, systemClock);
    const [leaf = '', root = ''] = authority.sign(csrFrom(folder, ...args), identity);
    await writeFile(path.join(folder, 'leaf.pem'), leaf);
    await writeFile(path.join(folder, 'root.pem'), root);
    for (const purpose of ['sslserver', 'sslclient']) {
      openssl(['verify', '-x509_strict', '-purpose', purpose, '-CAfile', path.join(folder, 'root.pem'), path.join(folder, 'leaf.pem')]);
    }
    const certificate = new X509Certificate(leaf);
    assert.equal(certificate.subjectAltName, 'URI:spiffe://cluster.local/ns/shop/sa/web');
    assert.equal(certificate.subject ?? '', '');
    assert.equal(certificate.checkIssued(new X509Certificate(root)), true);
    assert.equal(certificate.checkPrivateKey(createPrivateKey(await readFile(path.join(folder, 'key.pem')))), true);
    assert.match(openssl(['x509', '-noout', '-text'], leaf), /Subject Alternative Name: critical/);
    const lifeMs = certificate.validToDate.getTime() - Date.now();
    assert.ok(lifeMs > 23 * HOUR_MS && lifeMs <= 24 * HOUR_MS);
  });
}

test('the root is made once, kept private, and lives ten years', async (t) => {
  const folder = await stateDir(t);
  const first = await openAuthority(folder, HOUR_MS, systemClock);
  const second = await openAuthority(folder, HOUR_MS, systemClock);
  assert.equal(first.rootCertificate, second.rootCertificate);
  assert.equal((await stat(path.join(folder, 'ca-key.pem'))).mode & 0o777, 0o600);
  const years = (first.rootExpiresAtMs - Date.now()) / (365 * 24 * HOUR_MS);
  assert.ok(years > 9.9 && years < 10.1);
  assert.equal(new X509Certificate(first.rootCertificate).ca, true);
});

test('a root whose key is another is refused', async (t) => {
  const folder = await stateDir(t);
  await openAuthority(folder, HOUR_MS, systemClock);
  openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path.join(folder, 'ca-key.pem')]);
  await assert.rejects(openAuthority(folder, HOUR_MS, systemClock), /do not belong together/);
});

test('a wished life is cut to the longest allowed', async (t) => {
  const folder = await stateDir(t);
  const authority = await openAuthority(folder, HOUR_MS, systemClock);
  const csr = csrFrom(folder, '-algorithm', 'ED25519');
  const expiry = (ttlMs: number): number =>
    new X509Certificate(authority.sign(csr, identity, ttlMs)[0] ?? '').validToDate.getTime() - Date.now();
  assert.ok(expiry(1000 * HOUR_MS) <= HOUR_MS);
  assert.ok(expiry(HOUR_MS / 2) <= HOUR_MS / 2);
});

test('requests that prove nothing are refused', async (t) => {
  const folder = await stateDir(t);
  const good = csrFrom(folder, '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
  const der = Buffer.from(good.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const forged = Buffer.from(der);
  forged[40] = (forged[40] ?? 0) ^ 1;
  // Ed25519 keys sign without a digest; what is claimed here is ECDSA with SHA-256
  const [request] = decodeAll(Buffer.from(csrFrom(folder, '-algorithm', 'ED25519').replace(/-----[^-]+-----|\s/g, ''), 'base64'));
  const [info, , signature] = members(request, SEQUENCE);
  const claimed = sequence(info?.raw ?? der, sequence(objectIdentifier('1.2.840.10045.4.3.2')), signature?.raw ?? der);
  const cases = [
    { name: 'not PEM', csr: 'hello', want: /no PEM block/ },
    { name: 'not DER', csr: toPem('CERTIFICATE REQUEST', Buffer.from('hello')), want: /not DER/ },
    { name: 'an algorithm of another kind of key', csr: toPem('CERTIFICATE REQUEST', claimed), want: /signature does not fit/ },
    { name: 'changed after signing', csr: toPem('CERTIFICATE REQUEST', forged), want: /refused|not DER/ },
    {
      name: 'a short RSA key',
      csr: csrFrom(folder, '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'),
      want: /RSA key of 1024 bits/,
    },
  ];
  for (const { name, csr, want } of cases) {
    assert.throws(
      () => readSigningRequest(csr),
      (error: unknown) => error instanceof ProtocolError && want.test(error.message),
      name,
    );
  }
});

test('no bytes make the reader of requests fail otherwise than by refusing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readSigningRequest(toPem('CERTIFICATE REQUEST', bytes));
        return false;
      } catch (error) {
        return error instanceof ProtocolError;
      }
    }),
  );
});

test('server certificates name hosts and addresses', async (t) => {
  const authority = await openAuthority(await stateDir(t), HOUR_MS, systemClock);
  const certificate = new X509Certificate(authority.issueServer(['localhost', '127.0.0.1', 'fd00::1']).certificateChain);
  assert.equal(certificate.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, IP Address:FD00:0:0:0:0:0:0:1');
});

test('tokens name whom they were made for, until they expire', async (t) => {
  const folder = await stateDir(t);
  let now = Date.UTC(2030, 0);
  const clock = { wallMs: () => now, monotonicMs: () => now };
  const tokens = await openTokens(folder, clock);
  const subject = { namespace: 'shop', serviceAccount: 'web' };
  const token = tokens.issue(subject, HOUR_MS);
  assert.deepEqual((await openTokens(folder, clock)).verify(token), subject);
  const [header, payload = '', signature] = token.split('.');
  const other = Buffer.from(Buffer.from(payload, 'base64url').toString().replace('web', 'adm')).toString('base64url');
  assert.throws(() => tokens.verify(`${header}.${other}.${signature}`), /not made by this control plane/);
  assert.throws(() => tokens.verify('x'), /not made by this control plane/);
  now += 2 * HOUR_MS;
  assert.throws(() => tokens.verify(token), /the token expired on 2030-01-01T01:00:00/);
});
