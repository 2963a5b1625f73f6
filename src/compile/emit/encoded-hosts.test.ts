import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteSet } from '../../model/route.ts';
import { encodedHosts, type HostPlan } from './encoded-hosts.ts';
import type { Scope } from './scope.ts';

const HOSTS = ['a.example', 'b.example', 'c.example'];
const ROUTES = HOSTS.map((host) => routesFor(host));

function routesFor(host: string): RouteSet {
  return { hosts: [host], exportTo: [], namespace: 'shop', gateways: ['mesh'], http: [], tls: [], tcp: [] } as unknown as RouteSet;
}

/** Plans that note for which hosts they are asked. */
function plansNoting(asked: string[]): HostPlan[] {
  return HOSTS.map((host) => ({
    host,
    domains: [host, 'shared'],
    encode: (_scope, domains) => {
      asked.push(host);
      return { bytes: new Uint8Array(), hash: `${host} ${domains.join()}` };
    },
  }));
}

const scopeWith = (routes: readonly RouteSet[], fields: object): Scope => ({ ...fields, routes }) as unknown as Scope;
const FIELDS = { client: {}, settings: {}, services: new Map(), called: new Map(), destinationPolicies: [], outbound: {} };

const CASES: readonly { readonly change: string; readonly next: Scope; readonly asked: readonly string[] }[] = [
  { change: 'one set', next: scopeWith(ROUTES.with(1, routesFor('b.example')), FIELDS), asked: ['b.example'] },
  { change: 'a set for another host', next: scopeWith(ROUTES.with(1, routesFor('c.example')), FIELDS), asked: ['b.example', 'c.example'] },
  { change: 'a set for hosts that are not told', next: scopeWith(ROUTES.with(1, routesFor('*.example')), FIELDS), asked: HOSTS },
  { change: 'a set more', next: scopeWith([...ROUTES, routesFor('a.example')], FIELDS), asked: HOSTS },
  { change: 'policies', next: scopeWith(ROUTES, { ...FIELDS, destinationPolicies: [] }), asked: HOSTS },
  { change: 'nothing', next: scopeWith(ROUTES, FIELDS), asked: [] },
];

for (const { change, next, asked } of CASES) {
  test(`makes anew what a change of ${change} concerns`, () => {
    const noted: string[] = [];
    const [plans, none]: [HostPlan[], HostPlan[]] = [plansNoting(noted), []];
    const first = encodedHosts(scopeWith(ROUTES, FIELDS), plans, none);
    assert.deepEqual(
      first.map(({ hash }) => hash),
      ['a.example a.example,shared', 'b.example b.example', 'c.example c.example'],
    );
    noted.length = 0;
    const second = encodedHosts(next, plans, none);
    assert.deepEqual(noted, asked);
    assert.deepEqual(second, first);
  });
}
