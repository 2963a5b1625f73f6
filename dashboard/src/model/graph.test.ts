import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Provenance } from '../../../src/model/provenance.ts';
import type { SignalRow } from '../../../src/model/signals.ts';
import type { Topology, TopologyService, TopologyWorkload } from '../../../src/model/topology.ts';
import { graphOf, placesOf, weightsOf } from './graph.ts';
import { callsText, healthOf, isTcp, loadOf } from './health.ts';
import { neighbourhood, visibleOf, WHOLE } from './visible.ts';

const origin: Provenance = { kind: 'Service', namespace: 'shop', name: 'x', file: 'x.yaml', line: 1, field: '' };

function service(name: string, workloads: readonly string[], more: Partial<TopologyService> = {}): TopologyService {
  return {
    hostname: `${name}.shop`,
    name,
    namespace: 'shop',
    isExternal: false,
    ports: [],
    workloads,
    endpoints: 1,
    ready: 1,
    origin,
    ...more,
  };
}

function workload(name: string, more: Partial<TopologyWorkload> = {}): TopologyWorkload {
  return { name, namespace: 'shop', labels: {}, serviceAccount: name, role: 'sidecar', isMeshed: true, instances: 1, ready: 1, ...more };
}

function row(source: string, destination: string, more: Partial<SignalRow> = {}): SignalRow {
  return {
    source,
    destination,
    protocol: 'http',
    requestsPerSecond: 10,
    failureRatio: 0,
    deniedRatio: 0,
    mutualTlsRatio: 1,
    connectionsPerSecond: 0,
    bytesSentPerSecond: 0,
    bytesReceivedPerSecond: 0,
    ...more,
  };
}

const TOPOLOGY: Topology = {
  generation: 1,
  rootNamespace: 'istio-system',
  services: [
    service('pay', ['shop/pay-v1', 'shop/pay-v2']),
    service('pay-v2', ['shop/pay-v2']),
    service('bank', [], { hostname: 'bank.example', isExternal: true }),
    service('gate', ['shop/gate']),
  ],
  workloads: [
    workload('pay-v1', { labels: { version: 'v1' } }),
    workload('pay-v2', { labels: { version: 'v2' }, ready: 0 }),
    workload('client'),
    workload('gate', { role: 'router' }),
  ],
  splits: [
    {
      host: 'pay.shop',
      rule: '',
      isDefault: true,
      parts: [
        { host: 'pay.shop', subset: 'v1', percent: 90, workloads: ['shop/pay-v1'] },
        { host: 'pay.shop', subset: 'v2', percent: 10, workloads: ['shop/pay-v2'] },
      ],
      origin,
    },
  ],
};

test('workloads are nodes of their services, with versions and what rules give them', () => {
  const graph = graphOf(TOPOLOGY, [
    row('shop/client', 'shop/pay-v1', { requestsPerSecond: 9 }),
    row('shop/client', 'shop/pay-v2', { requestsPerSecond: 1, failureRatio: 1 }),
  ]);
  assert.deepEqual(
    graph.nodes.map(({ id, kind }) => [id, kind]),
    [
      ['bank.example', 'external'],
      ['shop/client', 'workload'],
      ['shop/gate', 'gateway'],
      ['shop/pay', 'service'],
    ],
  );
  const pay = graph.nodes.find(({ id }) => id === 'shop/pay');
  assert.deepEqual(
    pay?.versions.map(({ label, weight, load }) => [label, weight, load.requestsPerSecond]),
    [
      ['v1', 90, 9],
      ['v2', 10, 1],
    ],
  );
  // one of two is not ready, and a tenth of requests fails
  assert.equal(pay?.health, 'bad');
  const [edge] = graph.edges;
  assert.deepEqual(
    [edge?.id, edge?.load.requestsPerSecond, edge?.load.failureRatio, edge?.health],
    ['shop/client>shop/pay', 10, 0.1, 'bad'],
  );
});

test('who is not known stays unknown, and a call that nobody answered is one of its service', () => {
  const { edges, nodes } = graphOf(TOPOLOGY, [
    row('unknown/unknown', 'shop/pay-v1'),
    row('shop/client', 'unknown/unknown', { service: 'bank.example' }),
    row('shop/client', 'shop/unknown', { service: 'other.example' }),
  ]);
  assert.deepEqual(
    edges.map(({ id }) => id),
    ['shop/client>bank.example', 'shop/client>other.example', 'unknown/unknown>shop/pay'],
  );
  assert.equal(nodes.find(({ id }) => id === 'unknown/unknown')?.name, 'unknown');
});

