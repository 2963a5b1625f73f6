import type { Provenance } from './provenance.ts';

/** A certificate that gateways serve (Kubernetes Secret of type tls or generic), PEM. */
export interface TlsSecret {
  readonly name: string;
  readonly namespace: string;
  readonly certificate: string;
  readonly privateKey: string;
  /** CA that clients' certificates are checked against; '' where absent. */
  readonly ca: string;
  /** Certificates that the CA has revoked; '' where absent. */
  readonly crl: string;
  readonly origin: Provenance;
}
