/** Listeners within the process: what connections to them take along, where they want to go, and how they end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import type { Listener, World } from './framework/bootstrap.ts';
import type { Case, CaseOptions } from './framework/case.ts';
import { ask, bytes, of } from './framework/h1-case.ts';
import { ask2 } from './framework/h2-case.ts';
import { header, httpFilter, to, type } from './framework/pieces.ts';
import { INTERNAL_LISTENERS, internal, internalUpstream, ORIGINAL_DST, tcpListener, tcpProxy, toInternal } from './framework/tcp-pieces.ts';
import { compareTopic } from './framework/topic.ts';

const OK = { 'answers.0.line': 'HTTP/1.1 200 OK' };
const ORIGIN = { 'answers.0.line': 'HTTP/1.1 200 Origin' };
const CLOSED = { 'answers.length': 0, connection: 'closed' };

const get = (name: string, listener: string, options: CaseOptions = {}): Case => ask(name, '/x', {}, { listener, expects: OK, ...options });

const CASES: Case[] = [
  get('a request', 'in'),
  ask2('a request by HTTP 2', '/x', {}, { listener: 'in' }),
  ask('a body', '/x', { method: 'POST', body: 'x'.repeat(200_000) }, { listener: 'in', expects: OK }),
  ask('a large answer', '/x', { wish: 'size=400000' }, { listener: 'in', expects: OK }),
  ask('an answer cut off', '/x', { wish: 'cut' }, { listener: 'in' }),
  of('two requests', [bytes('/x'), bytes('/y')], { listener: 'in' }),
  of('what is no request', 'hello\r\n\r\n', { listener: 'in', differs: { 'log.0.flags': DIFFERENCES.internalReset } }),
  get('through three', 'chain'),
  get('from HTTP', 'http'),
  ask('from HTTP, with a body', '/x', { method: 'POST', body: 'x'.repeat(200_000) }, { listener: 'http', expects: OK }),
  ask('from HTTP, reset', '/x', { wish: 'reset' }, { listener: 'http' }),
  get('where the endpoint says', 'metadata', { expects: ORIGIN }),
  get('where the cluster says', 'cluster-metadata', { expects: ORIGIN }),
  ask('nowhere', '/x', {}, { listener: 'not-passed', expects: CLOSED }),
  ask('metadata that is no address', '/x', {}, { listener: 'no-address', expects: CLOSED }),
  get('a chain by the port there', 'by-port', { expects: { ...OK, 'answers.0.fields.x-chain.0': 'origin port' } }),
  get('no chain by the port there', 'by-other-port', { expects: { ...OK, 'answers.0.fields.x-chain.0': 'any port' } }),
  get('addresses told', 'metadata-http'),
  get('state shared once', 'state', { expects: { ...OK, 'answers.0.fields.x-once.0': 'one', 'answers.0.fields.x-many.0': 'many' } }),
  get('state not shared', 'state'),
  get('state shared on', 'state-chain', { expects: { ...OK, 'answers.0.fields.x-many.0': 'many' } }),
  get('state without its socket', 'state-raw'),
  get('where state says', 'by-state'),
  ask(
    'where a header is no address',
    '/x',
    { fields: ['x-to: localhost:80'] },
    {
      listener: 'by-header',
      differs: { 'log.0.details': DIFFERENCES.internalConnected, 'log.0.transport': DIFFERENCES.internalConnected },
    },
  ),
  get('allowed by the state', 'allowed'),
  ask('denied by the state', '/x', { fields: ['x-who: spiffe://b/ns/b/sa/b'] }, { listener: 'denied' }),
  get('by inspected version', 'inspected', { expects: { ...OK, 'answers.0.fields.x-chain.0': 'http' } }),
  of('by inspected bytes', 'hello\r\n\r\n', { listener: 'inspected', differs: { 'log.0.flags': DIFFERENCES.internalReset } }),
  ask('no such listener', '/x', {}, { listener: 'nobody', expects: CLOSED }),
  ask('no such listener, from HTTP', '/x', {}, { listener: 'http-nobody' }),
];

const told = (name: string): JsonObject => ({
  ...to('/', {}, {}),
  response_headers_to_add: [
    header('x-chain', name),
    header('x-local', '%DOWNSTREAM_LOCAL_ADDRESS%'),
    header('x-client', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'),
    header('x-once', '%FILTER_STATE(once:PLAIN)%'),
    header('x-many', '%FILTER_STATE(many:PLAIN)%'),
    header('x-none', '%FILTER_STATE(none:PLAIN)%'),
  ],
});

const hostsOf = (name: string): JsonObject[] => [{ name: 'all', domains: ['*'], routes: [told(name)] }];
const telling = (name: string, fields: JsonObject = {}): Listener => internal({ hosts: hostsOf(name) }, fields);

/** An HTTP listener to a cluster. */
const http = (target: string, filters: readonly JsonValue[] = []): Listener => ({
  hosts: [{ name: 'all', domains: ['*'], routes: [to('/', { cluster: target })] }],
  filters,
});

const state = (key: string, text: string, shared = 'NONE', factory = 'envoy.string'): JsonObject => ({
  object_key: key,
  ...(factory === '' ? {} : { factory_key: factory }),
  format_string: { text_format_source: { inline_string: text }, omit_empty_values: true },
  shared_with_upstream: shared,
  skip_if_empty: true,
});

const setState = (...values: JsonObject[]): JsonObject =>
  httpFilter('set_filter_state', 'set_filter_state.v3.Config', { on_request_headers: values });

const STATES = setState(state('once', 'one', 'ONCE'), state('many', 'many', 'TRANSITIVE'), state('none', 'none'));
const DST = 'envoy.filters.listener.original_dst';

