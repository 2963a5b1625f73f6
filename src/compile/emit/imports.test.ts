import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMeshSettings } from '../../model/mesh.ts';
import type { EgressHost, EgressListener, Sidecar } from '../../model/sidecar.ts';
import type { Service } from '../../model/service.ts';
import { origin, portOf, routeSetOf, ruleOf, serviceOf, to } from '../testing/mesh.ts';
import { importsOf, sidecarFor } from './imports.ts';
import { shapesOf } from './shape.ts';

function hostOf(written: string): EgressHost {
  const [namespace = '', host = ''] = written.replace(/^~/, '').split('/');
  return { namespace: namespace || '*', host, isExcluded: written.startsWith('~') };
}

function listenerOf(hosts: readonly string[], parts: Partial<EgressListener> = {}): EgressListener {
  return { port: undefined, bind: '', isBound: false, hosts: hosts.map(hostOf), origin: origin('Sidecar', 's'), ...parts };
}

function sidecarWith(egress: readonly EgressListener[], parts: Partial<Sidecar> = {}): Sidecar {
  return {
    name: 's',
    namespace: 'shop',
    selector: undefined,
    egress,
    ingress: [],
    inboundConnectionPool: undefined,
    outboundTrafficPolicy: undefined,
    createdAt: 0,
    origin: origin('Sidecar', 's'),
    ...parts,
  };
}

const service = (name: string, namespace: string, ports = [portOf(80, 'http')], parts: Partial<Service> = {}): Service =>
  serviceOf(name, ports, { namespace, hostname: `${name}.${namespace}.svc.cluster.local`, ...parts });

const SERVICES = [
  service('web', 'shop'),
  service('cart', 'bank', [portOf(80, 'http'), portOf(8080, 'http')]),
  service('ledger', 'bank'),
  service('secret', 'bank', [portOf(80, 'http')], { exportTo: ['.'] }),
];
const ROUTES = [
  routeSetOf(['web.shop.svc.cluster.local'], {
    http: [ruleOf([to('ledger.bank.svc.cluster.local')]), ruleOf([to('cart.bank.svc.cluster.local', { port: 8080 })])],
  }),
];

const shapes = shapesOf(SERVICES, defaultMeshSettings);
const short = (names: Iterable<string>): string[] => [...names].map((name) => name.replace('.svc.cluster.local', ''));

const CASES: readonly { name: string; egress: readonly EgressListener[]; called: readonly string[]; clusters: readonly string[] }[] = [
  {
    name: 'everything that is exported',
    egress: [],
    called: ['web.shop', 'cart.bank', 'ledger.bank'],
    clusters: ['web.shop', 'cart.bank', 'ledger.bank'],
  },
  { name: 'a namespace', egress: [listenerOf(['bank/*'])], called: ['cart.bank', 'ledger.bank'], clusters: ['cart.bank', 'ledger.bank'] },
  {
    name: 'the own, and what its routes lead to',
    egress: [listenerOf(['./*'])],
    called: ['web.shop'],
    clusters: ['web.shop', 'ledger.bank', 'cart.bank'],
  },
  {
    name: 'all but one',
    egress: [listenerOf(['*/*', '~bank/cart.bank.svc.cluster.local'])],
    called: ['web.shop', 'ledger.bank'],
    clusters: ['web.shop', 'ledger.bank', 'cart.bank'],
  },
  { name: 'nothing', egress: [listenerOf(['~/*'])], called: [], clusters: [] },
  { name: 'one by name', egress: [listenerOf(['*/ledger.bank.svc.cluster.local'])], called: ['ledger.bank'], clusters: ['ledger.bank'] },
];

for (const { name, egress, called, clusters } of CASES) {
  test(`a Sidecar shows ${name}`, () => {
    const imports = importsOf(shapes, ROUTES, 'shop', sidecarWith(egress));
    assert.deepEqual(short(imports.called.keys()), called);
    assert.deepEqual(short(imports.services.keys()), clusters);
  });
}

