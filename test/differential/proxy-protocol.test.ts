/** PROXY protocol headers before a connection: whom the proxy takes it to be from, and what it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type Difference, DIFFERENCES } from './differences.ts';
import { authzServer } from './framework/authz-server.ts';
import { type Listener, logFile, type World } from './framework/bootstrap.ts';
import type { Case, CaseOptions } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { ask2 } from './framework/h2-case.ts';
import { h2Cluster, httpFilter, type } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

/** A header's bytes; it names the listener's own port, by which the access log's lines are found. */
type Preface = (port: number) => Buffer;

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const SOURCE = '192.0.2.1';

const line =
  (text: string): Preface =>
  (port) =>
    Buffer.from(text.replace('PORT', String(port)));
const v1 = line(`PROXY TCP4 ${SOURCE} 198.51.100.7 56324 PORT\r\n`);

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const uint16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);

/** A header of version 2 with `command` and family as hexadecimal digits, the addresses, the ports, and fields. */
const binary =
  (kind: string, addresses: string, tlvs = '', lengthChange = 0): Preface =>
  (port) => {
    const ports = addresses === '' ? [] : [uint16(56324), uint16(port)];
    const body = Buffer.concat([hex(addresses), ...ports, hex(tlvs)]);
    return Buffer.concat([SIGNATURE, hex(kind), uint16(body.length + lengthChange), body]);
  };
const V4 = 'c0000201 c6336407';
const V6 = '20010db800000000000000000000000a 20010db8000100000000000000000002';
const v2 = binary('2111', V4);

/** The case with a header before it, at once or byte by byte. */
function behind(each: Case, header: Preface, isSplit = false): Case {
  return {
    ...each,
    talk(target) {
      const bytes = header(target.port);
      const preface = isSplit ? Array.from(bytes, (byte) => Buffer.of(byte)) : [bytes];
      return each.talk({ ...target, preface });
    },
  };
}

const OK = { 'answers.0.line': 'HTTP/1.1 200 OK' };
const FROM_CLIENT = { ...OK, 'log.0.client': SOURCE };
const CLOSED = { 'answers.length': 0, connection: 'closed' };

const get = (name: string, header: Preface, options: CaseOptions = {}): Case => behind(ask(name, '/x', {}, options), header);
const refuses = (name: string, header: Preface, listener = 'main'): Case => get(name, header, { listener, expects: CLOSED });

/** Nothing but that Envoy takes what we close. */
const strict = (name: string, header: Preface, reason: Difference): Case =>
  get(name, header, { expects: OK, differs: { answers: reason, connection: reason, upstream: reason, log: reason } });

const TAKEN: Case[] = [
  get('version 1', v1, { expects: FROM_CLIENT }),
  get('version 1 by IPv6', line('PROXY TCP6 2001:DB8:0::A 2001:db8::2 1 PORT\r\n'), { expects: { ...OK, 'log.0.client': '2001:db8::a' } }),
  get('version 1 unknown', line('PROXY UNKNOWN\r\n'), { expects: OK }),
  get('version 1 unknown with addresses', line('PROXY UNKNOWN 192.0.2.1 198.51.100.7 1 PORT\r\n'), { expects: OK }),
  get('version 1 with port 0', line(`PROXY TCP4 ${SOURCE} 198.51.100.7 0 PORT\r\n`), { expects: FROM_CLIENT }),
  get('version 2', v2, { expects: FROM_CLIENT }),
  get('version 2 by IPv6', binary('2121', V6), { expects: { ...OK, 'log.0.client': '2001:db8::a' } }),
  get('version 2 local', binary('2000', ''), { expects: OK }),
  get('version 2 local with addresses', binary('2011', V4), { expects: OK }),
  get('version 2 local with anything', binary('2000', '', 'ffffffff'), { expects: OK }),
  behind(ask('version 1 byte by byte', '/x', {}, { expects: FROM_CLIENT }), v1, true),
  behind(ask('version 2 byte by byte', '/x', {}, { expects: FROM_CLIENT }), binary('2111', V4, '02 0003 616263'), true),
];

const TLVS: Case[] = [
  get('fields', binary('2111', V4, '02 0003 616263 ea 0004 00ff41c3'), { expects: { ...OK, 'log.1.meta.name': 'abc' } }),
  get('a field in another namespace', binary('2111', V4, 'eb 0001 78'), { expects: { ...OK, 'log.1.other.own': 'x' } }),
  get('a field twice', binary('2111', V4, '02 0001 61 02 0001 62'), { expects: { ...OK, 'log.1.meta.name': 'a' } }),
  get('an empty field', binary('2111', V4, '02 0000'), { expects: { ...OK, 'log.1.meta.name': '' } }),
  get('a field that is no UTF-8', binary('2111', V4, '02 000a e282 c3a9 f09f9880 eda0'), { expects: OK }),
  get('fields that nobody asked for', binary('2111', V4, '01 0002 6832 04 0000'), { expects: { ...OK, 'log.1.meta': null } }),
  get('fields of a local connection', binary('2000', '', '02 0001 61'), { expects: { ...OK, 'log.1.meta': null } }),
];

