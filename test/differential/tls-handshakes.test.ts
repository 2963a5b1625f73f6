/** Handshakes with clients: which certificate, which of them are let in, what they may speak, and what is resumed. */
import type { JsonObject } from '@bufbuild/protobuf';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { createAuthority } from '../../src/net/testing/authority.ts';
import type { TestKeyPair } from '../../src/net/testing/certificates.ts';
import { DIFFERENCES } from './differences.ts';
import type { Case, CaseOptions } from './framework/case.ts';
import { certificate, type Listener } from './framework/bootstrap.ts';
import { type } from './framework/pieces.ts';
import { shake, type TlsClient } from './framework/tls-client.ts';
import { compareTopic } from './framework/topic.ts';

const root = createAuthority('root');
const middle = root.intermediate('middle');
const foreign = createAuthority('foreign');

const servers = {
  plain: root.issue({ names: 'DNS:any.test', subject: '/CN=plain' }),
  wild: root.issue({ names: 'DNS:*.wild.test', subject: '/CN=wild' }),
  exact: root.issue({ names: 'DNS:one.wild.test', subject: '/CN=exact' }),
  common: root.issue({ subject: '/CN=common.test' }),
  rsa: root.issue({ names: 'DNS:both.test', subject: '/CN=rsa', key: 'rsa' }),
  ec: root.issue({ names: 'DNS:both.test', subject: '/CN=ec' }),
  must: root.issue({ names: 'DNS:must.test', subject: '/CN=must', extensions: ['tlsfeature = status_request'] }),
};

const clients = {
  mesh: root.issue({
    names: 'URI:spiffe://mesh.test/ns/a/sa/b,DNS:client.test,email:someone@mesh.test,IP:10.1.2.3',
    subject: '/O=shop/CN=mesh',
  }),
  wild: root.issue({ names: 'DNS:*.client.test', subject: '/CN=wild' }),
  six: root.issue({ names: 'IP:fd00::1', subject: '/CN=six' }),
  other: root.issue({ names: 'otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@corp', subject: '/CN=other' }),
  expired: root.issue({ names: 'DNS:client.test', isExpired: true }),
  foreign: foreign.issue({ names: 'DNS:client.test' }),
  below: middle.issue({ names: 'DNS:client.test', subject: '/CN=below' }),
  revoked: root.issue({ names: 'DNS:client.test', subject: '/CN=revoked' }),
  rsa: root.issue({ names: 'DNS:client.test', subject: '/CN=rsa', key: 'rsa' }),
};

const inline = (text: string): JsonObject => ({ inline_string: text });
const bytes = (data: Uint8Array): JsonObject => ({ inline_bytes: Buffer.from(data).toString('base64') });
const trusted = (rest: JsonObject = {}, pem = root.certificateChain): JsonObject => ({ trusted_ca: inline(pem), ...rest });
const names = (san_type: string, matcher: JsonObject, rest: JsonObject = {}): JsonObject =>
  trusted({ match_typed_subject_alt_names: [{ san_type, matcher, ...rest }] });

const listeners: Record<string, Listener> = {};
const cases: Case[] = [];

/** A listener with these fields of its context. */
function listener(name: string, common: JsonObject, fields: JsonObject = {}): void {
  const context = { tls_certificates: [certificate(servers.plain)], ...common };
  listeners[name] = { tls: { common_tls_context: context, ...fields } };
}

function add(name: string, listenerName: string, client: TlsClient = {}, options: CaseOptions = {}): void {
  cases.push(shake(name, client, { listener: listenerName, ...options }));
}

const LET_IN = { expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } };
/** Refused once TLS's own handshake is over, when only closing is left. */
const TOO_LATE = { expects: { 'answers.0.line': 'refused' }, differs: { 'answers.0.fields.alert': DIFFERENCES.tlsAlerts } };
const REFUSED = { expects: { 'answers.0.line': 'refused' } };