test('a host as callers write it is the service that they mean', () => {
  const hosts = ['pay', 'pay:8080', 'pay.shop.svc', 'bank.example:80'];
  const { edges, nodes } = graphOf(
    TOPOLOGY,
    hosts.map((service) => row('shop/client', 'unknown/unknown', { service })),
  );
  assert.deepEqual(
    edges.map(({ id, load }) => [id, load.requestsPerSecond]),
    [
      ['shop/client>bank.example', 10],
      ['shop/client>shop/pay', 30],
    ],
  );
  assert.equal(nodes.length, graphOf(TOPOLOGY, []).nodes.length);
});

test('a gateway has what it passes on, for nobody with a proxy calls it', () => {
  const { nodes } = graphOf(TOPOLOGY, [row('shop/gate', 'shop/pay-v1', { failureRatio: 0.5 }), row('shop/client', 'shop/pay-v1')]);
  const [gate, client] = ['shop/gate', 'shop/client'].map((wanted) => nodes.find(({ id }) => id === wanted));
  assert.deepEqual([gate?.load.requestsPerSecond, gate?.health], [10, 'bad']);
  assert.deepEqual([client?.load.requestsPerSecond, client?.health], [0, 'idle']);
});

test('connections count, where there are no requests', () => {
  const tcp = loadOf([row('a/b', 'c/d', { protocol: 'tcp', requestsPerSecond: 0, connectionsPerSecond: 2, failureRatio: 0.5 })]);
  assert.deepEqual([tcp.failureRatio, healthOf(tcp), callsText(tcp), isTcp(tcp)], [0.5, 'bad', '2 conn/s', true]);
  const http = loadOf([row('a/b', 'c/d')]);
  assert.deepEqual([callsText(http), isTcp(http), isTcp(loadOf([]))], ['10/s', false, false]);
});

test('health is by what fails and what is denied', () => {
  const healthWith = (more: Partial<SignalRow>): string | undefined =>
    graphOf(TOPOLOGY, [row('shop/client', 'shop/pay-v1', more)]).edges[0]?.health;
  assert.deepEqual(
    [{}, { failureRatio: 0.0099 }, { failureRatio: 0.01 }, { failureRatio: 0.05 }, { deniedRatio: 0.5 }, { requestsPerSecond: 0 }].map(
      healthWith,
    ),
    ['ok', 'ok', 'warn', 'bad', 'warn', 'idle'],
  );
});

test('views leave out what they do not show', () => {
  const graph = graphOf(TOPOLOGY, [row('shop/gate', 'shop/pay-v1'), row('shop/client', 'shop/pay-v1', { failureRatio: 1 })]);
  const idsOf = (view: Partial<typeof WHOLE>): string[] => visibleOf(graph, { ...WHOLE, ...view }).nodes.map(({ id }) => id);
  assert.deepEqual(idsOf({}), ['bank.example', 'shop/client', 'shop/gate', 'shop/pay']);
  assert.deepEqual(idsOf({ isBusyOnly: true }), ['shop/client', 'shop/gate', 'shop/pay']);
  assert.deepEqual(idsOf({ isTroubleOnly: true }), ['shop/client', 'shop/pay']);
  assert.deepEqual(idsOf({ text: 'PAY' }), ['shop/pay']);
  assert.deepEqual(idsOf({ namespaces: ['external'] }), ['bank.example']);
  assert.deepEqual(idsOf({ focus: 'shop/gate' }), ['shop/gate', 'shop/pay']);
  assert.deepEqual([...neighbourhood(graph.edges, 'shop/gate', 2)].toSorted(), ['shop/client', 'shop/gate', 'shop/pay']);
});

test('a service is shown by the node that has its workloads, and its workloads share what a rule gives them', () => {
  const places = placesOf(TOPOLOGY);
  const nodes = TOPOLOGY.services.map((each) => [each.name, places.ofService(each)]);
  assert.deepEqual(nodes, [
    ['pay', 'shop/pay'],
    ['pay-v2', 'shop/pay'],
    ['bank', 'bank.example'],
    ['gate', 'shop/gate'],
  ]);
  const parts = [{ host: 'pay.shop', subset: '', percent: 100, workloads: ['shop/pay-v1', 'shop/pay-v2'] }];
  const split = { host: 'pay.shop', rule: '', isDefault: true, parts, origin };
  assert.deepEqual(Object.fromEntries(weightsOf({ ...TOPOLOGY, splits: [split] }, 'pay.shop')), { 'shop/pay-v1': 50, 'shop/pay-v2': 50 });
});
