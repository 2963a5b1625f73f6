/** TCP in tunnels: asked for by CONNECT and POST, by HTTP/1.1 and HTTP/2; ended by the router; refused and broken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Listener, World } from './framework/bootstrap.ts';
import type { Case, CaseOptions } from './framework/case.ts';
import { ask, bytes, of } from './framework/h1-case.ts';
import { cluster, direct, header, httpOptions, ROOM, type } from './framework/pieces.ts';
import type { Proxy } from './framework/proxies.ts';
import { INTERNAL_LISTENERS, internal, tcpListener, tcpLog, tcpProxy, toInternal } from './framework/tcp-pieces.ts';
import { compareTopic } from './framework/topic.ts';

const VERSIONS = ['h1', 'h2'] as const;
const OK = { 'answers.0.line': 'HTTP/1.1 200 Origin' };
const REFUSED = { 'answers.length': 0, connection: 'closed' };

const each = (name: string, make: (name: string, version: string) => Case): Case[] =>
  VERSIONS.map((version) => make(`${name} by ${version}`, version));
const through = (name: string, listener: string, options: CaseOptions = {}): Case =>
  ask(name, '/x', {}, { listener, expects: OK, ...options });

/** A tunnel of the client's own: Envoy has no header for clients within the process. */
const prefaced = (name: string, authority: string): Case =>
  of(name, [bytes(authority, { method: 'CONNECT', host: authority }).replace('x-case: @\r\n', ''), bytes('/x')], {
    listener: 'proxy-header',
    isHead: true,
    expects: { 'upstream.length': 1 },
  });

const CASES: Case[] = [
  ...each('a request', (name, version) => through(name, `connect-${version}`)),
  ...each('by POST', (name, version) => through(name, `post-${version}`)),
  ...each('a body', (name, version) =>
    ask(name, '/x', { method: 'POST', body: 'x'.repeat(200_000) }, { listener: `connect-${version}`, expects: OK }),
  ),
  ...each('a large answer', (name, version) => ask(name, '/x', { wish: 'size=400000' }, { listener: `connect-${version}`, expects: OK })),
  ...each('an answer in parts', (name, version) => ask(name, '/x', { wish: 'chunks=5' }, { listener: `connect-${version}` })),
  ...each('two requests', (name, version) => of(name, [bytes('/x', {}), bytes('/y', {})], { listener: `connect-${version}` })),
  ...each('an answer cut off', (name, version) => ask(name, '/x', { wish: 'cut' }, { listener: `connect-${version}` })),
  ...each('a reset', (name, version) => ask(name, '/x', { wish: 'reset' }, { listener: `connect-${version}` })),
  ...each('refused with 403', (name, version) => ask(name, '/x', {}, { listener: `refused-${version}`, expects: REFUSED })),
  ...each('refused for there is no route', (name, version) => ask(name, '/x', {}, { listener: `lost-${version}`, expects: REFUSED })),
  ...each('to the dead', (name, version) => ask(name, '/x', {}, { listener: `dead-${version}`, expects: REFUSED })),
  ...each('headers told and added', (name, version) => through(name, `told-${version}`)),
  ...each('headers told of POST', (name, version) => through(name, `told-post-${version}`)),
  ...each('a name from the connection', (name, version) => through(name, `named-${version}`)),
  ...each('tried thrice', (name, version) => ask(name, '/x', {}, { listener: `thrice-${version}`, expects: REFUSED })),
  ...each('nobody ends tunnels', (name, version) => ask(name, '/x', {}, { listener: `nobody-${version}`, expects: REFUSED })),
  through('an id for the request', 'id'),
  prefaced('a PROXY header of version 1', 'v1.test:80'),
  prefaced('a PROXY header of version 2', 'v2.test:80'),
  ask('no cluster', '/x', {}, { listener: 'no-cluster', expects: REFUSED }),
  ask('no host', '/x', {}, { listener: 'no-host', expects: REFUSED }),
];

/** Tells in the response what the request was. */
const ECHO: JsonObject = {
  response_headers_to_add: [
    header('x-authority', '%REQ(:AUTHORITY)%'),
    header('x-method', '%REQ(:METHOD)%'),
    header('x-path', '%REQ(:PATH)%'),
    header('x-own', '%REQ(X-OWN)%'),
    header('x-client', '%REQ(X-CLIENT)%'),
  ],
};

const ends = (name: string, domains: readonly string[], target: string, config: JsonObject = {}): JsonObject => ({
  name,
  domains: [...domains],
  routes: [
    {
      match: { connect_matcher: {} },
      route: { cluster: target, upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: config }] },
      ...ECHO,
    },
    {
      match: { prefix: '/' },
      route: { cluster: target, upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: { allow_post: true, ...config } }] },
      ...ECHO,
    },
  ],
});