const REFUSED: Case[] = [
  behind(ask('absent', '/x', {}, { expects: CLOSED }), () => Buffer.alloc(0)),
  refuses('half a line', line('PROXY TCP4 x\r\n')),
  refuses('too few words', line('PROXY TCP4 192.0.2.1 198.51.100.7 1\r\n')),
  refuses('too many words', line('PROXY TCP4 192.0.2.1 198.51.100.7 1 PORT x\r\n')),
  refuses('two spaces', line('PROXY TCP4  192.0.2.1 198.51.100.7 1 PORT\r\n')),
  refuses('a family that does not exist', line('PROXY UDP4 192.0.2.1 198.51.100.7 1 PORT\r\n')),
  refuses('a family in small letters', line('PROXY tcp4 192.0.2.1 198.51.100.7 1 PORT\r\n')),
  refuses('IPv6 as IPv4', line('PROXY TCP4 ::1 ::2 1 PORT\r\n')),
  refuses('IPv4 as IPv6', line('PROXY TCP6 192.0.2.1 198.51.100.7 1 PORT\r\n')),
  refuses('a port too large', line('PROXY TCP4 192.0.2.1 198.51.100.7 65536 PORT\r\n')),
  refuses('a line too long', line(`PROXY UNKNOWN ${'x'.repeat(120)}\r\n`)),
  refuses('from nowhere', line('PROXY TCP4 0.0.0.0 198.51.100.7 1 PORT\r\n')),
  refuses('from many', line('PROXY TCP4 224.0.0.1 198.51.100.7 1 PORT\r\n')),
  refuses('to all', line('PROXY TCP4 192.0.2.1 255.255.255.255 1 PORT\r\n')),
  refuses('from nowhere by IPv6', line('PROXY TCP6 :: 2001:db8::2 1 PORT\r\n')),
  refuses('to many by IPv6', line('PROXY TCP6 2001:db8::2 ff02::1 1 PORT\r\n')),
  refuses('version 3', binary('3111', V4)),
  refuses('another command', binary('2211', V4)),
  refuses('no family', binary('2100', '')),
  refuses('a Unix socket', binary('2131', '00'.repeat(212))),
  refuses('too short for its addresses', binary('2111', V4, '', -1)),
  refuses('a field cut off', binary('2111', V4, '02 0009 61')),
  refuses("a field's head cut off", binary('2111', V4, '02 00')),
  strict('of a datagram', binary('2112', V4), DIFFERENCES.proxyDatagrams),
  strict('a wrong checksum', binary('2111', V4, '03 0004 12345678'), DIFFERENCES.proxyChecksum),
  strict('a port with zeros', line(`PROXY TCP4 ${SOURCE} 198.51.100.7 01 PORT\r\n`), DIFFERENCES.proxyPort),
];

const OPTIONAL: Case[] = [
  ask('optional and absent', '/x', {}, { listener: 'optional', expects: OK }),
  ask('optional and absent with PRO', '/x', { method: 'PROPFIND' }, { listener: 'optional' }),
  ask2('optional and absent by HTTP 2', '/x', {}, { listener: 'optional', expects: { 'answers.0.line': 'HTTP/2 200' } }),
  get('optional and there', v1, { listener: 'optional', expects: FROM_CLIENT }),
  refuses('optional and malformed', line('PROXY TCP4 x\r\n'), 'optional'),
  refuses('version 1 not allowed', v1, 'two'),
  get('version 2 allowed', v2, { listener: 'two', expects: FROM_CLIENT }),
  refuses('version 2 not allowed', v2, 'one'),
  get('version 1 allowed', v1, { listener: 'one', expects: FROM_CLIENT }),
  // the client's own bytes then, which are no request
  get('optional and not looked for', v1, { listener: 'optional-two', expects: { 'answers.0.line': 'HTTP/1.1 400 Bad Request' } }),
  get('optional and looked for', v2, { listener: 'optional-two', expects: FROM_CLIENT }),
];

/** Says no, and what it was asked. */
const ECHO = Buffer.from(JSON.stringify({ status: { code: 7 }, deniedResponse: { body: '{request}' } })).toString('base64');

const PACES = [
  ['', false],
  [' byte by byte', true],
] as const;

