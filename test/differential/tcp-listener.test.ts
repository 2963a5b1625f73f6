/** What listeners do with connections before a TCP proxy has them: filters, filter chains, limits, PROXY headers both ways. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import type { Listener, Setup, World } from './framework/bootstrap.ts';
import type { Case } from './framework/case.ts';
import { cluster, type } from './framework/pieces.ts';
import { networkFilter, tcpClusters, tcpListener, tcpLog, tcpProxy } from './framework/network-pieces.ts';
import { beside, type Step, tcp, type TcpOptions } from './framework/tcp-case.ts';
import { startTcpServers } from './framework/tcp-servers.ts';
import { compareTopic } from './framework/topic.ts';

const HELLO = { send: 'hello' } as const;
const END = { end: true } as const;
const PAUSE = { waitMs: 30 } as const;
const at = (listener: string, body: string, options: TcpOptions = {}): TcpOptions => ({
  listener,
  ...options,
  expects: { 'answers.0.body': body, ...options.expects },
});

const listenerFilter = (name: string, message: string, fields: JsonObject = {}): JsonObject => ({
  name: `envoy.filters.listener.${name}`,
  typed_config: type(`envoy.extensions.filters.listener.${name}.v3.${message}`, fields),
});

/** A ClientHello's server name leads to the chain; inside, the bytes are echoed as they came: no TLS is spoken. */
const sni = (name: string, servername: string, chain: string): Case =>
  tcp(`server name ${name}`, [{ waitMs: 20 }, { reset: true }], {
    listener: 'names',
    hello: { servername },
    expects: { 'log.0.chain': chain },
  });

const V1 = 'PROXY TCP4 192.0.2.1 198.51.100.7 1111 2222\r\n';
const SIGNATURE = '0d0a0d0a000d0a515549540a';
let clients = 0x1000;
/** A header of version 2, of another client each time: Envoy gives connections of one client the fields of the first. */
const v2 = (tlvs: string): Buffer => {
  const ends = `c0000201c6336407${(clients++).toString(16)}08ae`;
  return Buffer.from(`${SIGNATURE}2111${(12 + tlvs.length / 2).toString(16).padStart(4, '0')}${ends}${tlvs}`, 'hex');
};
const TLVS = 'ea000361626302000178';

const header = (name: string, listener: string, first: Step[] = []): Case => tcp(name, [...first, PAUSE, HELLO, PAUSE, END], { listener });

const PROXY_UP: Case[] = [
  tcp('a header of version 1', [HELLO, END], at('up1', 'got PROXY TCP4 <own address> <own address> <client> <listener>\r\nhello')),
  tcp(
    'a header of version 1 by default',
    [HELLO, END],
    at('upDefault', 'got PROXY TCP4 <own address> <own address> <client> <listener>\r\nhello'),
  ),
  header('a header of version 2 passed on', 'relay2', [{ send: v2('') }]),
  header('fields passed on', 'relay2', [{ send: v2(TLVS) }]),
  header('some fields passed on', 'relaySome', [{ send: v2(TLVS) }]),
  header('some fields kept by the listener', 'relayKept', [{ send: v2(TLVS) }]),
  header('fields added', 'relayAdded', [{ send: v2(TLVS) }]),
  header('fields that the TCP proxy has, and the client too', 'proxyAdds', [{ send: v2(TLVS) }]),
  header('fields that the TCP proxy overwrites', 'proxyOverwrites', [{ send: v2(TLVS) }]),
  header('fields that the TCP proxy appends', 'proxyAppends', [{ send: v2(TLVS) }]),
  header('version 1 relayed as version 2', 'relay2', [{ send: V1 }]),
];

