import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createLog } from '../../core/log.ts';
import { createAuthority } from '../../net/testing/authority.ts';
import { createStats } from '../telemetry/registry.ts';
import { CertificateUses } from './certificate-uses.ts';

const DAY_MS = 86_400_000;
const ca = createAuthority('root');
const own = ca.issue({ names: 'URI:spiffe://mesh.test/a' });
const use = {
  names: ['own'],
  trustName: 'roots',
  usedBy: 'listener.in',
  roots: ca.certificateChain,
  chains: [own.certificateChain],
  staples: [ca.staple(own)],
};

test('who uses what is told, and forgotten', () => {
  const uses = new CertificateUses();
  const user = {};
  uses.set(user, use);
  assert.deepEqual(
    uses.rows().map(({ kind, name }) => [kind, name]),
    [
      ['ca', 'roots'],
      ['leaf', 'own'],
    ],
  );
  uses.delete(user);
  assert.deepEqual(uses.rows(), []);
});

test('a certificate near its end, and one past it, are warned of once each', () => {
  const lines: string[] = [];
  const stats = createStats().scope('server');
  const uses = new CertificateUses();
  uses.set({}, use);
  const endMs = new X509Certificate(own.certificateChain).validToDate.getTime();
  const log = createLog(
    (line) => lines.push(line),
    () => 0,
  );
  for (const [leftMs, days, warnings] of [
    [1.9 * DAY_MS, 1, 0],
    [0.4 * DAY_MS, 0, 1],
    [0.3 * DAY_MS, 0, 1],
    [-1000, 0, 2],
  ] as const) {
    uses.watch(stats, log, () => endMs - leftMs);
    uses.stop();
    assert.equal(stats.gauge('days_until_first_cert_expiring').value, days);
    assert.equal(lines.length, warnings, lines.join(''));
  }
  assert.match(lines[0] ?? '', /warn a certificate expires soon name=own usedBy=listener\.in/);
  assert.match(lines[1] ?? '', /warn a certificate has expired name=own/);
  assert.ok(stats.gauge('seconds_until_first_ocsp_response_expiring').value > 0);
});

test('a certificate that is replaced is not warned of while those who use it change one after another', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate'] });
  const lines: string[] = [];
  const log = createLog(
    (line) => lines.push(line),
    () => 0,
  );
  const stats = createStats().scope('server');
  const uses = new CertificateUses();
  const [first, second] = [{}, {}];
  const none = { ...use, chains: [], staples: [] };
  const endMs = new X509Certificate(own.certificateChain).validToDate.getTime();
  let nowMs = endMs - 1.9 * DAY_MS;
  uses.watch(stats, log, () => nowMs);
  uses.set(first, use);
  uses.set(second, use);
  t.mock.timers.tick(2000);
  nowMs = endMs - 0.4 * DAY_MS;
  uses.set(first, none);
  t.mock.timers.tick(10);
  uses.set(second, none);
  t.mock.timers.tick(2000);
  assert.deepEqual(
    lines.filter((line) => line.includes('name=own')),
    [],
  );
  uses.set(first, use);
  t.mock.timers.tick(2000);
  assert.equal(lines.filter((line) => line.includes('name=own')).length, 1);
  uses.stop();
});
