import type { GatewayServer, ServerTls } from '../../../model/gateway.ts';
import { bool, defaulted, list, object, oneOf, optional, port, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { NETWORKING } from './api-versions.ts';

const file = string({ mayBeEmpty: true });
const tlsVersion = oneOf(['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3']);

const tlsSchema = object({
  mode: defaulted(
    oneOf(['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL', 'ISTIO_MUTUAL'], {
      unsupported: { AUTO_PASSTHROUGH: 'it joins clusters, of which Tulle has one; write PASSTHROUGH with tls routes' },
    }),
    'PASSTHROUGH',
    'Whether TLS ends here, and what clients must show.',
  ),
  httpsRedirect: defaulted(bool, false, 'Whether requests are answered with a redirect to https.'),
  serverCertificate: defaulted(file, '', 'File with the certificate.'),
  privateKey: defaulted(file, '', 'File with the private key.'),
  caCertificates: defaulted(file, '', "File with the CAs of clients' certificates."),
  credentialName: defaulted(file, '', 'Secret with certificate and key, in the namespace of the gateway workload.'),
  subjectAltNames: defaulted(list(string()), [], "Names of which clients' certificates must have one."),
  minProtocolVersion: optional(tlsVersion, 'Oldest version; TLSV1_2 where absent.'),
  maxProtocolVersion: optional(tlsVersion, 'Newest version; TLSV1_3 where absent.'),
  cipherSuites: defaulted(list(string()), [], 'Cipher suites in place of the usual ones.'),
  caCrl: unsupported('error', 'File with revoked certificates.'),
  credentialNames: unsupported('error', 'Several Secrets.'),
  caCertCredentialName: unsupported('error', 'Secret with the CA alone.'),
  tlsCertificates: unsupported('error', 'Several certificates.'),
  verifyCertificateSpki: unsupported('error', "Hashes of clients' keys."),
  verifyCertificateHash: unsupported('error', "Hashes of clients' certificates."),
  insecureSkipVerify: unsupported('error', 'Client certificates that are not checked.'),
});

const portSchema = object({
  number: required(port, 'Port that is opened.'),
  name: defaulted(string({ mayBeEmpty: true }), '', 'Name of the port.'),
  protocol: required(
    oneOf(['HTTP', 'HTTPS', 'GRPC', 'GRPC-WEB', 'HTTP2', 'TCP', 'TLS'], { unsupported: { MONGO: 'write TCP' }, isCaseInsensitive: true }),
    'What is spoken on the port.',
  ),
  targetPort: unsupported('warning', 'Port behind; Istio does not use it either.'),
});

const serverSchema = object({
  name: defaulted(string({ mayBeEmpty: true }), '', 'Name of the server.'),
  port: required(portSchema, 'Port that is opened.'),
  bind: defaulted(string({ mayBeEmpty: true }), '', 'Address that is listened on; all where absent.'),
  hosts: required(
    list(string({ format: 'namespaced-host' }), 1),
    'Hosts that are served; namespace/host restricts whose VirtualServices may.',
  ),
  tls: optional(tlsSchema, 'TLS of the port.'),
  defaultEndpoint: unsupported('warning', 'Where traffic goes by default; Istio does not use it either.'),
});

const specSchema = object({
  selector: defaulted(labelsSchema, {}, 'Labels of the gateway workloads; none: every one.'),
  servers: required(list(serverSchema, 1), 'Ports and their hosts.'),
});

type WrittenServer = Infer<typeof serverSchema>;

/** Modes in which TLS ends at the gateway, with a certificate that must be given. */
const TERMINATING: readonly string[] = ['SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL'];

function checkTls(server: WrittenServer, lowering: Lowering): void {
  const { tls, port: where } = server;
  const isTlsPort = where.protocol === 'HTTPS' || where.protocol === 'TLS';
  if (tls === undefined) {
    if (isTlsPort) lowering.error('TUL011', server, '', `port ${where.number} speaks ${where.protocol}: tls is missing`);
    return;
  }
  if (!isTlsPort && !tls.httpsRedirect && TERMINATING.includes(tls.mode)) {
    if (where.protocol !== 'TCP')
      lowering.warning('TUL020', tls, 'mode', `port ${where.number} speaks ${where.protocol}: tls has no effect; write HTTPS`);
  }
  if (tls.httpsRedirect && where.protocol !== 'HTTP' && where.protocol !== 'HTTP2') {
    lowering.warning(
      'TUL020',
      tls,
      'httpsRedirect',
      `httpsRedirect has an effect on HTTP ports only; port ${where.number} speaks ${where.protocol}`,
    );
  }
  if (!isTlsPort || !TERMINATING.includes(tls.mode)) return;
  const hasFiles = tls.serverCertificate !== '' && tls.privateKey !== '';
  if (tls.credentialName === '' && !hasFiles) {
    lowering.error('TUL011', tls, 'mode', `${tls.mode} needs credentialName, or serverCertificate and privateKey`);
  }
  if (tls.mode === 'MUTUAL' && tls.credentialName === '' && tls.caCertificates === '') {
    lowering.error('TUL011', tls, 'mode', 'MUTUAL needs caCertificates, or credentialName');
  }
}

function lowerTls(written: Infer<typeof tlsSchema> | undefined): ServerTls | undefined {
  if (written === undefined) return undefined;
  return {
    mode: written.mode,
    httpsRedirect: written.httpsRedirect,
    serverCertificate: written.serverCertificate,
    privateKey: written.privateKey,
    caCertificates: written.caCertificates,
    credentialName: written.credentialName,
    subjectAltNames: written.subjectAltNames,
    minProtocolVersion: written.minProtocolVersion,
    maxProtocolVersion: written.maxProtocolVersion,
    cipherSuites: written.cipherSuites,
  };
}

function lowerServer(written: WrittenServer, lowering: Lowering): GatewayServer {
  checkTls(written, lowering);
  const { number, name, protocol } = written.port;
  return {
    name: written.name,
    port: { number, name, protocol },
    bind: written.bind,
    hosts: written.hosts.map((host) => (host.includes('/') ? host : `*/${host}`).toLowerCase()),
    tls: lowerTls(written.tls),
    origin: lowering.originOf(written),
  };
}

/** Istio Gateway: ports that gateway workloads open. */
export const gateway = defineDialect({
  kind: 'Gateway',
  apiVersions: NETWORKING,
  description: 'Ports that gateway workloads open, and for which hosts.',
  fields: { spec: required(specSchema, 'Workloads and ports.') },
  lower({ spec }, lowering) {
    const { name, namespace, createdAt, origin } = lowering;
    const servers = spec.servers.map((server) => lowerServer(server, lowering));
    return { kind: 'gateway', value: { name, namespace, selector: spec.selector, servers, createdAt, origin } };
  },
});