// certificates by name and key
const several = {
  tls_certificates: [servers.plain, servers.wild, servers.exact, servers.common, servers.rsa, servers.ec].map(certificate),
};
listener('several', several);
add(
  'several: upper case',
  'several',
  { servername: 'ONE.Wild.Test' },
  {
    ...LET_IN,
    differs: {
      'answers.0.fields.certificate': DIFFERENCES.nameCase,
      'log.0.own': DIFFERENCES.nameCase,
      'log.0.own_dns': DIFFERENCES.nameCase,
    },
  },
);
listener('scanned', { tls_certificates: [servers.rsa, servers.ec].map(certificate) }, { full_scan_certs_on_sni_mismatch: true });
const ONLY_RSA = { sigalgs: 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256' };
for (const [name, servername, client] of [
  ['exact', 'one.wild.test', {}],
  ['wildcard', 'two.wild.test', {}],
  ['two labels below a wildcard', 'a.b.wild.test', {}],
  ['common name', 'common.test', {}],
  ['unknown name', 'nobody.test', {}],
  ['EC before RSA', 'both.test', {}],
  ['RSA for who has no ECDSA', 'both.test', ONLY_RSA],
  ['EC in TLS 1.2', 'both.test', { maxVersion: 'TLSv1.2' }],
  ['RSA in TLS 1.2', 'both.test', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }],
] as const)
  add(`several: ${name}`, 'several', { servername, ...client }, LET_IN);
add('several: no name', 'several', {}, LET_IN);
add('scanned: unknown name', 'scanned', { servername: 'nobody.test' }, LET_IN);
add('scanned: unknown name and only RSA', 'scanned', { servername: 'nobody.test', ...ONLY_RSA }, LET_IN);

