/** Lists of what a real Envoy 1.40 dumped that our control plane drove (`testdata/envoy.json`, shortened). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { formatRows } from '../output.ts';
import { clustersView } from './clusters.ts';
import type { JsonObject } from '../json.ts';
import { type Dumped, readDump } from './dump.ts';
import { endpointsView, inlineAssignments } from './endpoints.ts';
import { listenersView } from './listeners.ts';
import { matchOf, routesView } from './routes.ts';
import { secretsView, usedCertificates } from './secrets.ts';
import type { Filters, View } from './view.ts';

const dump = readDump(readFileSync(path.join(import.meta.dirname, 'testdata/envoy.json'), 'utf8'));

function list(view: View, filters: Filters = {}, own = dump.resources): string {
  const rows = own.filter(({ kind }) => kind === view.kind).flatMap((resource) => view.rows(resource, filters));
  return formatRows(rows, view.columns, 'table').replaceAll(/ +/g, ' ');
}

const CASES: readonly { readonly name: string; readonly view: View; readonly filters: Filters; readonly want: string }[] = [
  {
    name: 'a listener with chains by protocol',
    view: listenersView,
    filters: { port: 9081 },
    want: `NAME ADDRESSES PORT MATCH DESTINATION
0.0.0.0_9081 0.0.0.0 9081 Trans: raw_buffer; App: http/1.1,h2c Route: 9081
0.0.0.0_9081 0.0.0.0 9081 ALL Cluster: PassthroughCluster
`,
  },
  {
    name: 'chains of HTTP',
    view: listenersView,
    filters: { name: 'virtualInbound', type: 'http' },
    want: `NAME ADDRESSES PORT MATCH DESTINATION
virtualInbound 0.0.0.0 15006 Trans: tls; App: istio-http/1.0,istio-http/1.1,istio-h2 Inline Route: /*
virtualInbound 0.0.0.0 15006 Trans: tls; Addr: :46161 Inline Route: /*
`,
  },
  {
    name: 'a cluster by host and subset',
    view: clustersView,
    filters: { fqdn: 'reviews.shop.svc.cluster.local', subset: 'v1' },
    want: `SERVICE FQDN PORT SUBSET DIRECTION TYPE STATE FROM
reviews.shop.svc.cluster.local 9081 v1 outbound EDS active DestinationRule shop/reviews [traffic.yaml:48]
`,
  },
  { name: 'a cluster that is not there', view: clustersView, filters: { port: 1 }, want: 'none\n' },
  {
    name: 'routes with what they match',
    view: routesView,
    filters: { name: '9081', fqdn: 'reviews.shop.svc.cluster.local' },
    want: `NAME VHOST NAME DOMAINS MATCH CLUSTER FROM
9081 reviews.shop.svc.cluster.local:9081 reviews.shop.svc.cluster.local, reviews.shop.svc.cluster.local. + 5 more /* +1 header outbound|9081|v2|reviews.shop.svc.cluster.local VirtualService shop/reviews [traffic.yaml:34]
9081 reviews.shop.svc.cluster.local:9081 reviews.shop.svc.cluster.local, reviews.shop.svc.cluster.local. + 5 more /* outbound|9081|v1|reviews.shop.svc.cluster.local 90, outbound|9081|v2|reviews.shop.svc.cluster.local 10 VirtualService shop/reviews [traffic.yaml:37]
`,
  },
  {
    name: "a subset's endpoints",
    view: endpointsView,
    filters: { cluster: 'outbound|9081|v1|reviews.shop.svc.cluster.local', status: 'healthy' },
    want: `ENDPOINT STATUS LOCALITY PRIORITY WEIGHT CLUSTER
127.0.0.1:38089 HEALTHY - 0 1 outbound|9081|v1|reviews.shop.svc.cluster.local
`,
  },
];

for (const { name, view, filters, want } of CASES) {
  test(`proxy-config: ${name}`, () => assert.equal(list(view, filters), want));
}

test('certificates are read, and say until when they hold', () => {
  assert.match(
    list(secretsView),
    /^RESOURCE NAME TYPE STATUS .*\ndefault Cert Chain active (?:true|false) [0-9a-f]{32} 2026-11-22T\S+ \S+\nROOTCA CA active /,
  );
});

test('certificates that a proxy made for itself are those that it uses', () => {
  const certificate = { path: 'default', serial_number: '0a', valid_from: '2000-01-01T00:00:00Z', expiration_time: '2001-01-01T00:00:00Z' };
  const rows = usedCertificates(
    JSON.stringify({ certificates: [{ cert_chain: [certificate] }, { cert_chain: [certificate], ca_cert: [] }] }),
  );
  assert.equal(
    formatRows(rows, secretsView.columns, 'table').replaceAll(/ +/g, ' '),
    'RESOURCE NAME TYPE STATUS VALID CERT SERIAL NUMBER NOT AFTER NOT BEFORE\ndefault Cert Chain active false 0a 2001-01-01T00:00:00Z 2000-01-01T00:00:00Z\n',
  );
});

test('static clusters bring their endpoints along', () => {
  assert.equal(
    list(endpointsView, {}, inlineAssignments(dump.resources)),
    'ENDPOINT STATUS LOCALITY PRIORITY WEIGHT CLUSTER\n/run/shop/mesh/.tulle/xds.sock HEALTHY - 0 1 xds-grpc\n',
  );
});

test('a listener that was refused says why, beside the version in force', () => {
  const text = JSON.stringify({
    configs: [
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump',
        dynamic_listeners: [
          {
            name: 'web',
            active_state: { version_info: '1', listener: { name: 'web', address: { socket_address: { address: '::', port_value: 80 } } } },
            error_state: { version_info: '2', details: 'address in use' },
          },
          { name: 'new', error_state: { details: 'no' } },
        ],
      },
    ],
  });
  const { resources } = readDump(text);
  assert.deepEqual(
    resources.map(({ name, state, version, error }) => [name, state, version, error]),
    [
      ['web', 'active', '1', ''],
      ['web', 'refused', '2', 'address in use'],
      ['new', 'refused', '', 'no'],
    ],
  );
  assert.match(list(listenersView, {}, [...resources]), /\nnew - - - refused: no\n/);
});

test('what was refused is told of every kind, once, and serves nobody', () => {
  const adminType = (name: string): string => `type.googleapis.com/envoy.admin.v3.${name}`;
  const refused = (body: JsonObject): JsonObject => ({ error_state: { details: 'no:\n  no', failed_configuration: body } });
  const text = JSON.stringify({
    configs: [
      {
        '@type': adminType('ListenersConfigDump'),
        dynamic_listeners: [{ name: 'web', ...refused({ name: 'web', filter_chains: [{}] }) }, refused({ name: 'web' })],
      },
      {
        '@type': adminType('ClustersConfigDump'),
        dynamic_active_clusters: [{ version_info: '1', cluster: { name: 'a', type: 'EDS' }, ...refused({ name: 'a' }) }],
        dynamic_warming_clusters: [refused({ name: 'b', load_assignment: { endpoints: [{ lb_endpoints: [{}] }] } })],
      },
      { '@type': adminType('RoutesConfigDump'), dynamic_route_configs: [refused({ name: '80', virtual_hosts: [{ name: 'v' }] })] },
      { '@type': adminType('EndpointsConfigDump'), dynamic_endpoint_configs: [refused({ cluster_name: 'a' })] },
    ],
  });
  const { resources } = readDump(text);
  assert.deepEqual(
    resources.map(({ kind, name, state }) => `${kind} ${name} ${state}`),
    ['listeners web refused', 'clusters a active', 'clusters a refused', 'clusters b refused', 'routes 80 refused', 'endpoints a refused'],
  );
  const of = (kind: string): Dumped[] => resources.filter((each) => each.kind === kind);
  assert.match(list(listenersView, {}, of('listeners')), /^web - - - refused: no: no$/m);
  assert.match(list(clustersView, {}, of('clusters')), /^a - - - EDS active -\na - - - STATIC refused: no: no -\nb .* refused: no: no -$/m);
  assert.match(list(routesView, {}, of('routes')), /^80 - - - refused: no: no -$/m);
  assert.match(list(endpointsView, {}, of('endpoints')), /^- refused: no: no - - - a$/m);
  assert.deepEqual(inlineAssignments(resources), []);
});

const MATCHES = [
  [{ prefix: '/' }, '/*'],
  [{ path: '/a' }, '/a'],
  [{ path_separated_prefix: '/a' }, '/a[/*]'],
  [{ safe_regex: { regex: '/x.*' }, headers: [{}, {}] }, '~/x.* +2 headers'],
  [{ prefix: '/', query_parameters: [{}] }, '/* +1 parameter'],
  [{ connect_matcher: {} }, 'CONNECT'],
] as const;

for (const [match, want] of MATCHES) test(`a match ${JSON.stringify(match)} is ${want}`, () => assert.equal(matchOf(match), want));