const AFTER: Case[] = PACES.flatMap(([pace, isSplit]) => [
  behind(ask(`TLS${pace}`, '/x', {}, { listener: 'secure', expects: { ...FROM_CLIENT, 'log.0.sni': 'any.test' } }), v1, isSplit),
  behind(ask2(`TLS by HTTP 2${pace}`, '/x', {}, { listener: 'secure', expects: { 'log.0.client': SOURCE } }), v2, isSplit),
  behind(
    ask(
      `TLS without inspector${pace}`,
      '/x',
      {},
      { listener: 'uninspected', differs: { 'log.0.sni': DIFFERENCES.serverName, 'log.1.sni': DIFFERENCES.serverName } },
    ),
    v2,
    isSplit,
  ),
  behind(ask(`HTTP${pace}`, '/x', {}, { listener: 'sniffed', expects: FROM_CLIENT }), v2, isSplit),
  behind(ask2(`h2c${pace}`, '/x', {}, { listener: 'sniffed', expects: { 'log.0.client': SOURCE } }), v1, isSplit),
  behind(ask2(`h2c without inspector${pace}`, '/x', {}, { expects: { 'log.0.client': SOURCE } }), v1, isSplit),
]);

const JUDGED: Case[] = [
  get('chain for the client', v1, { listener: 'for-client', expects: FROM_CLIENT }),
  refuses('chain for another client', line('PROXY TCP4 203.0.113.1 198.51.100.7 1 PORT\r\n'), 'for-client'),
  get('chain for the balancer', v1, { listener: 'for-balancer', expects: FROM_CLIENT }),
  refuses('chain for another balancer', v1, 'for-other-balancer'),
  refuses('chain for connections of its own host', v1, 'for-own'),
  get('chain for the destination', v2, { listener: 'for-destination', expects: FROM_CLIENT }),
  ...['direct_remote_ip', 'remote_ip', 'source_ip'].flatMap((name) => [
    get(`rbac ${name}`, v1, { listener: name }),
    get(`rbac ${name} of another`, line('PROXY TCP4 203.0.113.1 198.51.100.7 1 PORT\r\n'), { listener: name }),
    get(`rbac ${name} of nobody`, line('PROXY UNKNOWN\r\n'), { listener: name }),
  ]),
  get('network rbac by a field', binary('2111', V4, '02 0003 616263'), {
    listener: 'by-field',
    expects: { 'answers.0.body': 'ok' },
  }),
  behind(
    ask(
      'authorization is told of fields',
      '/x',
      { fields: [`x-answer: ${ECHO}`] },
      { listener: 'asking', expects: { 'answers.0.line': 'HTTP/1.1 403 Forbidden' } },
    ),
    binary('2111', V4, '02 0003 616263 ea 0001 ff'),
  ),
];

const filter = (name: string, message: string, fields: JsonObject = {}): JsonObject => ({
  name: `envoy.filters.listener.${name}`,
  typed_config: type(`envoy.extensions.filters.listener.${name}.v3.${message}`, fields),
});

const RULES = [
  { tlv_type: 2, on_tlv_present: { key: 'name' } },
  { tlv_type: 234, on_tlv_present: { key: 'raw' } },
  { tlv_type: 235, on_tlv_present: { key: 'own', metadata_namespace: 'other' } },
  { tlv_type: 5 },
];

const proxied = (fields: JsonObject = {}): JsonObject => filter('proxy_protocol', 'ProxyProtocol', { rules: RULES, ...fields });
const TLS_INSPECTOR = filter('tls_inspector', 'TlsInspector');
const HTTP_INSPECTOR = filter('http_inspector', 'HttpInspector');

/** What is logged of a connection itself, also of one that is refused. */
function connectionLog(world: World): JsonObject {
  const json_format = {
    direct: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
    peer: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
    client: '%DOWNSTREAM_REMOTE_ADDRESS%',
    at: '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
    local: '%DOWNSTREAM_LOCAL_PORT%',
    flags: '%RESPONSE_FLAGS%',
    details: '%RESPONSE_CODE_DETAILS%',
    termination: '%CONNECTION_TERMINATION_DETAILS%',
    sni: '%REQUESTED_SERVER_NAME%',
    meta: '%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%',
    other: '%DYNAMIC_METADATA(other)%',
  };
  const file = type('envoy.extensions.access_loggers.file.v3.FileAccessLog', { path: logFile(world), log_format: { json_format } });
  return { name: 'envoy.access_loggers.file', typed_config: file };
}

const range = (address_prefix: string, prefix_len = 24): JsonObject => ({ address_prefix, prefix_len });
const ASKING = httpFilter('ext_authz', 'ext_authz.v3.ExtAuthz', {
  grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '20s' },
  transport_api_version: 'V3',
  metadata_context_namespaces: ['envoy.filters.listener.proxy_protocol', 'other'],
});