const CHAINS: Case[] = [
  sni('of a chain', 'one.test', 'one'),
  sni('in large letters', 'ONE.test', 'one'),
  sni('below a wildcard', 'a.wild.test', 'wild'),
  sni('far below a wildcard', 'a.b.wild.test', 'wild'),
  sni('below a longer wildcard', 'a.deep.wild.test', 'deep'),
  sni('of no chain', 'other.test', 'fallback'),
  tcp('no TLS', [HELLO, { hear: 'hello' }, END], at('names', 'hello', { expects: { 'log.0.chain': 'plain' } })),
  tcp('a protocol of TLS', [{ waitMs: 20 }, { reset: true }], {
    listener: 'names',
    hello: { servername: 'alpn.test', ALPNProtocols: ['h2', 'special'] },
    expects: { 'log.0.chain': 'special' },
  }),
  // the echo is awaited: an end that comes with the first bytes stops Envoy's inspector before it has read them
  tcp('HTTP by its first bytes', [{ send: 'GET / HTTP/1.1\r\n' }, { hear: 'GET / HTTP/1.1\r\n' }, END], {
    listener: 'http',
    expects: { 'log.0.chain': 'http1' },
  }),
  tcp('HTTP/2 by its first bytes', [{ send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' }, { hear: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' }, END], {
    listener: 'http',
    expects: { 'log.0.chain': 'http2' },
  }),
  tcp('no HTTP by its first bytes', [{ send: 'SSH-2.0-x\r\n' }, { hear: 'SSH-2.0-x\r\n' }, END], {
    listener: 'http',
    expects: { 'log.0.chain': 'rest' },
  }),
  tcp('no chain', [HELLO, END], at('noChain', '', { expects: { 'log.0.flags': 'NR' } })),
  tcp('a source of its own', [END], at('sources', 'second', { from: '127.0.0.2' })),
  tcp('a source of nobody else', [END], at('sources', 'first', { from: '127.0.0.3' })),
];

const WAITS: Case[] = [
  tcp('silence where inspectors wait', [{ waitMs: 300 }], at('impatient', '')),
  tcp('silence where inspectors may go on without', [{ hear: '\r\n' }, { send: 'quit' }], at('patient', '220 hello\r\n221 bye\r\n')),
  tcp('an end where inspectors wait', [{ waitMs: 20 }, END], at('impatient', '')),
  tcp('an inspector that is switched off', [{ hear: '\r\n' }, { send: 'quit' }], at('switchedOff', '220 hello\r\n221 bye\r\n')),
];

const LIMITS: Case[] = [
  beside(tcp('a connection too many', [PAUSE], at('limited', '')), 'while open'),
  beside(tcp('a connection after another', [HELLO, END], at('limitedAfter', 'got hello')), 'after'),
  tcp('a limit that is switched off', [HELLO, END], at('limitedOff', 'got hello')),
  beside(tcp('a connection too many that waits', [PAUSE], at('limitedSlow', '')), 'while open'),
  tcp('one connection a day, the first', [HELLO, END], at('rated', 'got hello')),
  beside(tcp('one connection a day, the second', [PAUSE], at('ratedLate', '')), 'after'),
  beside(tcp('a bucket that two share', [PAUSE], at('ratedShared', '')), 'after'),
  beside(tcp('one connection a day by the listener', [PAUSE], at('ratedListener', '')), 'after'),
];

const EARLIER = DIFFERENCES.rbacBeforeData;
const RBAC: Case[] = [
  tcp('denied', [PAUSE, HELLO], {
    listener: 'denied',
    expects: { 'log.0.termination': 'rbac_access_denied_matched_policy[own]' },
    differs: {
      'log.0.attempts': EARLIER,
      'log.0.cluster': EARLIER,
      'log.0.host': EARLIER,
      'log.0.own': EARLIER,
      'log.0.remote': EARLIER,
      'log.0.received': EARLIER,
    },
  }),
  tcp('allowed', [HELLO, END], at('allowed', 'got hello')),
  tcp('allowed by a condition', [HELLO, END], at('conditionHolds', 'got hello')),
  tcp('not denied by a condition that has no value', [HELLO, END], at('conditionUnknown', 'got hello')),
  tcp('allowed continuously', [HELLO, { waitMs: 20 }, HELLO, END], at('allowedAlways', 'got hellohello')),
  tcp('denied in shadow', [HELLO, END], at('shadowed', 'got hello')),
];

const filters = (filter: JsonObject, ...rest: JsonValue[]): JsonValue[] => [filter, ...rest];

