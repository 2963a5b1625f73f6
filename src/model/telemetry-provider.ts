/** Who is told of traffic: the kinds of MeshConfig's `extensionProviders` that take spans, access logs and metrics. */

/** What every provider that is a service of the mesh has. */
export interface ServiceProvider {
  readonly name: string;
  /** `[<namespace>/]<host name>`, as written. */
  readonly service: string;
  readonly port: number;
}

/** A header that goes to a provider with each call. */
export interface ProviderHeader {
  readonly name: string;
  readonly value: string;
}

/** Takes spans by Zipkin's HTTP API. `maxTagLength` is that of paths in characters, 0: Envoy's default. */
export interface ZipkinProvider extends ServiceProvider {
  readonly kind: 'zipkin';
  readonly maxTagLength: number;
  readonly path: string;
  readonly has64BitTraceIds: boolean;
  /** True: traces go on in W3C's headers too, not in B3's alone. */
  readonly propagatesW3c: boolean;
  readonly timeoutMs: number;
  readonly headers: readonly ProviderHeader[];
}

/** Takes spans by OTLP: by HTTP where `http` says how, else by gRPC. */
export interface OpenTelemetryProvider extends ServiceProvider {
  readonly kind: 'opentelemetry';
  readonly maxTagLength: number;
  readonly http: { readonly path: string; readonly timeoutMs: number; readonly headers: readonly ProviderHeader[] } | undefined;
  readonly grpc: { readonly timeoutMs: number | undefined; readonly metadata: readonly ProviderHeader[] };
  /** True: attributes in the proxy's OTEL_RESOURCE_ATTRIBUTES are told. */
  readonly readsEnvironment: boolean;
  /** True: the service is named as OpenTelemetry's conventions have it, not as `<app>.<namespace>`. */
  readonly hasSemanticName: boolean;
}

/** Labels with Envoy's operators, text with them ('' is Istio's usual text). */
export type LogFormat =
  | { readonly kind: 'text'; readonly text: string }
  /** None: Istio's usual ones. */
  | { readonly kind: 'labels'; readonly labels: Readonly<Record<string, string>> };

/** Access logs in a file. */
export interface FileLogProvider {
  readonly kind: 'file-log';
  readonly name: string;
  readonly path: string;
  /** undefined: not written. */
  readonly format: LogFormat | undefined;
  readonly omitsEmpty: boolean;
}

interface LogService extends ServiceProvider {
  readonly logName: string;
}

/** Takes access logs of requests by Envoy's gRPC service. */
export interface HttpAlsProvider extends LogService {
  readonly kind: 'http-als';
  readonly filterState: readonly string[];
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  readonly responseTrailers: readonly string[];
}

/** Takes access logs of connections by Envoy's gRPC service. */
export interface TcpAlsProvider extends LogService {
  readonly kind: 'tcp-als';
  readonly filterState: readonly string[];
}

/** Takes access logs by OTLP. */
export interface OtelAlsProvider extends LogService {
  readonly kind: 'otel-als';
  /** '' is Istio's usual text. */
  readonly text: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Fetches metrics from proxies. */
interface PrometheusProvider {
  readonly kind: 'prometheus';
  readonly name: string;
}

/** Where telemetry may go. */
export type TelemetryProvider =
  | ZipkinProvider
  | OpenTelemetryProvider
  | FileLogProvider
  | HttpAlsProvider
  | TcpAlsProvider
  | OtelAlsProvider
  | PrometheusProvider;