test('of what routes lead to only the ports that they name', () => {
  const imports = importsOf(shapes, ROUTES, 'shop', sidecarWith([listenerOf(['./*'])]));
  assert.deepEqual(
    imports.services.get('cart.bank.svc.cluster.local')?.ports.map(({ number }) => number),
    [8080],
  );
});

test('a port shows its own hosts, as what it says is spoken', () => {
  const port = listenerOf(['bank/*'], { port: { number: 80, protocol: 'tcp' } });
  const imports = importsOf(shapes, [], 'shop', sidecarWith([port, listenerOf(['./*'])]));
  assert.deepEqual(short(imports.called.keys()), ['web.shop']);
  assert.deepEqual(short(imports.visible.called.keys()), ['cart.bank', 'ledger.bank', 'web.shop']);
  const [first] = imports.ports;
  assert.deepEqual(
    [...(first?.called.values() ?? [])].map(({ ports }) => ports.map(({ number, protocol }) => `${number} ${protocol}`)),
    [['80 tcp'], ['80 tcp']],
  );
  // clusters speak as the service does
  assert.deepEqual(
    imports.services.get('cart.bank.svc.cluster.local')?.ports.map(({ number, protocol }) => `${number} ${protocol}`),
    ['80 http'],
  );
});

test('proxies of one namespace and Sidecar share what they see', () => {
  const sidecar = sidecarWith([listenerOf(['./*'])]);
  assert.equal(importsOf(shapes, ROUTES, 'shop', sidecar), importsOf(shapes, ROUTES, 'shop', sidecar));
  assert.equal(importsOf(shapes, ROUTES, 'shop', undefined), importsOf(shapes, ROUTES, 'shop', undefined));
});

test('what a change elsewhere leaves alone is the same object', () => {
  const sidecar = sidecarWith([listenerOf(['./*'])]);
  const before = importsOf(shapes, ROUTES, 'shop', sidecar);
  const more = shapesOf([...SERVICES, service('new', 'bank')], defaultMeshSettings);
  assert.equal(importsOf(more, ROUTES, 'shop', sidecar), before);
  const routes = [...ROUTES, routeSetOf(['new.bank.svc.cluster.local'], { name: 'other', namespace: 'bank' })];
  assert.equal(importsOf(more, routes, 'shop', sidecar), before);
  assert.notEqual(importsOf(shapesOf([...SERVICES, service('own', 'shop')], defaultMeshSettings), routes, 'shop', sidecar), before);
});

const web = { namespace: 'shop', labels: { app: 'web' }, role: 'sidecar' } as const;
const all = sidecarWith([], { name: 'all' });
const selecting = sidecarWith([], { name: 'selecting', selector: { app: 'web' } });
const root = sidecarWith([], { name: 'root', namespace: 'istio-system' });
const rootSelecting = sidecarWith([], { name: 'root-selecting', namespace: 'istio-system', selector: { app: 'web' } });

const CHOICES: readonly {
  name: string;
  sidecars: readonly Sidecar[];
  want: string | undefined;
  proxy?: Parameters<typeof sidecarFor>[2];
}[] = [
  { name: 'the one that selects it', sidecars: [root, all, selecting], want: 'selecting' },
  { name: "its namespace's", sidecars: [root, all], want: 'all' },
  { name: "the root namespace's", sidecars: [rootSelecting, root], want: 'root' },
  { name: 'none, of another namespace', sidecars: [rootSelecting], want: undefined },
  { name: 'none, as a gateway', sidecars: [root, all], want: undefined, proxy: { ...web, role: 'router' } },
];

for (const { name, sidecars, want, proxy = web } of CHOICES) {
  test(`a proxy has ${name}`, () => assert.equal(sidecarFor(sidecars, 'istio-system', proxy)?.name, want));
}
