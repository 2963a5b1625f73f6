import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMeshSettings } from '../../model/mesh.ts';
import type { Endpoint, Service } from '../../model/service.ts';
import { endpointOf, serviceOf } from '../testing/mesh.ts';
import { nameTableOf } from './name-table.ts';

function service(hostname: string, fields: Partial<Service>): Service {
  const [name = '', namespace = ''] = hostname.split('.');
  return serviceOf(name, [], { hostname, namespace, addresses: [], ...fields });
}

function endpoint(address: string, isReady: boolean): Endpoint {
  return endpointOf(address, { isReady });
}

const namesOf = (services: readonly Service[]): ReturnType<typeof nameTableOf> => nameTableOf(services, defaultMeshSettings);

const CASES: readonly { name: string; services: readonly Service[]; want: Readonly<Record<string, readonly string[]>> }[] = [
  {
    name: 'a service by its addresses, without ranges',
    services: [service('payments.shop.svc.cluster.local', { addresses: ['240.240.0.1', '2001:2::1', '10.0.0.0/8'] })],
    want: { 'payments.shop.svc.cluster.local': ['240.240.0.1', '2001:2::1'] },
  },
  {
    name: 'a headless service by its ready endpoints',
    services: [
      service('db.shop.svc.cluster.local', {
        isHeadless: true,
        endpoints: [endpoint('10.1.0.1', true), endpoint('10.1.0.2', false), endpoint('10.1.0.1', true)],
      }),
    ],
    want: { 'db.shop.svc.cluster.local': ['10.1.0.1'] },
  },
  {
    name: 'single endpoints of a headless service by their names',
    services: [
      service('db.shop.svc.cluster.local', {
        isHeadless: true,
        endpoints: [
          { ...endpoint('10.1.0.1', true), hostname: 'db-0' },
          { ...endpoint('10.1.0.2', false), hostname: 'db-1' },
          endpoint('10.1.0.3', true),
        ],
      }),
    ],
    want: { 'db.shop.svc.cluster.local': ['10.1.0.1', '10.1.0.3'], 'db-0.db.shop.svc.cluster.local': ['10.1.0.1'] },
  },
  {
    name: 'what only real DNS knows is left to it',
    services: [service('api.example.com', { resolution: 'dns', endpoints: [endpoint('api.example.com', true)] })],
    want: {},
  },
  {
    name: 'the oldest of a host wins',
    services: [service('a.example.com', { addresses: ['240.240.0.3'] }), service('a.example.com', { addresses: ['240.240.0.4'] })],
    want: { 'a.example.com': ['240.240.0.3'] },
  },
];

for (const { name, services, want } of CASES) {
  test(name, () => {
    const { table } = namesOf(services);
    assert.deepEqual(Object.fromEntries(Object.entries(table).map(([host, { ips }]) => [host, ips])), want);
  });
}

test('a Kubernetes name says its short name, another host none', () => {
  const addresses = ['240.240.0.1'];
  const services = [service('payments.shop.svc.cluster.local', { addresses }), service('pay.example.com', { addresses })];
  const { table } = namesOf(services);
  const infos = Object.values(table).map(({ registry, shortname, namespace }) => [registry, shortname, namespace]);
  assert.deepEqual(infos, [
    ['Kubernetes', 'payments', 'shop'],
    ['External', '', 'example'],
  ]);
});
