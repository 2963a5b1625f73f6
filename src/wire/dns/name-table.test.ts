import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolverOf } from './name-table.ts';

const info = (ip: string, shortname = '', namespace = ''): { ips: string[]; shortname: string; namespace: string } => ({
  ips: [ip, 'fd00::1'],
  shortname,
  namespace,
});

const resolve = resolverOf(
  {
    'payments.shop.svc.cluster.local': info('10.0.0.1', 'payments', 'shop'),
    'payments.bank.svc.cluster.local': info('10.0.0.2', 'payments', 'bank'),
    'API.example.com': info('10.0.0.3'),
    '*.example.com': info('10.0.0.4'),
    '*.eu.example.com': info('10.0.0.5'),
  },
  'shop',
);

const CASES = [
  { name: 'payments', want: '10.0.0.1' },
  { name: 'payments.shop', want: '10.0.0.1' },
  { name: 'payments.shop.svc', want: '10.0.0.1' },
  { name: 'payments.shop.svc.cluster.local', want: '10.0.0.1' },
  { name: 'payments.bank', want: '10.0.0.2' },
  { name: 'api.example.com', want: '10.0.0.3' },
  { name: 'www.example.com', want: '10.0.0.4' },
  { name: 'a.b.eu.example.com', want: '10.0.0.5' },
  { name: 'example.com', want: undefined },
  { name: 'orders', want: undefined },
];

for (const { name, want } of CASES) test(`${name} is ${want}`, () => assert.equal(resolve(name, 'A')?.[0], want));

test('families are told apart', () => {
  assert.deepEqual(resolve('payments', 'A'), ['10.0.0.1']);
  assert.deepEqual(resolve('payments', 'AAAA'), ['fd00::1']);
});