const rbac: JsonObject = httpFilter('rbac', 'rbac.v3.RBAC', {
  rules: {
    action: 'DENY',
    policies: {
      b: {
        permissions: [{ any: true }],
        principals: [{ filter_state: { key: 'io.istio.peer_principal', string_match: { exact: 'spiffe://b/ns/b/sa/b' } } }],
      },
    },
  },
});

/** A chain of its own for one listener, with the HTTP connection manager of another. */
function chainsOf(name: string, match: JsonObject): JsonObject[] {
  const manager = (chain: string): JsonObject => ({
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: type('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: chain,
      route_config: { name: chain, virtual_hosts: hostsOf(chain) },
      http_filters: [httpFilter('router', 'router.v3.Router')],
    }),
  });
  return [{ filter_chain_match: match, filters: [manager(name)] }, { filters: [manager('any port')] }];
}

function listenersOf(world: World): Record<string, Listener> {
  const enter = (target: string): Listener => tcpListener(world, target);
  return {
    in: enter('inner'),
    inner: internal({}),
    chain: enter('first'),
    first: internal(enter('second')),
    second: internal(enter('inner')),
    http: http('inner'),
    nobody: enter('nobody'),
    'http-nobody': http('nobody'),
    metadata: enter('metadata'),
    'cluster-metadata': enter('cluster-metadata'),
    'not-passed': enter('not-passed'),
    'no-address': enter('no-address'),
    onward: internal({ chain: { filters: [tcpProxy('onward')] } }, { listener_filters: [ORIGINAL_DST] }),
    'by-port': enter('by-port'),
    'by-other-port': enter('by-other-port'),
    ports: internal(
      {},
      { listener_filters: [ORIGINAL_DST], filter_chains: chainsOf('origin port', { destination_port: world.ports.origin }) },
    ),
    'metadata-http': enter('metadata-http'),
    'telling-dst': telling('dst', { listener_filters: [ORIGINAL_DST] }),
    state: http('telling', [STATES]),
    'state-raw': http('telling-raw', [STATES]),
    'state-chain': http('middle', [STATES]),
    middle: internal(http('telling-on')),
    telling: telling('plain'),
    'by-state': http('onward-own-state', [setState(state(`${DST}.local_ip`, `127.0.0.1:${world.ports.origin}`, 'ONCE', ''))]),
    'by-header': http('onward-state', [setState(state(`${DST}.local_ip`, '%REQ(X-TO)%', 'ONCE', ''), state('x', 'y'))]),
    allowed: http('denying', [setState(state('io.istio.peer_principal', '%REQ(X-WHO)%', 'ONCE'))]),
    denied: http('denying-too', [setState(state('io.istio.peer_principal', '%REQ(X-WHO)%', 'ONCE'))]),
    denying: internal({ filters: [rbac] }),
    inspected: enter('inspecting'),
    inspecting: internal(
      {},
      {
        listener_filters: [
          {
            name: 'envoy.filters.listener.http_inspector',
            typed_config: type('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector'),
          },
        ],
        filter_chains: chainsOf('http', { application_protocols: ['http/1.1'] }),
      },
    ),
  };
}

function clustersOf(world: World): JsonObject[] {
  const at = (port: number): JsonObject => ({ [DST]: { local: `127.0.0.1:${port}` } });
  const own = at(world.ports.origin);
  const hosts = internalUpstream([['host', DST]]);
  return [
    toInternal('inner', 'inner'),
    toInternal('first', 'first', {}, internalUpstream()),
    toInternal('second', 'second'),
    toInternal('nobody', 'no-such-listener'),
    toInternal('metadata', 'onward', own, hosts),
    toInternal('cluster-metadata', 'onward', {}, { metadata: { filter_metadata: own }, ...internalUpstream([['cluster', DST]]) }),
    toInternal('not-passed', 'onward', own, internalUpstream([['host', 'other']])),
    toInternal('no-address', 'onward', { [DST]: { local: 'localhost:80' } }, hosts),
    { name: 'onward', type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', connect_timeout: '1s' },
    toInternal('by-port', 'ports', own, hosts),
    toInternal('by-other-port', 'ports', at(1), hosts),
    toInternal('metadata-http', 'telling-dst', at(4321), hosts),
    toInternal('telling', 'telling', {}, internalUpstream()),
    toInternal('telling-on', 'telling', {}, internalUpstream()),
    toInternal('telling-raw', 'telling'),
    toInternal('middle', 'middle', {}, internalUpstream()),
    toInternal('onward-own-state', 'onward', {}, internalUpstream()),
    toInternal('onward-state', 'onward', {}, internalUpstream()),
    toInternal('denying-too', 'denying', {}, internalUpstream()),
    toInternal('denying', 'denying', {}, internalUpstream()),
    toInternal('inspecting', 'inspecting'),
  ];
}

const ENDPOINTS: JsonObject = {
  upstream_endpoint: '%UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID%',
  local_endpoint: '%DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID%',
  direct_endpoint: '%DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID%',
};

compareTopic({
  name: 'internal listeners',
  setup: (world) => ({ bootstrap: INTERNAL_LISTENERS, listeners: listenersOf(world), clusters: clustersOf(world), log: ENDPOINTS }),
  cases: CASES,
  more: (proxies) =>
    test('statistics of an internal listener', async () => {
      const [ours, theirs] = await Promise.all(
        proxies().map(async (proxy) => proxy.stats('listener.envoy_internal_inner.downstream_cx_total')),
      );
      assert.deepEqual(Object.keys(ours ?? {}), Object.keys(theirs ?? {}));
    }),
});