// versions, ciphers, groups, protocols
listener('old', {
  tls_params: { tls_maximum_protocol_version: 'TLSv1_2', cipher_suites: ['[ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-ECDSA-CHACHA20-POLY1305]'] },
});
listener('new', { tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' } });
listener('curve', { tls_params: { ecdh_curves: ['P-384'] } });
listener('hybrid', { tls_params: { ecdh_curves: ['X25519MLKEM768', 'X25519'] } });
listener('signatures', { tls_params: { signature_algorithms: ['rsa_pss_rsae_sha256'] }, validation_context: trusted() });
listener('fips', { tls_params: { compliance_policies: ['FIPS_202205'] } });
listener('alpn', { alpn_protocols: ['http/1.1'] });
const MIN = { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' };
add('only TLS 1.2', 'old', { ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }, LET_IN);
add('a cipher that is not there', 'old', { maxVersion: 'TLSv1.2', ...MIN }, REFUSED);
add('TLS 1.3 to TLS 1.2', 'old', { minVersion: 'TLSv1.3' }, REFUSED);
add('only TLS 1.3', 'new', {}, LET_IN);
add('TLS 1.2 to TLS 1.3', 'new', { maxVersion: 'TLSv1.2' }, REFUSED);
add('only P-384', 'curve', {}, LET_IN);
add('another curve', 'curve', { ecdhCurve: 'X25519' }, REFUSED);
add('hybrid', 'hybrid', {}, LET_IN);
add('hybrid with who has none', 'hybrid', { ecdhCurve: 'X25519' }, LET_IN);
add('FIPS', 'fips', {}, LET_IN);
add('FIPS without its curves', 'fips', { ecdhCurve: 'X25519' }, REFUSED);
add('a protocol', 'alpn', { ALPNProtocols: ['h2', 'http/1.1'] }, LET_IN);
add('no protocol in common', 'alpn', { ALPNProtocols: ['h2'] }, LET_IN);
add('no protocol asked for', 'alpn', {}, LET_IN);

// clients' certificates
const required = { require_client_certificate: true };
listener('optional', { validation_context: trusted() });
listener('required', { validation_context: trusted() }, required);
listener('untrusted', { validation_context: trusted({ trust_chain_verification: 'ACCEPT_UNTRUSTED' }) });
listener('unchecked', { validation_context: {} }, required);
listener('expired', { validation_context: trusted({ allow_expired_certificate: true }) });
listener('depth', { validation_context: trusted({ max_verify_depth: 1 }) });
listener('partial', { validation_context: trusted({}, middle.certificateChain.split(/(?<=-----END CERTIFICATE-----\n)/)[0] ?? '') });
const pinned = new X509Certificate(clients.mesh.certificateChain);
const spki = createHash('sha256')
  .update(pinned.publicKey.export({ type: 'spki', format: 'der' }))
  .digest('base64');
listener('hash', { validation_context: trusted({ verify_certificate_hash: [pinned.fingerprint256] }) });
listener('key', { validation_context: trusted({ verify_certificate_spki: [spki] }) });
listener('key-only', { validation_context: { verify_certificate_spki: [spki] } });
const crl = root.revoke(clients.revoked);
listener('crl', { validation_context: trusted({ crl: inline(crl) }) });
listener('crl-leaf', { validation_context: trusted({ crl: inline(middle.revoke()), only_verify_leaf_cert_crl: true }) });
listener('crl-below', { validation_context: trusted({ crl: inline(middle.revoke()) }) });
listener('crl-among-roots', { validation_context: trusted({}, `${root.certificateChain}${crl}`) });
const allowed = (name: string, client: keyof typeof clients): void =>
  add(name, name.split(':')[0] ?? '', { pair: clients[client] }, LET_IN);
const refused = (name: string, client: keyof typeof clients, options: CaseOptions = TOO_LATE): void =>
  add(name, name.split(':')[0] ?? '', { pair: clients[client] }, options);
add('optional: none', 'optional', {}, LET_IN);
allowed('optional: of the mesh', 'mesh');
allowed('optional: RSA', 'rsa');
allowed('optional: by an intermediate', 'below');
refused('optional: foreign', 'foreign');
refused('optional: expired', 'expired');
add('required: none', 'required', {}, REFUSED);
add('required: none in TLS 1.2', 'required', { maxVersion: 'TLSv1.2' }, REFUSED);
allowed('required: of the mesh', 'mesh');
refused('required: foreign', 'foreign');
add('untrusted: none', 'untrusted', {}, LET_IN);
allowed('untrusted: foreign', 'foreign');
allowed('untrusted: expired', 'expired');
add('unchecked: any', 'unchecked', { pair: clients.mesh }, { ...LET_IN, differs: { 'log.0': DIFFERENCES.unchecked } });
allowed('expired: expired', 'expired');
refused('expired: foreign', 'foreign');
allowed('depth: direct', 'mesh');
refused('depth: by an intermediate', 'below');
allowed('partial: by an intermediate that is trusted', 'below');
refused('partial: by its root', 'mesh');
for (const pin of ['hash', 'key', 'key-only']) {
  allowed(`${pin}: pinned`, 'mesh');
  // the alert for it is none that OpenSSL, as this client has it, knows
  refused(`${pin}: another`, 'rsa', REFUSED);
  add(`${pin}: none`, pin, {}, REFUSED);
}
allowed('crl: not revoked', 'mesh');
refused('crl: revoked', 'revoked');
refused('crl: an authority without a list', 'below');
allowed('crl-leaf: by an intermediate', 'below');
refused('crl-below: by an intermediate', 'below');
refused('crl-leaf: an authority without a list', 'mesh');
refused('crl-among-roots: revoked', 'revoked');

// their names
const SANS: readonly [name: string, context: JsonObject, client: keyof typeof clients, isIn: boolean][] = [
  ['URI exact', names('URI', { exact: 'spiffe://mesh.test/ns/a/sa/b' }), 'mesh', true],
  ['URI prefix', names('URI', { prefix: 'spiffe://mesh.test/' }), 'mesh', true],
  ['URI suffix', names('URI', { suffix: '/sa/c' }), 'mesh', false],
  ['URI contains', names('URI', { contains: '/ns/a/' }), 'mesh', true],
  ['URI regex', names('URI', { safe_regex: { regex: 'spiffe://[a-z.]+/ns/a/sa/.' } }), 'mesh', true],
  ['URI as DNS', names('DNS', { exact: 'spiffe://mesh.test/ns/a/sa/b' }), 'mesh', false],
  ['DNS exact', names('DNS', { exact: 'CLIENT.test' }), 'mesh', true],
  ['DNS of a wildcard', names('DNS', { exact: 'a.client.test' }), 'wild', true],
  ['DNS two labels of a wildcard', names('DNS', { exact: 'a.b.client.test' }), 'wild', false],
  ['DNS suffix of a wildcard', names('DNS', { suffix: '.client.test' }), 'wild', true],
  ['email', names('EMAIL', { exact: 'someone@mesh.test' }), 'mesh', true],
  ['address', names('IP_ADDRESS', { exact: '10.1.2.3' }), 'mesh', true],
  ['another address', names('IP_ADDRESS', { prefix: '10.2.' }), 'mesh', false],
  ['IPv6 address', names('IP_ADDRESS', { exact: 'fd00::1' }), 'six', true],
  ['other name', names('OTHER_NAME', { exact: 'user@corp' }, { oid: '1.3.6.1.4.1.311.20.2.3' }), 'other', true],
  ['other name of another kind', names('OTHER_NAME', { exact: 'user@corp' }, { oid: '1.2.3.4' }), 'other', false],
  ['ignored case', names('URI', { exact: 'SPIFFE://mesh.test/ns/a/sa/b', ignore_case: true }), 'mesh', true],
];
for (const [name, context, client, isIn] of SANS) {
  const id = `san-${name.replaceAll(' ', '-')}`;
  listener(id, { validation_context: context });
  add(`name ${name}`, id, { pair: clients[client] }, isIn ? LET_IN : TOO_LATE);
}
add('name none', 'san-URI-exact', {}, REFUSED);
const domains = [
  { name: 'mesh.test', trust_bundle: inline(root.certificateChain) },
  { name: 'other.test', trust_bundle: inline(foreign.certificateChain) },
];
listener('spiffe', {
  validation_context: {
    custom_validator_config: {
      name: 'envoy.tls.cert_validator.spiffe',
      typed_config: type('envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig', { trust_domains: domains }),
    },
  },
});
const impostor = foreign.issue({ names: 'URI:spiffe://mesh.test/ns/a/sa/b', extensions: ['keyUsage = critical, digitalSignature'] });
const svid = (uri: string): TestKeyPair => root.issue({ names: `URI:${uri}`, extensions: ['keyUsage = critical, digitalSignature'] });
add('trust domain', 'spiffe', { pair: svid('spiffe://mesh.test/ns/a/sa/b') }, LET_IN);
add('trust domain without a use of the key', 'spiffe', { pair: clients.mesh }, TOO_LATE);
add('trust domain of another', 'spiffe', { pair: impostor }, TOO_LATE);
add('trust domain of nobody', 'spiffe', { pair: svid('spiffe://nobody.test/a') }, TOO_LATE);

// resumption
const keys = [randomBytes(80), randomBytes(80)].map(bytes);
listener('tickets', {});
listener('no-tickets', {}, { disable_stateless_session_resumption: true, disable_stateful_session_resumption: true });
listener('keys', {}, { session_ticket_keys: { keys }, session_timeout: '600s' });
const TWICE = { times: 2, servername: 'any.test' };
for (const name of ['tickets', 'no-tickets', 'keys']) {
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const)
    add(
      `${name} in ${maxVersion}`,
      name,
      { ...TWICE, maxVersion },
      { expects: { 'answers.1.fields.resumed.0': String(name !== 'no-tickets') } },
    );
}

// staples
const stapled = (pair: TestKeyPair, isExpired = false): JsonObject => ({
  ...certificate(pair),
  ocsp_staple: bytes(root.staple(pair, isExpired)),
});
for (const policy of ['LENIENT_STAPLING', 'STRICT_STAPLING', 'MUST_STAPLE']) {
  for (const isExpired of [false, true])
    listener(`staple-${policy}-${isExpired}`, { tls_certificates: [stapled(servers.plain, isExpired)] }, { ocsp_staple_policy: policy });
}
listener('staple-absent', {}, { ocsp_staple_policy: 'STRICT_STAPLING' });
listener('staple-wanted', { tls_certificates: [stapled(servers.must, true)] });
const OCSP = { requestOCSP: true };
const staple = (value: boolean): CaseOptions => ({ expects: { 'answers.0.fields.staple.0': String(value) } });
add('staple', 'staple-LENIENT_STAPLING-false', OCSP, staple(true));
add('staple nobody asks for', 'staple-MUST_STAPLE-false', { ...OCSP, requestOCSP: false }, staple(false));
add('staple that is over', 'staple-LENIENT_STAPLING-true', OCSP, staple(false));
add('staple that is over, strictly', 'staple-STRICT_STAPLING-true', OCSP, REFUSED);
add('staple that is over and has to be', 'staple-MUST_STAPLE-true', OCSP, REFUSED);
add('staple that has to be', 'staple-MUST_STAPLE-false', OCSP, staple(true));
add('staple that is absent, strictly', 'staple-absent', OCSP, staple(false));
add('staple that the certificate wants', 'staple-wanted', OCSP, REFUSED);

// what headers and logs tell
const forwarded = {
  forward_client_cert_details: 'SANITIZE_SET',
  set_current_client_cert_details: { subject: true, cert: true, chain: true, dns: true, uri: true },
};
for (const [name, context] of [
  ['forwarded', trusted()],
  ['forwarded-untrusted', trusted({ trust_chain_verification: 'ACCEPT_UNTRUSTED' })],
] as const) {
  listener(name, { validation_context: context });
  listeners[name] = { ...listeners[name], manager: forwarded };
}
for (const client of ['mesh', 'below', 'wild'] as const) add(`forwarded: ${client}`, 'forwarded', { pair: clients[client] }, LET_IN);
for (const client of ['foreign', 'expired'] as const)
  add(`forwarded untrusted: ${client}`, 'forwarded-untrusted', { pair: clients[client] }, LET_IN);
listener('inspected', {});
const inspector = type('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {
  enable_ja3_fingerprinting: true,
  enable_ja4_fingerprinting: true,
});
listeners['inspected'] = {
  ...listeners['inspected'],
  listener: { listener_filters: [{ name: 'envoy.filters.listener.tls_inspector', typed_config: inspector }] },
};
add('fingerprints', 'inspected', { servername: 'any.test', ALPNProtocols: ['http/1.1'] }, LET_IN);
add('fingerprints without names', 'inspected', {}, LET_IN);
add('fingerprints of TLS 1.2', 'inspected', { maxVersion: 'TLSv1.2' }, LET_IN);

compareTopic({
  name: 'handshakes',
  setup: () => ({
    listeners,
    log: {
      subject: '%DOWNSTREAM_PEER_SUBJECT%',
      issuer: '%DOWNSTREAM_PEER_ISSUER%',
      serial: '%DOWNSTREAM_PEER_SERIAL%',
      sha1: '%DOWNSTREAM_PEER_FINGERPRINT_1%',
      sha256: '%DOWNSTREAM_PEER_FINGERPRINT_256%',
      uri: '%DOWNSTREAM_PEER_URI_SAN%',
      dns: '%DOWNSTREAM_PEER_DNS_SAN%',
      ip: '%DOWNSTREAM_PEER_IP_SAN%',
      email: '%DOWNSTREAM_PEER_EMAIL_SAN%',
      from: '%DOWNSTREAM_PEER_CERT_V_START%',
      until: '%DOWNSTREAM_PEER_CERT_V_END%',
      cert: '%DOWNSTREAM_PEER_CERT%',
      own: '%DOWNSTREAM_LOCAL_SUBJECT%',
      own_dns: '%DOWNSTREAM_LOCAL_DNS_SAN%',
      version: '%DOWNSTREAM_TLS_VERSION%',
      cipher: '%DOWNSTREAM_TLS_CIPHER%',
      group: '%DOWNSTREAM_TLS_GROUP%',
      ja3: '%TLS_JA3_FINGERPRINT%',
      ja4: '%TLS_JA4_FINGERPRINT%',
      chain: '%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256%',
      serials: '%DOWNSTREAM_PEER_CHAIN_SERIALS%',
    },
  }),
  cases,
});