/** A connection's attribute equals, or begins with, a text. */
function conditionOf(root: string, field: string, name: string, text: string): JsonObject {
  const operand = { select_expr: { operand: { ident_expr: { name: root } }, field } };
  const arg = { const_expr: { string_value: text } };
  const call = name === '_==_' ? { function: name, args: [operand, arg] } : { function: name, target: operand, args: [arg] };
  return { condition: { call_expr: call } };
}

function rbacOf(action: string, fields: JsonObject = {}, more: JsonObject = {}): JsonObject {
  const policies = { own: { permissions: [{ any: true }], principals: [{ any: true }], ...more } };
  return networkFilter('rbac', 'rbac.v3.RBAC', { stat_prefix: 'tcp.', rules: { action, policies }, ...fields });
}

const RAW: JsonObject = {
  name: 'envoy.transport_sockets.raw_buffer',
  typed_config: type('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'),
};

function proxyTransport(version: string, config: JsonObject = {}): JsonObject {
  return {
    transport_socket: {
      name: 'envoy.transport_sockets.upstream_proxy_protocol',
      typed_config: type('envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport', {
        config: { version, ...config },
        transport_socket: RAW,
      }),
    },
  };
}

const ALL = { pass_through_tlvs: { match_type: 'INCLUDE_ALL' } };

