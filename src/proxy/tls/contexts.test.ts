/** What contexts make of their fields, where a handshake shows it or configuration is refused. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import tls from 'node:tls';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { until } from '../../core/testing/eventually.ts';
import { ConfigError } from '../../core/errors.ts';
import { createAuthority } from '../../net/testing/authority.ts';
import type { TestKeyPair } from '../../net/testing/certificates.ts';
import {
  CertificateValidationContextSchema,
  TlsParametersSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { createTestProxy, echoServer, portOf, tcpChain, type TestProxy, type TestServer, typed } from '../listener/testing/proxy-pieces.ts';
import { pathToRoot, presentedChain } from './chain.ts';
import { DownstreamTls } from './downstream.ts';
import { readParameters } from './parameters.ts';
import { dnsNameCovers } from './san-matcher.ts';
import { readValidation } from './validation.ts';

const ca = createAuthority('root');
const server = ca.issue({ names: 'DNS:a.test', subject: '/CN=server' });
const INBOUND = 'listener.127.0.0.1_0';

let proxy: TestProxy;
let echo: TestServer;

beforeEach(async () => {
  proxy = createTestProxy();
  echo = await echoServer();
  proxy.tcpCluster('app', [echo.port]);
});

afterEach(async () => {
  await proxy.close();
  echo.close();
});

const inline = (text: string): JsonObject => ({ inlineString: text });
const pair = (own: TestKeyPair): JsonObject => ({ certificateChain: inline(own.certificateChain), privateKey: inline(own.privateKey) });

async function listen(common: JsonObject, fields: JsonObject = {}): Promise<number> {
  const config = typed(DownstreamTlsContextSchema, { commonTlsContext: common, ...fields });
  const chain = tcpChain('app', { transportSocket: { name: 'envoy.transport_sockets.tls', typedConfig: config } });
  const listener = proxy.listener({ name: 'in', filterChains: [chain] });
  await listener.start();
  return portOf(listener);
}

interface Shaken {
  readonly subject: string;
  readonly isReused: boolean;
  readonly session: Buffer | undefined;
}

async function shake(port: number, options: tls.ConnectionOptions = {}): Promise<Shaken> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  let session: Buffer | undefined;
  socket.on('session', (given) => (session = given));
  await once(socket, 'secureConnect');
  socket.write('x');
  await once(socket, 'data');
  const found = { subject: socket.getPeerX509Certificate()?.subject ?? '', isReused: socket.isSessionReused(), session };
  socket.destroy();
  return found;
}

test('handshakes are counted by version, cipher and group', async () => {
  const port = await listen({ tlsCertificates: [pair(server)] });
  await shake(port);
  await shake(port, { maxVersion: 'TLSv1.2', ecdhCurve: 'P-256' });
  await shake(port, { ecdhCurve: 'P-384' });
  for (const [name, want] of [
    ['versions.TLSv1.3', 2],
    ['versions.TLSv1.2', 1],
    ['ciphers.TLS_AES_128_GCM_SHA256', 2],
    ['ciphers.ECDHE-ECDSA-AES128-GCM-SHA256', 1],
    ['curves.X25519MLKEM768', 1],
    ['curves.P-256', 1],
    ['curves.P-384', 1],
    ['no_certificate', 3],
  ] as const)
    assert.equal(proxy.stat(`${INBOUND}.ssl.${name}`), want, name);
});

test('a certificate has a gauge of when it ends', async () => {
  proxy.secrets.keyPair('own').set(server);
  await listen({ tlsCertificateSdsSecretConfigs: [{ name: 'own', sdsConfig: { ads: {} } }] });
  const ends = new X509Certificate(server.certificateChain).validToDate.getTime() / 1000;
  assert.equal(proxy.stats.scope(INBOUND).gauge('ssl.certificate.own.expiration_unix_time_seconds').value, ends);
});

test('tickets are opened by any key, sealed by the first, and not by one that is gone', async () => {
  const [first, second, third] = [randomBytes(80), randomBytes(80), randomBytes(80)];
  const keys = proxy.secrets.ticketKeys('tickets');
  keys.set({ keys: [first] });
  const port = await listen(
    { tlsCertificates: [pair(server)] },
    { sessionTicketKeysSdsSecretConfig: { name: 'tickets', sdsConfig: { ads: {} } } },
  );
  const { session } = await shake(port);
  assert.ok(session !== undefined);
  assert.equal((await shake(port, { session })).isReused, true);
  keys.set({ keys: [second, first] });
  const renewed = await shake(port, { session });
  assert.equal(renewed.isReused, true);
  keys.set({ keys: [third, second] });
  assert.equal((await shake(port, { session })).isReused, false);
  assert.equal((await shake(port, { ...(renewed.session && { session: renewed.session }) })).isReused, true);
});

test('a key with a password, and PKCS 12, are opened', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const at = (file: string): string => path.join(folder, file);
  writeFileSync(at('c.pem'), server.certificateChain);
  writeFileSync(at('k.pem'), server.privateKey);
  execFileSync('openssl', ['pkcs8', '-topk8', '-in', at('k.pem'), '-out', at('locked.pem'), '-passout', 'pass:word']);
  execFileSync('openssl', ['pkcs12', '-export', '-in', at('c.pem'), '-inkey', at('k.pem'), '-out', at('p.p12'), '-passout', 'pass:word']);
  const locked = { certificateChain: inline(server.certificateChain), privateKey: { filename: at('locked.pem') } };
  for (const certificate of [
    { ...locked, password: inline('word') },
    { pkcs12: { inlineBytes: readFileSync(at('p.p12')).toString('base64') }, password: inline('word') },
  ]) {
    const port = await listen({ tlsCertificates: [certificate] });
    assert.equal((await shake(port)).subject, 'CN=server');
    await proxy.close();
    proxy = createTestProxy();
    proxy.tcpCluster('app', [echo.port]);
  }
  await assert.rejects(listen({ tlsCertificates: [{ ...locked, password: inline('other') }] }), /password.*does not open/);
});

test('files are read anew where their folder is watched', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-watched-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (own: TestKeyPair): void => {
    for (const [file, text] of [
      ['c.pem', own.certificateChain],
      ['k.pem', own.privateKey],
    ] as const) {
      writeFileSync(path.join(folder, `${file}.new`), text);
      renameSync(path.join(folder, `${file}.new`), path.join(folder, file));
    }
  };
  write(server);
  const [certificateChain, privateKey] = ['c.pem', 'k.pem'].map((file) => ({ filename: path.join(folder, file) }));
  const port = await listen({ tlsCertificates: [{ certificateChain, privateKey, watchedDirectory: { path: folder } }] } as JsonObject);
  write(ca.issue({ names: 'DNS:a.test', subject: '/CN=renewed' }));
  await until(() => proxy.stat(`${INBOUND}.server_ssl_socket_factory.ssl_context_update_by_sds`) > 0);
  assert.equal((await shake(port)).subject, 'CN=renewed');
});

test('a secret that cannot be used leaves the former one in force', async () => {
  const own = proxy.secrets.keyPair('own');
  own.set(server);
  const port = await listen({ tlsCertificateSdsSecretConfigs: [{ name: 'own', sdsConfig: { ads: {} } }] });
  own.set({ certificateChain: 'nonsense', privateKey: 'nonsense' });
  assert.equal(proxy.stat(`${INBOUND}.server_ssl_socket_factory.ssl_context_update_failed`), 1);
  assert.equal((await shake(port)).subject, 'CN=server');
});

test('a context leaves the secrets that it has watched: when it is closed, and where one of them cannot be watched', (t) => {
  let watchers = 0;
  const watched = <Value>(value: Value | undefined) => ({
    current: () => value,
    watch() {
      watchers++;
      return () => void watchers--;
    },
  });
  const create = (trust: JsonObject): DownstreamTls => {
    const config = fromJson(DownstreamTlsContextSchema, {
      commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: 'own', sdsConfig: { ads: {} } }], ...trust },
      sessionTicketKeysSdsSecretConfig: { name: 'tickets', sdsConfig: { ads: {} } },
    });
    const secrets = { keyPair: () => watched(server), trust: () => watched(undefined), ticketKeys: () => watched(undefined) };
    return new DownstreamTls(config, '', { stats: proxy.stats.scope('x'), secrets, handshakeMs: 0 });
  };
  const context = create({});
  context.onReady(() => {});
  assert.equal(watchers, 3);
  context.close();
  assert.equal(watchers, 0);
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'tulle-roots-')), 'roots.pem');
  t.after(() => rmSync(path.dirname(file), { recursive: true }));
  writeFileSync(file, ca.certificateChain);
  const validationContext = { trustedCa: { filename: file }, watchedDirectory: { path: path.join(file, 'none') } };
  assert.throws(() => create({ validationContext }), /cannot be watched/);
  assert.equal(watchers, 0);
});

const refusedDownstream: readonly [name: string, common: JsonObject, fields: JsonObject, path: RegExp][] = [
  ['keys of another length', {}, { sessionTicketKeys: { keys: [inline('short')] } }, /session_ticket_keys\.keys\[0\]/],
  ['an unknown curve', { tlsParams: { ecdhCurves: ['P-224'] } }, {}, /ecdh_curves\[0\]/],
  ['a staple of nothing', { tlsCertificates: [{ ...pair(server), ocspStaple: inline('x') }] }, {}, /tls_certificates\[0\]\.ocsp_staple/],
  ['no staple where there must be one', {}, { ocspStaplePolicy: 'MUST_STAPLE' }, /common_tls_context/],
  ['a hash of another length', { validationContext: { verifyCertificateHash: ['ab'] } }, {}, /verify_certificate_hash\[0\]/],
  [
    'a CRL that is none',
    { validationContext: { trustedCa: inline(ca.certificateChain), crl: inline('x') } },
    {},
    /validation_context\.crl/,
  ],
  ['a trusted CA that is none', { validationContext: { trustedCa: inline('x') } }, {}, /validation_context\.trusted_ca/],
  [
    'an object identifier that is none',
    {
      validationContext: {
        trustedCa: inline(ca.certificateChain),
        matchTypedSubjectAltNames: [{ sanType: 'OTHER_NAME', matcher: { exact: 'x' }, oid: 'one' }],
      },
    },
    {},
    /match_typed_subject_alt_names\[0\]\.oid/,
  ],
  [
    'a provider of private keys',
    { tlsCertificates: [{ ...pair(server), privateKeyProvider: { providerName: 'x' } }] },
    {},
    /private_key_provider/,
  ],
];

for (const [name, common, fields, at] of refusedDownstream) {
  test(`a DownstreamTlsContext is refused for ${name}`, async () => {
    await assert.rejects(listen({ tlsCertificates: [pair(server)], ...common }, fields), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.path, at);
      return true;
    });
  });
}

const refusedUpstream: readonly [name: string, context: JsonObject, path: RegExp][] = [
  ['renegotiation', { allowRenegotiation: true }, /allow_renegotiation/],
  ['two certificates', { commonTlsContext: { tlsCertificates: [pair(server), pair(server)] } }, /common_tls_context/],
  ['a name to check without a root', { autoSniSanValidation: true, commonTlsContext: {} }, /auto_sni_san_validation/],
];

for (const [name, context, at] of refusedUpstream) {
  test(`an UpstreamTlsContext is refused for ${name}`, () => {
    const transportSocket = { name: 'envoy.transport_sockets.tls', typedConfig: typed(UpstreamTlsContextSchema, context) };
    assert.throws(
      () => proxy.tcpCluster('secure', [1], { transportSocket }),
      (error) => error instanceof ConfigError && at.test(error.path),
    );
  });
}

const covered: readonly [name: string, host: string, want: boolean][] = [
  ['a.test', 'A.Test', true],
  ['*.a.test', 'b.a.test', true],
  ['*.a.test', 'c.b.a.test', false],
  ['*.a.test', 'a.test', false],
  ['b*.a.test', 'bcd.a.test', true],
  ['b*.a.test', 'cd.a.test', false],
  ['a.*.test', 'a.b.test', false],
  ['xn--*.a.test', 'xn--b.a.test', false],
  ['*', 'a', false],
];

for (const [name, host, want] of covered) {
  test(`a certificate for ${name} is ${want ? '' : 'not '}for ${host}`, () => assert.equal(dnsNameCovers(name, host), want));
}

test('FIPS_202205 takes the place of what else is said', () => {
  const read = readParameters(fromJson(TlsParametersSchema, { compliancePolicies: ['FIPS_202205'], ecdhCurves: ['X25519'] }), 'p');
  assert.deepEqual(read.groups, ['P-256', 'P-384']);
});

test('a path leads over what was presented, and never over what no authority has signed', () => {
  const middle = ca.intermediate('middle');
  const leaf = middle.issue({ names: 'DNS:a.test' });
  const certificates = leaf.certificateChain.split(/(?<=-----END CERTIFICATE-----\n)/).map((pem) => new X509Certificate(pem));
  const root = new X509Certificate(ca.certificateChain);
  const other = new X509Certificate(createAuthority('root').certificateChain);
  const [own, between] = certificates;
  assert.ok(own !== undefined && between !== undefined);
  assert.deepEqual(pathToRoot(certificates, [root])?.length, 3);
  assert.deepEqual(pathToRoot(certificates, [between])?.length, 2);
  assert.deepEqual(pathToRoot(certificates, [own])?.length, 1);
  assert.equal(pathToRoot(certificates, [other]), undefined);
  assert.equal(pathToRoot([own], [root]), undefined);
  // signed by a certificate that is no authority
  assert.equal(pathToRoot([own, between], [new X509Certificate(server.certificateChain)]), undefined);
  assert.equal(presentedChain(own).length, 1);
});

test('the same validations have the same identity, and others another', () => {
  const identity = (json: JsonObject): string => readValidation(fromJson(CertificateValidationContextSchema, json), 'p').identity;
  const trustedCa = inline(ca.certificateChain);
  assert.equal(identity({ trustedCa }), identity({ trustedCa }));
  assert.notEqual(identity({ trustedCa }), identity({ trustedCa, maxVerifyDepth: 3 }));
  assert.notEqual(identity({ trustedCa }), identity({ trustedCa: inline(createAuthority('root').certificateChain) }));
});
