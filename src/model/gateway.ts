import type { LabelSelector } from './match.ts';
import type { Provenance } from './provenance.ts';

export interface ServerTls {
  readonly mode: 'PASSTHROUGH' | 'SIMPLE' | 'MUTUAL' | 'OPTIONAL_MUTUAL' | 'ISTIO_MUTUAL';
  readonly httpsRedirect: boolean;
  readonly serverCertificate: string;
  readonly privateKey: string;
  readonly caCertificates: string;
  /** SDS name of the certificate, served by the control plane. */
  readonly credentialName: string;
  readonly subjectAltNames: readonly string[];
  readonly minProtocolVersion: string | undefined;
  readonly maxProtocolVersion: string | undefined;
  readonly cipherSuites: readonly string[];
}

export interface GatewayServer {
  readonly name: string;
  readonly port: {
    readonly number: number;
    readonly name: string;
    readonly protocol: 'HTTP' | 'HTTPS' | 'GRPC' | 'GRPC-WEB' | 'HTTP2' | 'TCP' | 'TLS';
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
