/** Handshakes with hosts: whom Tulle and Envoy take for the host, what they ask for and show, and what is resumed. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { JsonObject } from '@bufbuild/protobuf';
import { createAuthority } from '../../src/net/testing/authority.ts';
import type { TestKeyPair } from '../../src/net/testing/certificates.ts';
import { DIFFERENCES } from './differences.ts';
import type { Case } from './framework/case.ts';
import { certificate, type World } from './framework/bootstrap.ts';
import { ask, bytes, of } from './framework/h1-case.ts';
import { address, cluster, httpOptions, ROOM, to, type } from './framework/pieces.ts';
import type { Servers } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';

const root = createAuthority('root');
const middle = root.intermediate('middle');
const foreign = createAuthority('foreign');
const own = root.issue({ names: 'URI:spiffe://mesh.test/own', subject: '/CN=own' });
const known = root.issue({ names: 'DNS:host.test,URI:spiffe://mesh.test/host', subject: '/CN=host' });

const SERVERS: Readonly<Record<string, tls.TlsOptions & { readonly pair: TestKeyPair }>> = {
  host: { pair: known },
  wild: { pair: root.issue({ names: 'DNS:*.host.test', subject: '/CN=wild' }) },
  below: { pair: middle.issue({ names: 'DNS:host.test', subject: '/CN=below' }) },
  rsa: { pair: root.issue({ names: 'DNS:host.test', subject: '/CN=rsa', key: 'rsa' }) },
  usage: { pair: root.issue({ names: 'DNS:host.test', key: 'rsa', extensions: ['keyUsage = keyEncipherment'] }) },
  expired: { pair: root.issue({ names: 'DNS:host.test', isExpired: true }) },
  foreign: { pair: foreign.issue({ names: 'DNS:host.test' }) },
  strict: { pair: known, requestCert: true, rejectUnauthorized: true, ca: root.certificateChain },
  old: { pair: known, maxVersion: 'TLSv1.2' },
  alpn: { pair: known, ALPNProtocols: ['http/1.1'] },
};

function answer(socket: tls.TLSSocket): void {
  socket.on('error', () => socket.destroy());
  socket.on('data', () => {
    const shown: unknown = socket.getPeerCertificate().subject;
    const body = JSON.stringify({
      sni: socket.servername,
      alpn: socket.alpnProtocol,
      shown,
      version: socket.getProtocol(),
      resumed: socket.isSessionReused(),
    });
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
}

/** Servers without TLS, by what they do with a client's hello: one answers as HTTP servers do, one ends the connection at once. */
const PLAIN: Readonly<Record<string, (socket: net.Socket) => void>> = {
  'plain-400': (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
  'plain-end': (socket) => socket.end(),
};

function startPlain(onHello: (socket: net.Socket) => void): net.Server {
  return net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => onHello(socket));
  });
}

async function startServers(): Promise<Servers> {
  const ports: Record<string, number> = {};
  const servers: net.Server[] = [];
  const sockets = new Set<net.Socket>();
  const all: [name: string, server: net.Server][] = [
    ...Object.entries(PLAIN).map(([name, onHello]): [string, net.Server] => [name, startPlain(onHello)]),
    ...Object.entries(SERVERS).map(([name, { pair, ...options }]): [string, net.Server] => [
      name,
      tls.createServer(
        { requestCert: true, rejectUnauthorized: false, ...options, cert: pair.certificateChain, key: pair.privateKey },
        answer,
      ),
    ]),
  ];
  for (const [name, server] of all) {
    server.on('connection', (socket: net.Socket) => sockets.add(socket));
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const at = server.address();
    if (at === null || typeof at === 'string') throw new Error('no port');
    ports[name] = at.port;
    servers.push(server);
  }
  return {
    ports,
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

const inline = (text: string): JsonObject => ({ inline_string: text });
const trusted = (rest: JsonObject = {}): JsonObject => ({ trusted_ca: inline(root.certificateChain), ...rest });
const dns = (exact: string): JsonObject => trusted({ match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact } }] });
const NEW = { tls_params: { tls_maximum_protocol_version: 'TLSv1_3' } };

interface Way {
  readonly name: string;
  readonly server: string;
  readonly common?: JsonObject;
  readonly context?: JsonObject;
  readonly rest?: JsonObject;
  readonly hostname?: string;
}

const ways: Way[] = [];
const cases: Case[] = [];
const IN_OTHER_WORDS = {
  'log.0.details': DIFFERENCES.tlsErrors,
  'log.0.transport': DIFFERENCES.tlsErrors,
};

function good(way: Way): void {
  ways.push(way);
  cases.push(ask(way.name, `/${way.name}`, {}, { expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } }));
}

function bad(way: Way, differs: Case['differs'] = IN_OTHER_WORDS): void {
  ways.push(way);
  cases.push(
    ask(way.name, `/${way.name}`, {}, { expects: { 'answers.0.line': 'HTTP/1.1 503 Service Unavailable', 'log.0.flags': 'UF' }, differs }),
  );
}

const check = (context: JsonObject): JsonObject => ({ ...NEW, validation_context: context });

