/** Certificates and trust that the configuration reads from files, read anew where it names a folder to watch. */
import { ConfigError } from '../../core/errors.ts';
import type { CertificateValidationContext, TlsCertificate } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { KeyPair, Watched } from '../config/secret-store.ts';
import { fileOf } from './data-source.ts';
import { filesOfCertificate, readKeyPair } from './key-pair.ts';
import { watchFiles } from './watched-files.ts';

/** The files that a validation context reads. */
export function filesOfTrust({ trustedCa, crl }: CertificateValidationContext): string[] {
  return [trustedCa, crl].map(fileOf).filter((file) => file !== undefined);
}

/** Calls back when the files in a folder change; it holds nothing itself. */
export function watchedFiles(files: readonly string[], directory: string): Watched<true> {
  return {
    current: () => true,
    watch: (callback) => watchFiles(files, directory, callback),
  };
}

/** A certificate of the configuration; where it has a `watched_directory`, what its files hold now. Throws ConfigError. */
export function staticKeyPair(certificate: TlsCertificate, path: string): Watched<KeyPair> {
  let pair = readKeyPair(certificate, path);
  const files = filesOfCertificate(certificate);
  const { watchedDirectory } = certificate;
  return {
    current: () => pair,
    watch(callback) {
      if (watchedDirectory === undefined) return () => {};
      return watchFiles(files, watchedDirectory.path, () => {
        try {
          pair = readKeyPair(certificate, path);
        } catch (error) {
          // half written: the folder changes again when it is whole
          if (error instanceof ConfigError) return;
          throw error;
        }
        callback();
      });
    },
  };
}
