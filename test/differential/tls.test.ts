/** TLS from clients and to origins: certificates, what is told of them (`x-forwarded-client-cert`), and failed handshakes. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import type { Case } from './framework/case.ts';
import { certificate, type Listener, upstreamTls, type World } from './framework/bootstrap.ts';
import { ask } from './framework/h1-case.ts';
import { ask2 } from './framework/h2-case.ts';
import { cluster, header, httpOptions, ROOM, to, type } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const MODES = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'] as const;

const EARLIER = 'x-forwarded-client-cert: By=spiffe://before;URI=spiffe://someone';

const FORWARDED: Case[] = MODES.flatMap((mode) =>
  [mode, `${mode}-plain`].flatMap((listener) => [
    ask(`1 ${listener}`, '/x', {}, { listener }),
    ask(`1 ${listener} with one before`, '/x', { fields: [EARLIER] }, { listener }),
    ask2(`2 ${listener} with one before`, '/x', { fields: [EARLIER] }, { listener }),
  ]),
);

const IN_OTHER_WORDS = { 'log.0.details': DIFFERENCES.tlsErrors, 'log.0.transport': DIFFERENCES.tlsErrors };

const UPSTREAM: Case[] = [
  ...['plain', 'named', 'by-host', 'spiffe'].map((name) =>
    ask(`origin ${name}`, `/${name}`, { host: 'origin.test' }, { listener: 'secure' }),
  ),
  ...['no-tls', 'old', 'dead'].flatMap((name) => [
    ask(`failing ${name}`, `/${name}`, {}, { listener: 'secure' }),
    ask2(`failing ${name} by HTTP 2`, `/${name}`, {}, { listener: 'secure' }),
  ]),
  ...['stranger', 'wrong-name'].flatMap((name) => [
    ask(`failing ${name}`, `/${name}`, {}, { listener: 'secure', differs: IN_OTHER_WORDS }),
    ask2(`failing ${name} by HTTP 2`, `/${name}`, {}, { listener: 'secure', differs: IN_OTHER_WORDS }),
  ]),
  ask('without an inspector', '/x', {}, { listener: 'uninspected', differs: { 'log.0.sni': DIFFERENCES.serverName } }),
  ask('certificate in headers', '/fields', {}, { listener: 'secure' }),
  ask('certificate in headers in clear text', '/fields', {}, { listener: 'clear' }),
  ask('scheme', '/x', {}, { listener: 'secure' }),
  ask2('scheme of HTTP 2', '/x', { scheme: 'http' }, { listener: 'secure' }),
  ask('tls demanded', '/x', { host: 'tls.test' }, { listener: 'secure' }),
  ask('tls demanded in clear text', '/x', { host: 'tls.test' }, { listener: 'clear' }),
];

const FIELDS = [
  header('x-uri', '%DOWNSTREAM_PEER_URI_SAN%'),
  header('x-dns', '%DOWNSTREAM_PEER_DNS_SAN%'),
  header('x-local', '%DOWNSTREAM_LOCAL_URI_SAN%'),
  header('x-subject', '%DOWNSTREAM_PEER_SUBJECT%'),
  header('x-version', '%DOWNSTREAM_TLS_VERSION%'),
  header('x-sni', '%REQUESTED_SERVER_NAME%'),
];

const ROUTES: JsonObject[] = [
  to('/fields', {}, { request_headers_to_add: FIELDS }),
  ...['plain', 'named', 'by-host', 'spiffe', 'stranger', 'wrong-name', 'no-tls', 'old'].map((name) => to(`/${name}`, { cluster: name })),
  to('/dead', { cluster: 'dead-tls' }),
];

const tls = (fields: JsonObject = {}): JsonObject => ({ require_client_certificate: true, ...fields });

const INSPECTED: JsonObject = {
  listener_filters: [
    {
      name: 'envoy.filters.listener.tls_inspector',
      typed_config: type('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'),
    },
  ],
};

function listeners(): Readonly<Record<string, Listener>> {
  const all: Record<string, Listener> = { secure: { tls: tls(), listener: INSPECTED }, uninspected: { tls: tls() }, clear: {} };
  for (const mode of MODES) {
    const details = { subject: true, cert: false, chain: false, dns: true, uri: true };
    const manager = { forward_client_cert_details: mode, set_current_client_cert_details: details };
    all[mode] = { manager, tls: tls(), listener: INSPECTED };
    all[`${mode}-plain`] = { manager };
  }
  return all;
}

function clusters(world: World): JsonObject[] {
  const { ports, certificates } = world;
  const trust = (names: JsonObject, root = certificates.root): JsonObject => ({
    tls_certificates: [certificate(certificates.proxy)],
    validation_context: { trusted_ca: { inline_string: root }, ...names },
  });
  const names = (type: string, exact: string): JsonObject => ({ match_typed_subject_alt_names: [{ san_type: type, matcher: { exact } }] });
  const make = (name: string, port: number, socket: JsonObject, rest: JsonObject = {}): JsonObject =>
    cluster(name, [port], { ...ROOM, transport_socket: socket, ...rest });
  const byHost = httpOptions({
    upstream_http_protocol_options: { auto_sni: true, auto_san_validation: true },
    explicit_http_config: { http_protocol_options: {} },
  });
  return [
    make('plain', ports.originTls, upstreamTls(world)),
    make('named', ports.originTls, upstreamTls(world, {}, trust(names('DNS', 'origin.test')))),
    make('spiffe', ports.originTls, upstreamTls(world, {}, trust(names('URI', 'spiffe://mesh.test/ns/shop/sa/origin')))),
    make('by-host', ports.originTls, upstreamTls(world, { sni: '' }), { typed_extension_protocol_options: byHost }),
    make('stranger', ports.originTls, upstreamTls(world, {}, trust({}, certificates.foreignRoot))),
    make('wrong-name', ports.originTls, upstreamTls(world, {}, trust(names('DNS', 'other.test')))),
    make('no-tls', ports.origin, upstreamTls(world)),
    make('old', ports.originTls, upstreamTls(world, {}, { ...trust({}), tls_params: { tls_maximum_protocol_version: 'TLSv1_2' } })),
    make('dead-tls', ports.dead, upstreamTls(world)),
  ];
}

compareTopic({
  name: 'TLS',
  setup: (world) => ({
    listeners: listeners(),
    routes: ROUTES,
    hosts: [{ name: 'tls', domains: ['tls.test'], require_tls: 'ALL', routes: [to('/')] }],
    clusters: clusters(world),
    log: {
      uri: '%DOWNSTREAM_PEER_URI_SAN%',
      subject: '%DOWNSTREAM_PEER_SUBJECT%',
      tls: '%DOWNSTREAM_TLS_VERSION%',
      sni: '%REQUESTED_SERVER_NAME%',
      upstream_peer: '%UPSTREAM_PEER_URI_SAN%',
      upstream_local: '%UPSTREAM_LOCAL_URI_SAN%',
    },
  }),
  cases: [...FORWARDED, ...UPSTREAM],
});