good({ name: 'unchecked', server: 'foreign' });
good({ name: 'checked', server: 'host', common: check(trusted()) });
good({ name: 'named', server: 'host', common: check(dns('host.test')) });
good({ name: 'wildcard', server: 'wild', common: check(dns('a.host.test')) });
good({ name: 'intermediate', server: 'below', common: check(trusted()) });
good({ name: 'rsa', server: 'rsa', common: check(trusted()) });
good({ name: 'shows', server: 'strict', common: { ...check(trusted()), tls_certificates: [certificate(own)] } });
good({ name: 'old', server: 'old', common: check(trusted()) });
good({ name: 'default-version', server: 'old', common: { validation_context: trusted() } });
good({ name: 'alpn', server: 'alpn', common: { ...check(trusted()), alpn_protocols: ['h2', 'http/1.1'] } });
good({ name: 'sni', server: 'host', common: check(trusted()), context: { sni: 'host.test' } });
good({ name: 'host-sni', server: 'host', common: check(trusted()), context: { auto_host_sni: true }, hostname: 'host.test' });
good({ name: 'host-sni-unknown', server: 'host', common: check(trusted()), context: { auto_host_sni: true } });
good({ name: 'sni-san', server: 'host', common: check(trusted()), context: { sni: 'host.test', auto_sni_san_validation: true } });
good({
  name: 'sni-san-over-names',
  server: 'host',
  common: check(dns('other.test')),
  context: { sni: 'host.test', auto_sni_san_validation: true },
});
good({ name: 'accepted', server: 'foreign', common: check(trusted({ trust_chain_verification: 'ACCEPT_UNTRUSTED' })) });
good({ name: 'old-certificate', server: 'expired', common: check(trusted({ allow_expired_certificate: true })) });
good({ name: 'crl', server: 'host', common: check(trusted({ crl: inline(root.revoke()) })) });
good({ name: 'depth', server: 'host', common: check(trusted({ max_verify_depth: 1 })) });
bad({ name: 'stranger', server: 'foreign', common: check(trusted()) });
bad({ name: 'expired', server: 'expired', common: check(trusted()) });
bad({ name: 'misnamed', server: 'host', common: check(dns('other.test')) });
bad({ name: 'two-labels', server: 'wild', common: check(dns('a.b.host.test')) });
bad({ name: 'sni-san-other', server: 'host', common: check(trusted()), context: { sni: 'other.test', auto_sni_san_validation: true } });
bad({ name: 'revoked', server: 'host', common: check(trusted({ crl: inline(root.revoke(known)) })) });
ways.push({ name: 'too-deep', server: 'below', common: check(trusted({ max_verify_depth: 1 })) });
cases.push(
  ask(
    'too-deep',
    '/too-deep',
    {},
    {
      expects: { 'answers.0.line': 'HTTP/1.1 200 OK' },
      differs: { 'answers.0': DIFFERENCES.verifyDepth, 'log.0': DIFFERENCES.verifyDepth },
    },
  ),
);
bad({ name: 'pinned', server: 'host', common: check(trusted({ verify_certificate_hash: ['ab'.repeat(32)] })) });
bad({ name: 'plaintext', server: 'plain-400', common: check(trusted()) });
bad(
  { name: 'plaintext-that-ends', server: 'plain-end', common: check(trusted()) },
  { 'log.0.details': DIFFERENCES.tlsEnds, 'log.0.transport': DIFFERENCES.tlsEnds },
);
bad({ name: 'key-usage', server: 'usage', common: check(trusted()) });

bad({
  name: 'too-new',
  server: 'old',
  common: { tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' } },
});

const FRESH = { max_requests_per_connection: 1 };
/** Resumed or not, by the second of two connections. */
function twice(name: string, server: string, common: JsonObject, context: JsonObject = {}): void {
  ways.push({ name, server, common, context, rest: FRESH });
  const request = bytes(`/${name}`);
  cases.push(of(name, [request, request]));
}
twice('resumes', 'host', check(trusted()));
twice('resumes-in-1.2', 'old', { validation_context: trusted() });
twice('does-not-resume', 'host', check(trusted()), { max_session_keys: 0 });

function clusters({ servers }: World): JsonObject[] {
  return ways.map(({ name, server, common = NEW, context = {}, rest = {}, hostname }) => {
    const port = servers[server] ?? 0;
    const socket = type('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { common_tls_context: common, ...context });
    const endpoint = { address: address(port), ...(hostname === undefined ? {} : { hostname }) };
    return cluster(name, [port], {
      ...ROOM,
      transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: socket },
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
      typed_extension_protocol_options: httpOptions({
        explicit_http_config: { http_protocol_options: {} },
        common_http_protocol_options: rest,
      }),
    });
  });
}

compareTopic({
  name: 'handshakes with hosts',
  servers: startServers,
  setup: (world) => ({
    routes: ways.map(({ name }) => to(`/${name}`, { cluster: name })).toReversed(),
    clusters: clusters(world),
    log: {
      subject: '%UPSTREAM_PEER_SUBJECT%',
      issuer: '%UPSTREAM_PEER_ISSUER%',
      uri: '%UPSTREAM_PEER_URI_SAN%',
      dns: '%UPSTREAM_PEER_DNS_SAN%',
      cert: '%UPSTREAM_PEER_CERT%',
      from: '%UPSTREAM_PEER_CERT_V_START%',
      until: '%UPSTREAM_PEER_CERT_V_END%',
      own: '%UPSTREAM_LOCAL_URI_SAN%',
      version: '%UPSTREAM_TLS_VERSION%',
    },
  }),
  cases,
});
