/** Settings of proxies: Istio's ProxyConfig, as the mesh, a ProxyConfig or an annotation says it. */
import type { LabelSelector } from './match.ts';
import type { Provenance } from './provenance.ts';
import type { SpanTags } from './telemetry.ts';

/** What is done with the header that tells a server who its client's certificate is for. */
export type ForwardClientCert = 'SANITIZE' | 'FORWARD_ONLY' | 'APPEND_FORWARD' | 'SANITIZE_SET' | 'ALWAYS_FORWARD_ONLY';

interface CertificateDetails {
  readonly subject: boolean;
  readonly cert: boolean;
  readonly chain: boolean;
  readonly dns: boolean;
  readonly uri: boolean;
}

/** Headers that proxies add by themselves. */
export interface ProxyHeaders {
  /** Of servers' proxies; undefined: APPEND_FORWARD. */
  readonly forwardClientCert: ForwardClientCert | undefined;
  readonly certificateDetails: CertificateDetails | undefined;
  readonly hasRequestId: boolean;
  /** `server` of responses; undefined is Istio's, '' leaves it as the application sent it. */
  readonly server: string | undefined;
  readonly hasAttemptCount: boolean;
  readonly hasDebugHeaders: boolean;
  readonly hasForwardedPort: boolean;
  /** `x-forwarded-host` says what the host was before a route's `rewrite`. */
  readonly hasForwardedHost: boolean;
}

/** What stands in front of gateways. */
export interface GatewayTopology {
  /** Proxies whose `x-forwarded-for` is believed. */
  readonly trustedProxies: number;
  readonly forwardClientCert: ForwardClientCert | undefined;
  /** Connections begin with a PROXY protocol header. */
  readonly takesProxyProtocol: boolean;
}

/** What one of the places where it may be written says; undefined fields say nothing. */
export interface ProxySettings {
  /** Event loops; 0: one for every core. */
  readonly concurrency: number | undefined;
  /** How long connections of listeners that are gone may go on. */
  readonly drainMs: number | undefined;
  /** How long a proxy may go on when it is to end. */
  readonly terminationDrainMs: number | undefined;
  /** Variables of the proxy's environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly tracingSampling: number | undefined;
  readonly maxPathTagLength: number | undefined;
  readonly spanTags: SpanTags | undefined;
  readonly headers: ProxyHeaders | undefined;
  readonly topology: GatewayTopology | undefined;
}

/** Nothing is said. */
export const NO_PROXY_SETTINGS: ProxySettings = {
  concurrency: undefined,
  drainMs: undefined,
  terminationDrainMs: undefined,
  environment: {},
  tracingSampling: undefined,
  maxPathTagLength: undefined,
  spanTags: undefined,
  headers: undefined,
  topology: undefined,
};

/** `over` where it says something, else `under`; variables of both, field by field. */
export function mergeProxySettings(under: ProxySettings, over: ProxySettings): ProxySettings {
  return {
    concurrency: over.concurrency ?? under.concurrency,
    drainMs: over.drainMs ?? under.drainMs,
    terminationDrainMs: over.terminationDrainMs ?? under.terminationDrainMs,
    environment: { ...under.environment, ...over.environment },
    tracingSampling: over.tracingSampling ?? under.tracingSampling,
    maxPathTagLength: over.maxPathTagLength ?? under.maxPathTagLength,
    spanTags: over.spanTags ?? under.spanTags,
    headers: over.headers ?? under.headers,
    topology: over.topology ?? under.topology,
  };
}

/** Istio's ProxyConfig. */
export interface ProxyConfig {
  readonly name: string;
  readonly namespace: string;
  readonly selector: LabelSelector | undefined;
  readonly settings: ProxySettings;
  readonly createdAt: number;
  readonly origin: Provenance;
}
