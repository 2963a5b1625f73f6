import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
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

test('of hosts that may be written alike the one in full wins, then the first', () => {
  const names = {
    'pay.shop.svc.cluster.local': info('10.0.0.1', 'pay', 'shop'),
    'pay.shop.svc.other.local': info('10.0.0.2', 'pay', 'shop'),
    'pay.shop': info('10.0.0.3'),
  };
  const asked = ['pay', 'pay.shop.svc', 'pay.shop', 'pay.shop.svc.other.local'];
  const found = asked.map((name) => resolverOf(names, 'shop')(name, 'A')?.[0]);
  assert.deepEqual(found, ['10.0.0.1', '10.0.0.1', '10.0.0.3', '10.0.0.2']);
});

test('an empty table knows no name', () => assert.equal(resolverOf({}, 'shop')('payments', 'A'), undefined));

test('every name of a table is found among many, and no other', () => {
  const label = fc.stringMatching(/^[a-c]{1,2}$/);
  const host = fc
    .tuple(fc.constantFrom('', '*.'), fc.array(label, { minLength: 1, maxLength: 3 }))
    .map(([star, labels]) => star + labels.join('.'));
  const hosts = fc.uniqueArray(host, { maxLength: 200 });
  fc.assert(
    fc.property(hosts, host, (all, asked) => {
      const address = (i: number): string => `10.0.${i >> 8}.${i & 255}`;
      const find = resolverOf(Object.fromEntries(all.map((name, i) => [name, { ...info(''), ips: [address(i)] }])), 'shop');
      for (const [i, name] of all.entries()) assert.deepEqual(find(name, 'A'), [address(i)]);
      const labels = asked.split('.');
      const wildcards = labels.map((_, i) => ['*', ...labels.slice(i + 1)].join('.')).slice(0, -1);
      const want = [asked, ...wildcards].map((name) => all.indexOf(name)).find((i) => i >= 0);
      assert.deepEqual(find(asked, 'A'), want === undefined ? undefined : [address(want)]);
    }),
  );
});
