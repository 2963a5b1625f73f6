/** Connections that no filter chain of a listener has taken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { meshOf, peerAuthenticationOf, portOf, serviceOf, endpointOf } from '../../compile/testing/mesh.ts';
import type { Flow } from '../../model/flow.ts';
import { instanceOf } from '../../model/testing/instance.ts';
import { type AccessLogCommonSchema, TCPAccessLogEntrySchema } from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { meshNames } from './mesh-names.ts';
import { type EntryContext, tcpFlow } from './read-entry.ts';

type Common = MessageInitShape<typeof AccessLogCommonSchema>;

const address = (host: string, port: number): Common['upstreamRemoteAddress'] => ({
  address: { case: 'socketAddress', value: { address: host, portSpecifier: { case: 'portValue', value: port } } },
});

/** STRICT but for port 9090 of `db`. */
const mesh = meshOf({
  services: [
    serviceOf('db', [portOf(5432, 'tcp')], { endpoints: [endpointOf('10.0.0.2', { workload: 'db', ports: { 'tcp-5432': 15432 } })] }),
  ],
  instances: [instanceOf('old')],
  peerAuthentications: [
    peerAuthenticationOf('STRICT'),
    peerAuthenticationOf('UNSET', { name: 'open', selector: { app: 'db' }, ports: new Map([[9090, 'PERMISSIVE']]) }),
  ],
});

const context: EntryContext = {
  proxy: 'me',
  isGateway: false,
  own: { namespace: 'shop', workload: 'db' },
  node: () => ({ labels: { app: 'db' }, ports: [{ name: 'tcp', number: 5432, protocol: 'tcp', listen: 15432, appPort: 5432 }] }),
  ownPrincipal: 'spiffe://cluster.local/ns/shop/sa/db',
  receivedMs: 5000,
  names: meshNames(mesh),
};

function refusedAt(port: number, tags: Readonly<Record<string, string>> = {}, parts: Partial<EntryContext> = {}): Flow {
  const commonProperties: Common = {
    downstreamRemoteAddress: address(mesh.instances[0]?.address ?? '', 40_000),
    downstreamLocalAddress: address('10.0.0.2', port),
    responseFlags: { noRouteFound: true },
    customTags: { reporter: 'destination', refused: 'no_filter_chain', connection: '7', ...tags },
  };
  const flow = tcpFlow(create(TCPAccessLogEntrySchema, { commonProperties }), { ...context, ...parts });
  assert.ok(flow);
  return flow;
}

test('plaintext to a STRICT port is a denial, by the PeerAuthentication', () => {
  const { verdict, flags, details, policy, source, destination, service, isMutualTls, id } = refusedAt(15432);
  assert.deepEqual([verdict, flags, details, isMutualTls, id], ['denied', ['NR'], 'plaintext_refused_mtls_is_strict', false, '7']);
  assert.deepEqual([policy?.kind, policy?.name], ['PeerAuthentication', 'default']);
  assert.deepEqual([source.workload, destination.workload, destination.address], ['old', 'db', '10.0.0.2:15432']);
  assert.equal(service, 'db.shop.svc.cluster.local');
});

const OTHERS: readonly (readonly [what: string, flow: Flow, reporter: Flow['reporter'], from: string, to: string])[] = [
  ['a port that takes plaintext', refusedAt(9090), 'destination', 'old', 'db'],
  ['a workload that no policy selects', refusedAt(1, {}, { own: { namespace: 'other', workload: 'db' } }), 'destination', 'old', 'db'],
  ['a tunnel', refusedAt(15432, { 'tunnel-peer': 'spiffe://cluster.local/ns/shop/sa/web' }), 'destination', '', 'db'],
  [
    'a listener for what the workload calls',
    refusedAt(15432, { reporter: 'source' }, { own: { namespace: 'shop', workload: 'web' } }),
    'source',
    'web',
    'db',
  ],
  [
    'a gateway',
    refusedAt(443, { reporter: 'source' }, { isGateway: true, own: { namespace: 'shop', workload: 'edge' } }),
    'gateway',
    'old',
    'edge',
  ],
];

for (const [what, flow, reporter, from, to] of OTHERS) {
  test(`${what}: a failure, and no word of STRICT`, () => {
    assert.deepEqual([flow.verdict, flow.details, flow.policy], ['failed', 'filter_chain_not_found', undefined]);
    assert.equal(flow.reporter, reporter);
    if (from !== '') assert.equal(flow.source.workload, from);
    assert.equal(flow.destination.workload, to);
  });
}
