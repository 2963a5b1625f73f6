/**
 * Secrets that Istio names by the files that they are in: `file-cert:<certificate>~<key>` and `file-root:<roots>`, where
 * `file-root:system` stands for the system's roots. Its agent reads these files; a proxy without one does so itself.
 */
import { existsSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { type Secret, SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { SYSTEM_ROOT_FILES } from './system-roots.ts';

const CERTIFICATE = 'file-cert:';
const ROOTS = 'file-root:';

const file = (filename: string) => ({ specifier: { case: 'filename' as const, value: filename } });

/** The secret of such a name, its files not yet read; undefined for any other name. */
export function mountedSecret(name: string): Secret | undefined {
  if (name.startsWith(CERTIFICATE)) {
    const [chain = '', key = '', ...more] = name.slice(CERTIFICATE.length).split('~');
    if (chain === '' || key === '' || more.length > 0) return undefined;
    const value = { certificateChain: file(chain), privateKey: file(key) };
    return create(SecretSchema, { name, type: { case: 'tlsCertificate', value } });
  }
  const roots = name.startsWith(ROOTS) ? name.slice(ROOTS.length) : '';
  const found = roots === 'system' ? SYSTEM_ROOT_FILES.find((each) => existsSync(each)) : roots;
  if (found === undefined || found === '') return undefined;
  return create(SecretSchema, { name, type: { case: 'validationContext', value: { trustedCa: file(found) } } });
}
