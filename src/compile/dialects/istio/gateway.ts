import type { GatewayServer, ServerTls } from '../../../model/gateway.ts';
import { bool, defaulted, list, object, oneOf, optional, port, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { NETWORKING } from './api-versions.ts';

const file = string({ mayBeEmpty: true });
const tlsVersion = oneOf(['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3']);

const certificateSchema = object({
  serverCertificate: required(string(), 'File with the certificate.'),
  privateKey: required(string(), 'File with the private key.'),
  caCertificates: unsupported('error', 'CAs by certificate; write caCertificates beside tlsCertificates.'),
});

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
  caCrl: defaulted(file, '', "File with clients' certificates that are revoked."),
  credentialNames: defaulted(list(string()), [], 'Secrets with certificates of different kinds, RSA and ECDSA; the first has the CA.'),
  caCertCredentialName: defaulted(file, '', "Secret with the CA of clients' certificates, where it is not beside the certificate."),
  tlsCertificates: defaulted(list(certificateSchema), [], 'Files with certificates of different kinds, RSA and ECDSA.'),
  verifyCertificateSpki: defaulted(list(string()), [], "SHA-256 of clients' keys in base64, of which theirs must be one."),
  verifyCertificateHash: defaulted(list(string()), [], "SHA-256 of clients' certificates in hex, of which theirs must be one."),
  insecureSkipVerify: defaulted(bool, false, "Whether clients' certificates are believed whoever has signed them."),
});

const portSchema = object({
  number: required(port, 'Port that is opened.'),
  name: defaulted(string({ mayBeEmpty: true }), '', 'Name of the port.'),
  protocol: required(
    oneOf(['HTTP', 'HTTPS', 'GRPC', 'GRPC-WEB', 'HTTP2', 'TCP', 'TLS', 'MONGO'], { isCaseInsensitive: true }),
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
    if (where.protocol !== 'TCP' && where.protocol !== 'MONGO')
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
  const hasSecret = tls.credentialName !== '' || tls.credentialNames.length > 0;
  const sources = [hasFiles, tls.credentialName !== '', tls.credentialNames.length > 0, tls.tlsCertificates.length > 0];
  if (sources.every((has) => !has))
    lowering.error('TUL011', tls, 'mode', `${tls.mode} needs credentialName, or serverCertificate and privateKey`);
  if (sources.filter((has) => has).length > 1)
    lowering.error(
      'TUL015',
      tls,
      '',
      'certificates are given twice: write one of credentialName, credentialNames, tlsCertificates, or serverCertificate and privateKey',
    );
  const hasCa = hasSecret || tls.caCertificates !== '' || tls.caCertCredentialName !== '' || tls.insecureSkipVerify;
  if (tls.mode === 'MUTUAL' && !hasCa) lowering.error('TUL011', tls, 'mode', 'MUTUAL needs caCertificates, or credentialName');
  checkClients(tls, lowering);
}

/** What is said of clients' certificates where none is asked for. */
function checkClients(tls: Infer<typeof tlsSchema>, lowering: Lowering): void {
  if (tls.mode !== 'SIMPLE') return;
  const lists = ['verifyCertificateSpki', 'verifyCertificateHash'] as const;
  const said = lists.find((field) => tls[field].length > 0) ?? (tls.insecureSkipVerify ? 'insecureSkipVerify' : undefined);
  if (said !== undefined)
    lowering.warning('TUL020', tls, said, `mode SIMPLE asks clients for no certificate: ${said} has no effect; write MUTUAL`);
}

function lowerTls(written: Infer<typeof tlsSchema> | undefined): ServerTls | undefined {
  if (written === undefined) return undefined;
  return {
    mode: written.mode,
    httpsRedirect: written.httpsRedirect,
    certificates: [
      ...written.tlsCertificates.map(({ serverCertificate, privateKey }) => ({ certificate: serverCertificate, privateKey })),
      ...(written.serverCertificate !== '' && written.privateKey !== ''
        ? [{ certificate: written.serverCertificate, privateKey: written.privateKey }]
        : []),
    ],
    caCertificates: written.caCertificates,
    caCrl: written.caCrl,
    credentialNames: written.credentialName === '' ? written.credentialNames : [written.credentialName],
    caCredentialName: written.caCertCredentialName,
    subjectAltNames: written.subjectAltNames,
    verifyCertificateSpki: written.verifyCertificateSpki,
    verifyCertificateHash: written.verifyCertificateHash,
    insecureSkipVerify: written.insecureSkipVerify,
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
