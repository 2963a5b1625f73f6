import type { ClientTls } from '../../../model/traffic-policy.ts';
import { bool, defaulted, list, object, oneOf, required, string, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';

const file = string({ mayBeEmpty: true });

/** TLS of connections to a host. */
export const clientTlsSchema = object({
  mode: required(oneOf(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']), "Whether and how: ISTIO_MUTUAL uses the mesh's certificates."),
  clientCertificate: defaulted(file, '', 'File with the certificate, for MUTUAL.'),
  privateKey: defaulted(file, '', 'File with the private key, for MUTUAL.'),
  caCertificates: defaulted(file, '', "File with the CAs; the operating system's where empty."),
  credentialName: defaulted(file, '', 'Secret with certificate, key and CA, in place of files.'),
  subjectAltNames: defaulted(list(string()), [], 'Names of which the certificate must have one.'),
  sni: defaulted(string({ mayBeEmpty: true }), '', 'Server name that is sent.'),
  insecureSkipVerify: defaulted(bool, false, 'Whether the certificate goes unchecked.'),
  caCrl: defaulted(file, '', 'File with revoked certificates.'),
});

type Written = Infer<typeof clientTlsSchema>;

function check(written: Written, lowering: Lowering): void {
  const { mode, clientCertificate, privateKey, caCertificates, credentialName } = written;
  const hasFiles = clientCertificate !== '' || privateKey !== '' || caCertificates !== '';
  if (credentialName !== '' && hasFiles) lowering.error('TUL015', written, 'credentialName', 'credentialName and files exclude each other');
  if (mode === 'MUTUAL' && credentialName === '' && (clientCertificate === '' || privateKey === '')) {
    lowering.error('TUL011', written, 'mode', 'MUTUAL needs clientCertificate and privateKey, or credentialName');
  }
  if (mode === 'ISTIO_MUTUAL' && (hasFiles || credentialName !== '')) {
    lowering.error(
      'TUL015',
      written,
      'mode',
      "ISTIO_MUTUAL uses the mesh's certificates: take out files and credentialName, or write MUTUAL",
    );
  }
}

/** The settings in the model. */
export function lowerClientTls(written: Written | undefined, lowering: Lowering): ClientTls | undefined {
  if (written === undefined) return undefined;
  check(written, lowering);
  return {
    mode: written.mode,
    clientCertificate: written.clientCertificate,
    privateKey: written.privateKey,
    caCertificates: written.caCertificates,
    caCrl: written.caCrl,
    credentialName: written.credentialName,
    subjectAltNames: written.subjectAltNames,
    sni: written.sni,
    insecureSkipVerify: written.insecureSkipVerify,
  };
}
