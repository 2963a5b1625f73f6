import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endOf, flowOf, requestOf } from '../../model/testing/flow.ts';
import { askedOfFlows } from './kept-flows.ts';

const { request: _, ...tcp } = flowOf({
  protocol: 'tcp',
  cluster: 'outbound|5432||db.shop.svc.cluster.local',
  service: 'db.shop.svc.cluster.local',
});
const web = { namespace: 'shop', name: 'web' };

const hasProxy = (workload: string): boolean => workload === 'shop/web';

const CASES = [
  {
    name: "a caller's request goes to the service that it called",
    flow: flowOf({ request: requestOf({ method: 'POST', path: '/pay?x=1', headers: { 'x-user': 'ann', cookie: '[redacted]' } }) }),
    want: {
      from: web,
      via: undefined,
      to: { scheme: 'http', host: 'payments.shop.svc.cluster.local', port: 80, path: '/pay?x=1' },
      method: 'POST',
      headers: [['x-user', 'ann']],
    },
  },
  {
    name: 'a connection',
    flow: tcp,
    want: {
      from: web,
      via: undefined,
      to: { scheme: 'tcp', host: 'db.shop.svc.cluster.local', port: 5432, path: '/' },
      method: 'GET',
      headers: [],
    },
  },
  {
    name: "a gateway's request goes to the host that was asked for",
    flow: flowOf({ reporter: 'gateway', request: requestOf({ authority: 'shop.example.com:8443' }) }),
    want: {
      from: undefined,
      via: web,
      to: { scheme: 'http', host: 'shop.example.com', port: 8443, path: '/pay' },
      method: 'GET',
      headers: [],
    },
  },
  {
    name: 'a host that is no service of the mesh',
    flow: flowOf({ cluster: 'PassthroughCluster', service: '', request: requestOf({ authority: 'example.com' }) }),
    want: { from: web, via: undefined, to: { scheme: 'http', host: 'example.com', port: 80, path: '/pay' }, method: 'GET', headers: [] },
  },
  { name: 'a server tells of the same once more', flow: flowOf({ reporter: 'destination' }), want: undefined },
  {
    name: 'of one without a proxy the called one tells',
    flow: flowOf({
      reporter: 'destination',
      isMutualTls: false,
      source: endOf('old', { principal: '' }),
      cluster: 'inbound|8080||',
      request: requestOf({ authority: '10.0.0.9:8080' }),
    }),
    want: {
      from: { namespace: 'shop', name: 'old' },
      via: undefined,
      to: { scheme: 'http', host: 'payments.shop.svc.cluster.local', port: 8080, path: '/pay' },
      method: 'GET',
      headers: [],
    },
  },
  {
    name: 'one whom nobody knows, by the port that it wrote',
    flow: flowOf({ reporter: 'destination', isMutualTls: false, source: endOf('', { principal: '' }), cluster: 'inbound|8080||' }),
    want: {
      from: 'outside',
      via: undefined,
      to: { scheme: 'http', host: 'payments.shop.svc.cluster.local', port: 80, path: '/pay' },
      method: 'GET',
      headers: [],
    },
  },
  {
    name: 'a caller with a proxy tells of its plaintext itself',
    flow: flowOf({ reporter: 'destination', isMutualTls: false, cluster: 'inbound|8080||' }),
    want: undefined,
  },
  { name: 'nobody knows who called', flow: flowOf({ source: endOf('') }), want: undefined },
] as const;

for (const { name, flow, want } of CASES) {
  test(`asks again: ${name}`, () => assert.deepEqual(askedOfFlows([flow], hasProxy), want === undefined ? [] : [want]));
}

test('a plaintext request that its caller tells of as well is asked about once', () => {
  const called = flowOf({ reporter: 'destination', isMutualTls: false, source: endOf(''), cluster: 'inbound|8080||' });
  assert.equal(askedOfFlows([flowOf(), called], hasProxy).length, 1);
});

test('equal ones count all, and of distinct ones the newest', () => {
  const flows = Array.from({ length: 3000 }, (_each, i) => flowOf({ request: requestOf({ path: `/${i}` }) }));
  const asked = askedOfFlows([...flows, ...Array.from({ length: 500 }, () => flowOf())], hasProxy);
  assert.equal(asked.length, 1999 + 500);
  assert.equal(asked[0]?.to.path, '/1001');
});
