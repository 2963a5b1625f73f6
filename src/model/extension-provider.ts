/** Services that proxies ask or tell something, by the names that policies use: MeshConfig's `extensionProviders`. */
import type { Provenance } from './provenance.ts';
import type { ServiceProvider, TelemetryProvider } from './telemetry-provider.ts';

/** The body of a request, as far as it is sent along. */
export interface CheckedBody {
  readonly maxRequestBytes: number;
  /** True: what is longer is cut; false: it is refused (413). */
  readonly allowsPartial: boolean;
  /** True: as bytes; false: as text. Only gRPC knows the difference. */
  readonly packsAsBytes: boolean;
}

interface ExternalAuthorization extends ServiceProvider {
  readonly origin: Provenance;
  readonly timeoutMs: number;
  /** True: requests pass while the service cannot be asked. */
  readonly failsOpen: boolean;
  /** Status of requests that are refused since the service cannot be asked. */
  readonly statusOnError: number | undefined;
  readonly clearsRouteCache: boolean;
  readonly body: CheckedBody | undefined;
}

/** Asked by `envoy.service.auth.v3`. */
export interface ExtAuthzGrpcProvider extends ExternalAuthorization {
  readonly kind: 'ext-authz-grpc';
}

/** Asked by a request of HTTP. */
export interface ExtAuthzHttpProvider extends ExternalAuthorization {
  readonly kind: 'ext-authz-http';
  /** '' or what stands before the path of the request. */
  readonly pathPrefix: string;
  /** Names, `prefix*` or `*suffix`, without regard to case, as all lists of headers here. */
  readonly includedRequestHeaders: readonly string[];
  readonly additionalHeaders: Readonly<Record<string, string>>;
  readonly upstreamHeadersOnAllow: readonly string[];
  readonly downstreamHeadersOnDeny: readonly string[];
  readonly downstreamHeadersOnAllow: readonly string[];
}

/** Who decides about requests for policies with `action: CUSTOM`. */
export type AuthorizationProvider = ExtAuthzHttpProvider | ExtAuthzGrpcProvider;

/** Any provider of MeshConfig. */
export type ExtensionProvider = AuthorizationProvider | TelemetryProvider;

/** True for who decides about requests. */
export function isAuthorizationProvider(provider: ExtensionProvider): provider is AuthorizationProvider {
  return provider.kind === 'ext-authz-http' || provider.kind === 'ext-authz-grpc';
}
