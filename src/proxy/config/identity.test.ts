import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../../core/log.ts';
import { createStats } from '../telemetry/registry.ts';
import { createKeyAndCsr } from './csr.ts';
import { Identity } from './identity.ts';
import type { KeyPair, TrustBundle } from './secret-store.ts';

const START_MS = Date.UTC(2030, 0, 1);
const HOUR_MS = 3_600_000;

function tlv(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

const time = (ms: number): Buffer =>
  tlv(
    0x17,
    Buffer.from(
      `${new Date(ms)
        .toISOString()
        .replace(/[-T:]|\.\d+/g, '')
        .slice(2)}`,
    ),
  );
const ECDSA = Buffer.from('300a06082a8648ce3d040302', 'hex');

/** A certificate over a CSR's key, signed by that key's owner's own choosing: enough to have dates. */
function issue(fromMs: number, toMs: number): string {
  const { privateKey } = createKeyAndCsr();
  const key = createPrivateKey(privateKey);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const name = tlv(0x30);
  const tbs = tlv(0x30, tlv(0x02, Buffer.of(1)), ECDSA, name, tlv(0x30, time(fromMs), time(toMs)), name, spki);
  const der = tlv(0x30, tbs, ECDSA, tlv(0x03, Buffer.of(0), sign('sha256', tbs, key)));
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

test('a request is signed by the key that it asks a certificate for', () => {
  const { csr, privateKey } = createKeyAndCsr();
  const der = Buffer.from(csr.replace(/-----.*?-----|\s/g, ''), 'base64');
  // SEQUENCE { info SEQUENCE, algorithm, BIT STRING { 0, signature } }; the whole is shorter than 256 bytes, the info than 128
  const start = (der[1] ?? 0) < 0x80 ? 2 : 3;
  const end = start + 2 + (der[start + 1] ?? 0);
  const signature = der.subarray(end + ECDSA.length + 3);
  assert.ok(verify('sha256', der.subarray(start, end), createPublicKey(createPrivateKey(privateKey)), signature));
});

test('openssl reads the request', (t) => {
  let found: string;
  try {
    found = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
      input: createKeyAndCsr().csr,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return t.skip('openssl is not here');
    throw error;
  }
  assert.match(found, /Public-Key: \(256 bit\)/);
  return undefined;
});

function identity(t: TestContext, answers: (() => readonly string[])[], ahead = { ms: 0 }) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: START_MS });
  const stats = createStats().scope('identity');
  const got: { keyPair: KeyPair; trust: TrustBundle; atMs: number }[] = [];
  const own = new Identity({
    sign: async () => {
      await Promise.resolve();
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return answer?.() ?? [];
    },
    onCertificate: (keyPair, trust) => got.push({ keyPair, trust, atMs: Date.now() }),
    clock: { wallMs: () => Date.now() + ahead.ms, monotonicMs: () => Date.now() },
    random: () => 0.5,
    log: silentLog,
    stats,
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return { own, got, stats, settle };
}

const fresh = (): readonly string[] => [issue(Date.now(), Date.now() + 24 * HOUR_MS), issue(Date.now(), Date.now() + 240 * HOUR_MS)];

test('a certificate is renewed at half of its life with a new key', async (t) => {
  const { own, got, settle } = identity(t, [fresh]);
  own.start();
  await settle();
  assert.equal(got.length, 1);
  assert.equal(
    new X509Certificate(got[0]?.trust.roots ?? '').validTo,
    new Date(START_MS + 240 * HOUR_MS)
      .toUTCString()
      .replace(
        /^\w+, (\d+) (\w+) (\d+) (.*)$/,
        (_, d: string, m: string, y: string, rest: string) =>
          `${m} ${String(Number(d)).padStart(2, ' ')} ${rest.replace(' GMT', '')} ${y} GMT`,
      ),
  );
  t.mock.timers.tick(12 * HOUR_MS - 1000);
  await settle();
  assert.equal(got.length, 1);
  t.mock.timers.tick(2000);
  await settle();
  assert.equal(got.length, 2);
  assert.notEqual(got[0]?.keyPair.privateKey, got[1]?.keyPair.privateKey);
  own.stop();
});

test('a clock that is a day ahead at once has the certificate renewed within a minute', async (t) => {
  const ahead = { ms: 0 };
  const { own, got, settle } = identity(t, [fresh], ahead);
  own.start();
  await settle();
  ahead.ms = 25 * HOUR_MS;
  assert.deepEqual([got.length, own.isExpired], [1, true]);
  t.mock.timers.tick(60_000);
  await settle();
  assert.equal(got.length, 2);
  own.stop();
});

test('a refusal is tried again, ever later; an expired certificate shows', async (t) => {
  const refuse = (): never => {
    throw new Error('no');
  };
  const { own, got, stats, settle } = identity(t, [fresh, refuse]);
  own.start();
  await settle();
  for (let i = 0; i < 3000; i++) {
    t.mock.timers.tick(30_000);
    await settle();
  }
  assert.equal(got.length, 1);
  assert.ok(stats.counter('renewal_failures').value > 1000, String(stats.counter('renewal_failures').value));
  assert.deepEqual([own.isExpired, stats.gauge('expired').value], [true, 1]);
  own.stop();
});

test('a chain without a root is a failure', async (t) => {
  const { own, got, stats, settle } = identity(t, [() => [issue(Date.now(), Date.now() + HOUR_MS)]]);
  own.start();
  await settle();
  assert.deepEqual([got.length, stats.counter('renewal_failures').value], [0, 1]);
  own.stop();
});