const TERMINATOR: Listener = {
  hosts: [
    ends('origin', ['origin.test:80', '127.0.0.1:80'], 'origin'),
    ends('dead', ['dead.test:80'], 'dead'),
    ends('proxy 1', ['v1.test:80'], 'proxied', { proxy_protocol_config: { version: 'V1' } }),
    ends('proxy 2', ['v2.test:80'], 'proxied', { proxy_protocol_config: { version: 'V2' } }),
    { name: 'refused', domains: ['refused.test:80'], routes: [{ ...direct('/', 403), match: { connect_matcher: {} } }] },
  ],
  manager: { upgrade_configs: [{ upgrade_type: 'CONNECT' }], http2_protocol_options: { allow_connect: true } },
  filters: [],
};

const PROXY_PROTOCOL: JsonObject = {
  name: 'envoy.filters.listener.proxy_protocol',
  typed_config: type('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'),
};

const H1 = { typed_extension_protocol_options: httpOptions({ explicit_http_config: { http_protocol_options: {} } }) };
const H2 = { typed_extension_protocol_options: httpOptions({ explicit_http_config: { http2_protocol_options: {} } }) };

const tunnel = (hostname: string, fields: JsonObject = {}): JsonObject => ({ tunneling_config: { hostname, ...fields } });

function listenersOf(world: World, version: string): Record<string, Listener> {
  const entry = (fields: JsonObject, log: JsonObject = {}): Listener => tcpListener(world, `to-${version}`, fields, log);
  // in a line that is no case's: what is told has a date
  const telling = (name: string, fields: JsonObject): Record<string, Listener> => {
    const told = { of: `${name}-${version}`, told: '%FILTER_STATE(envoy.tcp_proxy.propagate_response_headers)%', direct: '-' };
    const { tunneling_config: config, ...rest } = fields;
    const tunneling = { ...(config as JsonObject), propagate_response_headers: true };
    const log = [...tcpLog(world, {}), ...tcpLog(world, told)];
    return { [`${name}-${version}`]: tcpListener(world, `to-${version}`, { ...rest, tunneling_config: tunneling, access_log: log }) };
  };
  const adds = { headers_to_add: [header('x-own', 'mine'), header('x-client', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')] };
  return {
    [`connect-${version}`]: entry(tunnel('origin.test:80')),
    [`post-${version}`]: entry(tunnel('origin.test:80', { use_post: true })),
    [`refused-${version}`]: entry(tunnel('refused.test:80')),
    [`lost-${version}`]: entry(tunnel('lost.test:80')),
    [`dead-${version}`]: entry(tunnel('dead.test:80')),
    ...telling('told', tunnel('origin.test:80', adds)),
    ...telling('told-post', tunnel('origin.test:80', { use_post: true, post_path: '/tunnel?x=1', ...adds })),
    ...telling('named', tunnel('%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%:80')),
    [`thrice-${version}`]: entry(
      { ...tunnel('refused.test:80'), max_connect_attempts: 3 },
      { attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%' },
    ),
    [`nobody-${version}`]: tcpListener(world, `nobody-${version}`, tunnel('origin.test:80')),
  };
}

/** Fields of our own that responses to tunnels had, by listener. */
async function toldOf(proxy: Proxy): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines = (await proxy.log()).filter(({ told }) => told !== undefined);
  return new Map(
    lines
      .map(({ of: name, told }): [string, readonly string[]] => {
        const { headers } = (typeof told === 'string' ? JSON.parse(told) : told) as { headers: { key: string; value: string }[] };
        return [String(name), headers.filter(({ key }) => /^(:status|x-)/.test(key)).map(({ key, value }) => `${key}: ${value}`)];
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

const UUID = { typed_config: type('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig') };

compareTopic({
  name: 'tunneling',
  setup: (world) => ({
    bootstrap: INTERNAL_LISTENERS,
    listeners: {
      terminate: internal(TERMINATOR),
      ...listenersOf(world, 'h1'),
      ...listenersOf(world, 'h2'),
      id: tcpListener(world, 'to-h2', tunnel('origin.test:80', { request_id_extension: UUID })),
      'proxy-header': TERMINATOR,
      behind: internal({ chain: { filters: [tcpProxy('origin')] } }, { listener_filters: [PROXY_PROTOCOL] }),
      'no-cluster': tcpListener(world, 'there-is-none', tunnel('origin.test:80')),
      'no-host': tcpListener(world, 'empty', tunnel('origin.test:80')),
    },
    clusters: [
      toInternal('to-h1', 'terminate', {}, { ...ROOM, ...H1 }),
      toInternal('to-h2', 'terminate', {}, { ...ROOM, ...H2 }),
      toInternal('proxied', 'behind'),
      cluster('nobody-h1', [world.ports.dead], H1),
      cluster('nobody-h2', [world.ports.dead], H2),
    ],
  }),
  cases: CASES,
  more: (proxies) =>
    test('what tunnels were told', async () => {
      const [ours, theirs] = await Promise.all(proxies().map(toldOf));
      assert.ok(theirs !== undefined && theirs.size === 6);
      assert.deepEqual(ours, theirs);
    }),
});
