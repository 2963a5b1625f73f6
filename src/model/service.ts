import type { FailureAccrual } from './failure-accrual.ts';
import type { Provenance } from './provenance.ts';

/** A port's protocol after Istio's selection rules; `auto` is sniffed by the proxy. */
export type Protocol = 'http' | 'http2' | 'grpc' | 'grpc-web' | 'https' | 'tls' | 'tcp' | 'mongo' | 'redis' | 'mysql' | 'auto';

/** True where the proxy reads the port's traffic as HTTP without sniffing. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** True where the port's traffic is bytes to the proxy, which sniffs nothing. */
export function isOpaque(protocol: Protocol): boolean {
  return !isHttp(protocol) && protocol !== 'auto';
}

/** A port that a service is called at. */
export interface ServicePort {
  readonly name: string;
  /** The port clients call. */
  readonly number: number;
  /** The workload's port: a number, or the name of one of its ports. */
  readonly targetPort: number | string;
  readonly protocol: Protocol;
  readonly origin: Provenance;
}

/** Locality as `region/zone/subzone`; empty parts are unknown. */
export type Locality = string;

/** One address that serves a service. */
export interface Endpoint {
  /** IPv4, IPv6, or (resolution `dns`) a host name; or `unix:///path`. */
  readonly address: string;
  /**
   * Port by service port name, or, under '', for every port without an own entry; absent: the service port itself;
   * 0: it does not serve that port.
   */
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The workload's name, for metrics; '' where unknown. */
  readonly workload: string;
  readonly locality: Locality;
  readonly weight: number;
  /** False while its readiness probe fails: it stays known but gets no traffic. */
  readonly isReady: boolean;
  /** True where a proxy of the mesh terminates mTLS in front of it (label `security.istio.io/tlsMode: istio`). */
  readonly isMeshed: boolean;
  /**
   * True for a gateway: its identity is one of the mesh, and clients use mTLS only where a DestinationRule says so. Source:
   * istio, whose injector gives gateways no label `security.istio.io/tlsMode`.
   */
  readonly isGateway?: true;
  /** What it is called under the name of its service, where that is headless: `db-0` for `db-0.db`; absent: nothing. */
  readonly hostname?: string;
  /** Where that proxy takes TCP connections as tunnels (HBONE); absent where it takes none. */
  readonly hbonePort?: number;
  readonly origin: Provenance;
}

/** True where clients use mTLS to an endpoint by themselves, as far as no policy says otherwise. */
export function takesMutualTls({ isMeshed, isGateway }: Endpoint): boolean {
  return isMeshed && isGateway !== true;
}

/**
 * How a service's endpoints are found: `static` from workloads and addresses of the model (EDS), `dns` one
 * connection each to all addresses (STRICT_DNS), `dns-round-robin` (LOGICAL_DNS), `dynamic-dns` the host that is called, looked up when it is, `none` the address the client
 * dialled (ORIGINAL_DST).
 */
export type Resolution = 'static' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'none';

/** Something that can be called: a Kubernetes Service, a ServiceEntry's host. */
export interface Service {
  /** `payments.shop.svc.cluster.local`, or a ServiceEntry's host (may begin with `*.`). */
  readonly hostname: string;
  readonly name: string;
  readonly namespace: string;
  readonly ports: readonly ServicePort[];
  /** Virtual addresses, IPv4 and IPv6, given or allocated; may hold CIDRs for a ServiceEntry. Empty: headless. */
  readonly addresses: readonly string[];
  readonly isHeadless: boolean;
  readonly resolution: Resolution;
  /** True for ServiceEntry `location: MESH_EXTERNAL`: no mTLS to it. */
  readonly isExternal: boolean;
  /** Namespaces that see it; `*` all, `.` its own. */
  readonly exportTo: readonly string[];
  /** Subject alternative names that its endpoints' certificates must have (ServiceEntry). */
  readonly subjectAltNames: readonly string[];
  /** What clients do with endpoints that keep failing, where a DestinationRule says nothing; absent: nothing. */
  readonly failureAccrual?: FailureAccrual;
  /** Every endpoint, ready or not, in stable order. */
  readonly endpoints: readonly Endpoint[];
  /** Milliseconds since the epoch; 0 where unknown, and then the order of the list is the age. The oldest wins. */
  readonly createdAt: number;
  readonly origin: Provenance;
}