function setup(world: World): Setup {
  const log = tcpLog(world);
  const chain = (name: string, match: JsonObject, target = 'echo'): JsonObject => ({
    name,
    filter_chain_match: match,
    filters: [tcpProxy(world, target)],
  });
  const chains = (filter_chains: JsonValue[], listener: JsonObject = {}): Listener => ({
    listener: { filter_chains, access_log: [], ...listener },
  });
  const inspect = listenerFilter('tls_inspector', 'TlsInspector');
  const http = listenerFilter('http_inspector', 'HttpInspector');
  const proxied = (target: string, fields: JsonObject = {}, own: JsonObject = {}): Listener =>
    tcpListener([tcpProxy(world, target, own)], {}, { listener_filters: [listenerFilter('proxy_protocol', 'ProxyProtocol', fields)] });
  const limit = (fields: JsonObject): JsonObject =>
    networkFilter('connection_limit', 'connection_limit.v3.ConnectionLimit', { stat_prefix: 'x', max_connections: '1', ...fields });
  const bucket = (max: number): JsonObject => ({ max_tokens: max, tokens_per_fill: 1, fill_interval: '86400s' });
  const rate = (max: number, share_key = ''): JsonObject =>
    networkFilter('local_ratelimit', 'local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'x', token_bucket: bucket(max), share_key });
  const to = tcpProxy(world, 'whole');
  const V2 = { type: 2, value: Buffer.from('own').toString('base64') };
  const TCP_TLVS = {
    proxy_protocol_tlvs: [V2, { type: 0xe0, format_string: { text_format_source: { inline_string: '%UPSTREAM_CLUSTER%' } } }],
  };
  const hex = world.servers['hex'] ?? 0;
  const whole = world.servers['whole'] ?? 0;
  const plain = { typed_extension_protocol_options: {} };
  return {
    listeners: {
      names: chains(
        [
          chain('one', { server_names: ['one.test'] }),
          chain('wild', { server_names: ['*.wild.test'] }),
          chain('deep', { server_names: ['*.deep.wild.test'] }),
          chain('special', { application_protocols: ['special'] }),
          chain('plain', { transport_protocol: 'raw_buffer' }),
        ],
        { listener_filters: [inspect], default_filter_chain: chain('fallback', {}) },
      ),
      http: chains(
        [chain('http1', { application_protocols: ['http/1.1'] }), chain('http2', { application_protocols: ['h2c'] }), chain('rest', {})],
        {
          listener_filters: [http],
        },
      ),
      noChain: chains([chain('never', { destination_port: 1 })], { access_log: log }),
      sources: chains([
        chain('second', { source_prefix_ranges: [{ address_prefix: '127.0.0.2', prefix_len: 32 }] }, 'second'),
        chain('first', {}, 'first'),
      ]),
      impatient: tcpListener([to], {}, { listener_filters: [inspect], listener_filters_timeout: '0.1s', access_log: log }),
      patient: tcpListener(
        [tcpProxy(world, 'greets')],
        {},
        { listener_filters: [inspect], listener_filters_timeout: '0.1s', continue_on_listener_filters_timeout: true },
      ),
      switchedOff: tcpListener(
        [tcpProxy(world, 'greets')],
        {},
        { listener_filters: [{ ...inspect, filter_disabled: { any_match: true } }] },
      ),
      limited: tcpListener(filters(limit({ runtime_enabled: { default_value: true, runtime_key: 'a' } }), to)),
      limitedAfter: tcpListener(filters(limit({}), to)),
      ratedShared: tcpListener(filters(rate(2, 's'), rate(2, 's'), to)),
      limitedOff: tcpListener(filters(limit({ runtime_enabled: { default_value: false, runtime_key: 'a' } }), to)),
      limitedSlow: tcpListener(filters(limit({ delay: '0.1s' }), to)),
      rated: tcpListener(filters(rate(1), to)),
      ratedLate: tcpListener(filters(rate(1), to)),
      ratedListener: tcpListener(
        [to],
        {},
        { listener_filters: [listenerFilter('local_ratelimit', 'LocalRateLimit', { stat_prefix: 'x', token_bucket: bucket(1) })] },
      ),
      denied: tcpListener(filters(rbacOf('DENY'), to)),
      allowed: tcpListener(filters(rbacOf('ALLOW'), to)),
      // a denial by what a connection has not: the request's path
      conditionHolds: tcpListener(filters(rbacOf('ALLOW', {}, conditionOf('source', 'address', 'startsWith', '127.0.0.1:')), to)),
      conditionUnknown: tcpListener(filters(rbacOf('DENY', {}, conditionOf('request', 'path', '_==_', '/')), to)),
      allowedAlways: tcpListener(filters(rbacOf('ALLOW', { enforcement_type: 'CONTINUOUS' }), to)),
      shadowed: tcpListener(
        filters(
          rbacOf('ALLOW', {
            shadow_rules: { action: 'DENY', policies: { no: { permissions: [{ any: true }], principals: [{ any: true }] } } },
          }),
          to,
        ),
      ),
      up1: tcpListener([tcpProxy(world, 'v1')]),
      upDefault: tcpListener([tcpProxy(world, 'vDefault')]),
      relay1: proxied('v1'),
      relay2: proxied('v2', ALL),
      relaySome: proxied('v2some', ALL),
      relayKept: proxied('v2', { pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [2] } }),
      relayAdded: proxied('v2added', ALL),
      proxyAdds: proxied('v2', ALL, TCP_TLVS),
      proxyOverwrites: proxied('v2', ALL, { ...TCP_TLVS, proxy_protocol_tlv_merge_policy: 'OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD' }),
      proxyAppends: proxied('v2', ALL, { ...TCP_TLVS, proxy_protocol_tlv_merge_policy: 'APPEND_IF_EXISTS_OR_ADD' }),
    },
    clusters: [
      ...tcpClusters(world),
      cluster('v1', [whole], { ...plain, ...proxyTransport('V1') }),
      cluster('vDefault', [whole], { ...plain, ...proxyTransport('V1') }),
      cluster('v2', [hex], { ...plain, ...proxyTransport('V2', ALL) }),
      cluster('v2some', [hex], { ...plain, ...proxyTransport('V2', { pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [2] } }) }),
      cluster('v2added', [hex], {
        ...plain,
        ...proxyTransport('V2', {
          ...ALL,
          added_tlvs: [
            { type: 2, value: Buffer.from('mine').toString('base64') },
            { type: 0xe1, value: 'eA==' },
          ],
        }),
      }),
    ],
  };
}

compareTopic({
  name: 'listeners of TCP',
  servers: startTcpServers,
  setup,
  cases: [...CHAINS, ...WAITS, ...LIMITS, ...RBAC, ...PROXY_UP],
});
