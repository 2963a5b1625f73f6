/** The formatter's commands about TLS and certificates. Source: Envoy, "Access logging", command operators. */
import { ConfigError } from '../../core/errors.ts';
import type { LogOperator } from '../../core/log-format.ts';
import type { AltNames } from '../../net/peer-certificate.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { PeerTls } from '../listener/connection.ts';
import type { CertificateFacts } from '../tls/certificate-facts.ts';
import type { Extract } from './format.ts';
import { compileTime } from './format-time.ts';

type CompileCommand = (argument: string, path: string) => Extract;

function plain(read: (info: StreamInfo) => string | undefined): CompileCommand {
  return (argument, path) => {
    if (argument !== '') throw new ConfigError(path, `formatter command takes no argument, but has (${argument})`);
    return (info) => read(info) || undefined;
  };
}

type Side = (info: StreamInfo) => CertificateFacts | undefined;

const peer: Side = ({ connection }) => connection.tls?.certificate;
const local: Side = ({ connection }) => connection.tls?.local;
const upstreamPeer: Side = ({ upstreamTls }) => upstreamTls?.certificate;
const upstreamLocal: Side = ({ upstreamTls }) => upstreamTls?.local;

function fact(side: Side, read: (facts: CertificateFacts) => string | undefined): CompileCommand {
  return plain((info) => {
    const facts = side(info);
    return facts === undefined ? undefined : read(facts);
  });
}

/** One value for each certificate that came, the peer's own first. */
function chain(read: (facts: CertificateFacts) => string): CompileCommand {
  return fact(peer, (facts) => facts.chain().map(read).join(','));
}

function issuer(read: (facts: CertificateFacts) => string): CompileCommand {
  return fact(peer, (facts) => {
    const [, second] = facts.chain();
    return second === undefined ? undefined : read(second);
  });
}

function time(side: Side, readMs: (facts: CertificateFacts) => number): CompileCommand {
  return (argument, path) => {
    const write = compileTime(argument, path);
    return (info) => {
      const facts = side(info);
      return facts === undefined ? undefined : write(readMs(facts));
    };
  };
}

const NAMES: Readonly<Record<string, (names: AltNames) => readonly string[]>> = {
  URI: (names) => names.uris,
  DNS: (names) => names.dns,
  IP: (names) => names.ips,
  EMAIL: (names) => names.emails,
  OTHERNAME: (names) => names.otherNames.map(({ value }) => value),
};

/** `<prefix>_URI_SAN` and its like. */
function names<Prefix extends string, Kind extends string>(
  prefix: Prefix,
  side: Side,
  kinds: readonly Kind[],
): (readonly [`${Prefix}_${Kind}_SAN`, CompileCommand])[] {
  return kinds.map((kind) => [`${prefix}_${kind}_SAN`, fact(side, (facts) => NAMES[kind]?.(facts.names).join(','))]);
}

function ofTls(read: (tls: PeerTls) => string | undefined): CompileCommand {
  return plain(({ connection }) => (connection.tls === undefined ? undefined : read(connection.tls)));
}

const ALL_KINDS = ['DNS', 'IP', 'EMAIL', 'OTHERNAME'] as const;

/** URI names stand by themselves in a connection, also where nothing else of a certificate is known. */
const URI_NAMES: readonly (readonly [LogOperator, CompileCommand])[] = [
  ['DOWNSTREAM_PEER_URI_SAN', ofTls((tls) => (tls.certificate?.names.uris ?? tls.uriSans).join(','))],
  ['DOWNSTREAM_LOCAL_URI_SAN', ofTls((tls) => tls.localUriSans.join(','))],
  ['UPSTREAM_PEER_URI_SAN', plain(({ upstreamTls }) => upstreamTls?.uriSans.join(','))],
  ['UPSTREAM_LOCAL_URI_SAN', plain(({ upstreamTls }) => upstreamTls?.localUriSans.join(','))],
];

/** Name to how it is prepared. */
export const tlsCommands: readonly (readonly [LogOperator, CompileCommand])[] = [
  ...URI_NAMES,
  ...names('DOWNSTREAM_PEER', peer, ALL_KINDS),
  ...names('DOWNSTREAM_LOCAL', local, ALL_KINDS),
  ...names('UPSTREAM_PEER', upstreamPeer, ['DNS', 'IP']),
  ...names('UPSTREAM_LOCAL', upstreamLocal, ['DNS', 'IP']),
  ['DOWNSTREAM_TLS_VERSION', ofTls((tls) => tls.protocol)],
  ['DOWNSTREAM_TLS_CIPHER', ofTls((tls) => tls.cipher)],
  ['DOWNSTREAM_TLS_GROUP', ofTls((tls) => tls.group)],
  ['DOWNSTREAM_TLS_SESSION_ID', ofTls((tls) => tls.sessionId)],
  ['DOWNSTREAM_PEER_SUBJECT', ofTls((tls) => tls.certificate?.subject ?? tls.subject)],
  ['DOWNSTREAM_PEER_FINGERPRINT_256', ofTls((tls) => tls.certificate?.fingerprint ?? tls.fingerprint)],
  ['DOWNSTREAM_PEER_FINGERPRINT_1', fact(peer, (facts) => facts.fingerprintSha1)],
  ['DOWNSTREAM_PEER_ISSUER', fact(peer, (facts) => facts.issuer)],
  ['DOWNSTREAM_PEER_SERIAL', fact(peer, (facts) => facts.serial)],
  ['DOWNSTREAM_PEER_CERT', fact(peer, (facts) => encodeURIComponent(facts.pem))],
  ['DOWNSTREAM_PEER_CERT_V_START', time(peer, (facts) => facts.validFromMs)],
  ['DOWNSTREAM_PEER_CERT_V_END', time(peer, (facts) => facts.validToMs)],
  ['DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256', chain((facts) => facts.fingerprint)],
  ['DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1', chain((facts) => facts.fingerprintSha1)],
  ['DOWNSTREAM_PEER_CHAIN_SERIALS', chain((facts) => facts.serial)],
  ['DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256', issuer((facts) => facts.fingerprint)],
  ['DOWNSTREAM_PEER_ISSUER_SERIAL', issuer((facts) => facts.serial)],
  ['DOWNSTREAM_LOCAL_SUBJECT', fact(local, (facts) => facts.subject)],
  ['TLS_JA3_FINGERPRINT', plain(({ connection }) => connection.ja3)],
  ['TLS_JA4_FINGERPRINT', plain(({ connection }) => connection.ja4)],
  ['UPSTREAM_PEER_SUBJECT', fact(upstreamPeer, (facts) => facts.subject)],
  ['UPSTREAM_PEER_ISSUER', fact(upstreamPeer, (facts) => facts.issuer)],
  ['UPSTREAM_PEER_CERT', fact(upstreamPeer, (facts) => encodeURIComponent(facts.pem))],
  ['UPSTREAM_PEER_CERT_V_START', time(upstreamPeer, (facts) => facts.validFromMs)],
  ['UPSTREAM_PEER_CERT_V_END', time(upstreamPeer, (facts) => facts.validToMs)],
  ['UPSTREAM_TLS_VERSION', plain(({ upstreamTls }) => upstreamTls?.protocol)],
  ['UPSTREAM_TLS_CIPHER', plain(({ upstreamTls }) => upstreamTls?.cipher)],
  ['UPSTREAM_TLS_GROUP', plain(({ upstreamTls }) => upstreamTls?.group)],
];