/** Plain TCP to the origin for connections with a field of that value. */
function byField(): JsonObject {
  const metadata = { filter: 'envoy.filters.listener.proxy_protocol', path: [{ key: 'name' }], value: { string_match: { exact: 'abc' } } };
  const rules = { action: 'ALLOW', policies: { some: { permissions: [{ any: true }], principals: [{ metadata }] } } };
  const judge = type('envoy.extensions.filters.network.rbac.v3.RBAC', { stat_prefix: 'field', rules });
  const pass = type('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'field', cluster: 'origin' });
  return {
    filters: [
      { name: 'envoy.filters.network.rbac', typed_config: judge },
      { name: 'envoy.filters.network.tcp_proxy', typed_config: pass },
    ],
  };
}

const rbac = (name: string): JsonObject => {
  const prefix = name === 'direct_remote_ip' ? range('127.0.0.0', 8) : range(SOURCE);
  const policies = { some: { permissions: [{ any: true }], principals: [{ [name]: prefix }] } };
  return httpFilter('rbac', 'rbac.v3.RBAC', { rules: { action: 'ALLOW', policies } });
};

function listeners(world: World): Readonly<Record<string, Listener>> {
  const make = (filters: readonly JsonValue[], rest: Listener = {}): Listener => ({
    manager: { use_remote_address: true },
    ...rest,
    listener: { listener_filters: [...filters], access_log: [connectionLog(world)], ...rest.listener },
  });
  const matching = (match: JsonObject): Listener => make([proxied()], { chain: { filter_chain_match: match } });
  return {
    main: make([proxied()]),
    optional: make([proxied({ allow_requests_without_proxy_protocol: true, stat_prefix: 'optional' })]),
    one: make([proxied({ disallowed_versions: ['V2'], stat_prefix: 'one' })]),
    two: make([proxied({ disallowed_versions: ['V1'], stat_prefix: 'two' })]),
    // what Envoy adds to the connection's log of a request that it cannot read is not this topic's
    'optional-two': make([proxied({ disallowed_versions: ['V1'], allow_requests_without_proxy_protocol: true, stat_prefix: 'both' })], {
      listener: { access_log: [] },
    }),
    secure: make([proxied(), TLS_INSPECTOR], { tls: {}, chain: { filter_chain_match: { server_names: ['any.test'] } } }),
    uninspected: make([proxied()], { tls: {} }),
    sniffed: make([proxied(), TLS_INSPECTOR, HTTP_INSPECTOR], {
      chain: { filter_chain_match: { application_protocols: ['http/1.1', 'h2c'] } },
    }),
    'for-client': matching({ source_prefix_ranges: [range(SOURCE)] }),
    'for-balancer': matching({ direct_source_prefix_ranges: [range('127.0.0.0', 8)] }),
    'for-other-balancer': matching({ direct_source_prefix_ranges: [range(SOURCE)] }),
    'for-own': matching({ source_type: 'SAME_IP_OR_LOOPBACK' }),
    'for-destination': matching({ prefix_ranges: [range('198.51.100.0')] }),
    ...Object.fromEntries(
      ['direct_remote_ip', 'remote_ip', 'source_ip'].map((name) => [name, make([proxied()], { filters: [rbac(name)] })]),
    ),
    'by-field': make([proxied()], { chain: byField() }),
    asking: make([proxied()], { filters: [ASKING] }),
  };
}

const ERRORS = 'downstream_cx_proxy_proto_error';

compareTopic({
  name: 'PROXY protocol',
  servers: authzServer,
  setup: (world) => ({
    listeners: listeners(world),
    clusters: [h2Cluster('authz', [world.servers['authz'] ?? 0])],
    log: {
      sni: '%REQUESTED_SERVER_NAME%',
      peer: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
      at: '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
      meta: '%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%',
    },
  }),
  cases: [...TAKEN, ...TLVS, ...REFUSED, ...OPTIONAL, ...AFTER, ...JUDGED],
  more: (proxies) =>
    test('statistics', async () => {
      const all = await Promise.all(proxies().map((proxy) => proxy.stats('proxy_proto')));
      // ours is the one that refuses three more
      const [theirs = {}, ours = {}] = all.toSorted((a, b) => (a[ERRORS] ?? 0) - (b[ERRORS] ?? 0));
      const moved: Record<string, number> = {
        [ERRORS]: 3,
        'proxy_proto.versions.v1.error': 1,
        'proxy_proto.versions.v1.found': -1,
        'proxy_proto.versions.v2.error': 2,
        'proxy_proto.versions.v2.found': -2,
      };
      assert.ok(Object.keys(theirs).length > 30, Object.keys(theirs).join(' '));
      const wanted = Object.entries(theirs).map(([name, value]) => [name, value + (moved[name] ?? 0)]);
      assert.deepEqual(ours, Object.fromEntries(wanted));
    }),
});
