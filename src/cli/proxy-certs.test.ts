import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from './errors.ts';
import { formatRows } from './output.ts';
import { proxyAt, readAdmin } from './proxy-admin.ts';
import { certificateColumns, certificateRows, run } from './proxy-certs.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const certificate = (serial: string, end: string): object => ({
  path: 'default',
  serial_number: serial,
  subject_alt_names: [{ uri: 'spiffe://mesh/a' }, { dns: 'a.test' }],
  valid_from: '2025-12-31T00:00:00.000Z',
  expiration_time: end,
  issuer: 'O=mesh',
});
const entry = (usedBy: string, end: string): Record<string, unknown> => ({
  cert_chain: [certificate('ab', end)],
  ca_cert: [certificate('cd', '2036-01-01T00:00:00.000Z')],
  used_by: usedBy,
});

test('one certificate is one row, with everybody who uses it', () => {
  const rows = certificateRows('a-0.shop', [
    entry('listener.x', '2026-01-02T00:00:00.000Z'),
    entry('cluster.y', '2026-01-02T00:00:00.000Z'),
  ]);
  assert.deepEqual(
    rows.map(({ kind, serial, usedBy, names }) => [kind, serial, usedBy, names]),
    [
      ['own', 'ab', ['cluster.y', 'listener.x'], 'spiffe://mesh/a a.test'],
      ['trusted', 'cd', ['cluster.y', 'listener.x'], 'spiffe://mesh/a a.test'],
    ],
  );
});

const ends: readonly [end: string, text: string, colour: string][] = [
  ['2026-03-01T00:00:00.000Z', '(in 59d)', ''],
  ['2026-01-02T00:00:00.000Z', '(in 1d)', '\u001B[33m'],
  ['2025-12-31T23:00:00.000Z', '(expired 1h ago)', '\u001B[31m'],
];

for (const [end, text, colour] of ends) {
  test(`an end at ${end} is shown as ${text}`, () => {
    const rows = certificateRows('p', [{ cert_chain: [certificate('ab', end)], used_by: 'x' }]);
    const plain = formatRows(rows, certificateColumns(NOW_MS), 'table');
    assert.ok(plain.includes(text) && !plain.includes('\u001B'), plain);
    const [, row = ''] = formatRows(rows, certificateColumns(NOW_MS), 'table', undefined, true).split('\n');
    assert.equal(row.includes('\u001B'), colour !== '');
    assert.ok(row.includes(`${colour}${end} ${text}`));
  });
}

test('where there is no mesh, it is said how a proxy by itself is asked', async () => {
  await assert.rejects(run(['--state-dir', '/nonexistent/.tulle']), (error) => {
    assert.ok(error instanceof CliError);
    assert.match(`${error.message}; ${error.hint}`, /nonexistent.* does not exist.*--admin/);
    return true;
  });
});

test('why an admin interface does not answer is said', async () => {
  await assert.rejects(readAdmin(proxyAt('127.0.0.1:1'), '/certs'), /of 127\.0\.0\.1:1 does not answer: .*(ECONNREFUSED|bad port)/);
});
