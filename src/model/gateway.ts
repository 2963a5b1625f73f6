import type { LabelSelector } from './match.ts';
import type { Provenance } from './provenance.ts';

/** How a server of a Gateway ends TLS. */
export interface ServerTls {
  readonly mode: 'PASSTHROUGH' | 'SIMPLE' | 'MUTUAL' | 'OPTIONAL_MUTUAL' | 'ISTIO_MUTUAL';
  readonly httpsRedirect: boolean;
  /** Files with certificates and keys, of different kinds (RSA, ECDSA). */
  readonly certificates: readonly { readonly certificate: string; readonly privateKey: string }[];
  /** File with the CAs of clients' certificates; '' where a Secret has them. */
  readonly caCertificates: string;
  /** File with revoked certificates; '' for none. */
  readonly caCrl: string;
  /** SDS names of certificates, served by the control plane, in place of files. */
  readonly credentialNames: readonly string[];
  /** SDS name of the CA where it is not the first certificate's. */
  readonly caCredentialName: string;
  readonly subjectAltNames: readonly string[];
  /** Base64 of SHA-256 of the keys that clients may have; empty for any. */
  readonly verifyCertificateSpki: readonly string[];
  /** Hex of SHA-256 of the certificates that clients may have; empty for any. */
  readonly verifyCertificateHash: readonly string[];
  /** True where clients' certificates are asked for and believed, whoever has signed them. */
  readonly insecureSkipVerify: boolean;
  readonly minProtocolVersion: string | undefined;
  readonly maxProtocolVersion: string | undefined;
  readonly cipherSuites: readonly string[];
}

/** A port of a Gateway. */
export interface GatewayServer {
  readonly name: string;
  readonly port: {
    readonly number: number;
    readonly name: string;
    readonly protocol: 'HTTP' | 'HTTPS' | 'GRPC' | 'GRPC-WEB' | 'HTTP2' | 'TCP' | 'TLS' | 'MONGO';
  };
  readonly bind: string;
  /** `namespace/dns`, namespace `*` or `.` allowed; plain hosts are `*` + host. */
  readonly hosts: readonly string[];
  readonly tls: ServerTls | undefined;
  readonly origin: Provenance;
}

/** Ports that gateway proxies open, and for which hosts. */
export interface Gateway {
  readonly name: string;
  readonly namespace: string;
  readonly selector: LabelSelector;
  readonly servers: readonly GatewayServer[];
  readonly createdAt: number;
  readonly origin: Provenance;
}
