import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAge, formatRows } from './output.ts';
import { proxyName, refusals, syncStatus } from './sync-state.ts';
import { parseLabel, parsePort } from './run.ts';

const columns = ['a', 'b'].map((key) => ({ title: key.toUpperCase(), cell: (row: Readonly<Record<string, unknown>>) => String(row[key]) }));

test('rows for people and for programs', () => {
  const rows = [
    { a: 'long text', b: 1 },
    { a: 'x', b: 2 },
  ];
  assert.equal(formatRows(rows, columns, 'table'), 'A          B\nlong text  1\nx          2\n');
  assert.equal(formatRows(rows, columns, 'yaml'), '- a: long text\n  b: 1\n- a: x\n  b: 2\n');
  assert.deepEqual(JSON.parse(formatRows(rows, columns, 'json')), rows);
  assert.equal(formatRows([], columns, 'table'), 'none\n');
});

test('a table that has no room cuts names, one that is not for a terminal has all', () => {
  const rows = [{ a: 'payments.shop.svc.cluster.local', b: 1 }];
  assert.equal(formatRows(rows, columns, 'table', 20), 'A                  B\npayments…er.local  1\n');
  assert.match(formatRows(rows, columns, 'table'), /payments\.shop\.svc\.cluster\.local  1$/m);
});

const AGES = [
  { ms: 0, want: '0s' },
  { ms: 59_999, want: '59s' },
  { ms: 61_000, want: '1m1s' },
  { ms: 3_600_000, want: '1h' },
  { ms: 90_000_000, want: '1d1h' },
];
for (const { ms, want } of AGES) test(`${ms} ms is ${want}`, () => assert.equal(formatAge(ms), want));

test('a proxy row', () => {
  const nack = { message: 'filter_chains[0]: unknown filter' };
  const row = {
    id: 'sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local',
    types: { LDS: { status: 'ERROR', nack }, CDS: { status: 'SYNCED' } },
  };
  assert.equal(proxyName(row), 'web-0.shop');
  assert.deepEqual(
    ['CDS', 'LDS', 'EDS'].map((type) => syncStatus(row, type)),
    ['SYNCED', 'NACK', '-'],
  );
  assert.deepEqual(refusals(row), ['LDS: filter_chains[0]: unknown filter']);
});

const PORTS = [
  { text: '8080', want: { number: 8080, name: 'port-8080', protocol: 'auto' } },
  { text: '8080:http-web', want: { number: 8080, name: 'http-web', protocol: 'http' } },
  { text: '9000:web:grpc', want: { number: 9000, name: 'web', protocol: 'grpc' } },
  { text: '3306', want: { number: 3306, name: 'port-3306', protocol: 'tcp' } },
];
for (const { text, want } of PORTS) test(`--port ${text}`, () => assert.deepEqual(parsePort(text, []), [want]));
for (const text of ['', 'x', '0', '65536', '80:a:b:c', '80:web:gopher']) {
  test(`--port "${text}" is refused`, () => assert.throws(() => parsePort(text, []), { code: 'commander.invalidArgument' }));
}

test('--label', () => {
  assert.deepEqual(parseLabel('a=b=c', { x: 'y' }), { x: 'y', a: 'b=c' });
  assert.throws(() => parseLabel('=b', {}), { code: 'commander.invalidArgument' });
});
