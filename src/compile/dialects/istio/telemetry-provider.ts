/** The providers that are told of traffic: tracers, access loggers and Prometheus of MeshConfig's `extensionProviders`. */
import type {
  FileLogProvider,
  HttpAlsProvider,
  LogFormat,
  OpenTelemetryProvider,
  OtelAlsProvider,
  ProviderHeader,
  TcpAlsProvider,
  ZipkinProvider,
} from '../../../model/telemetry-provider.ts';
import {
  bool,
  defaulted,
  duration,
  int,
  list,
  map,
  object,
  oneOf,
  optional,
  port,
  required,
  string,
  unsupported,
  type Infer,
} from '../../schema/schema.ts';

/** Envoy wants a time of requests; this is Istio's for Zipkin. */
const TIMEOUT_MS = 5_000;
const ZIPKIN_PATH = '/api/v2/spans';

/** The two peers of the metadata exchange, which istiod has ALS tell. */
const PEER_STATE = ['upstream_peer', 'downstream_peer'];

const service = {
  service: required(string({ format: 'namespaced-host' }), 'The service, as host name or namespace/host name.'),
  port: required(port, 'Port of the service.'),
};

const maxTagLength = defaulted(int(), 0, "Length that paths in spans are cut to; Envoy's 256 where 0 or absent.");

const headers = defaulted(
  list(
    object({
      name: required(string({ format: 'header-name' }), 'Name.'),
      value: required(string({ mayBeEmpty: true, isSensitive: true }), 'Value.'),
      envName: unsupported('error', "Value from the control plane's environment; write value"),
    }),
  ),
  [],
  'Headers of what is sent.',
);

export const zipkinSchema = object({
  ...service,
  maxTagLength,
  enable64bitTraceId: defaulted(bool, false, 'Whether trace IDs have 64 bits, not 128.'),
  path: defaulted(string({ format: 'absolute-path' }), ZIPKIN_PATH, 'Path of the collector.'),
  traceContextOption: defaulted(
    oneOf(['USE_B3', 'USE_B3_WITH_W3C_PROPAGATION']),
    'USE_B3',
    "Whether traces go on in B3's headers only, or in W3C's too.",
  ),
  timeout: defaulted(duration(1), TIMEOUT_MS, 'Time for each request to it.'),
  headers,
});

export const openTelemetrySchema = object(
  {
    ...service,
    maxTagLength,
    http: optional(
      object({
        path: defaulted(string({ format: 'absolute-path' }), '/v1/traces', 'Path of the collector.'),
        timeout: defaulted(duration(1), TIMEOUT_MS, 'Time for each request to it.'),
        headers,
      }),
      'OTLP by HTTP; gRPC where absent.',
    ),
    grpc: optional(
      object({
        timeout: optional(duration(1), 'Time for each call; without end where absent.'),
        initialMetadata: headers,
      }),
      'OTLP by gRPC.',
    ),
    resourceDetectors: optional(
      object({
        environment: optional(object({}), "Tells attributes in the proxy's variable OTEL_RESOURCE_ATTRIBUTES."),
        dynatrace: unsupported('warning', 'Tells attributes that a Dynatrace agent writes.'),
      }),
      'Where attributes of the resource come from.',
    ),
    serviceAttributeEnrichment: defaulted(
      oneOf(['ISTIO_CANONICAL', 'OTEL_SEMANTIC_CONVENTIONS']),
      'ISTIO_CANONICAL',
      "Whether the service is named <app>.<namespace>, or as OpenTelemetry's conventions have it.",
    ),
    dynatraceSampler: unsupported('error', 'Sampling by Dynatrace; write randomSamplingPercentage in a Telemetry'),
  },
  [{ kind: 'at-most-one', fields: ['http', 'grpc'] }],
);

const labels = map(string({ format: 'log-format', mayBeEmpty: true }));

export const fileLogSchema = object({
  path: defaulted(string(), '/dev/stdout', 'The file.'),
  logFormat: optional(
    object(
      {
        text: optional(string({ format: 'log-format', mayBeEmpty: true }), "Text with Envoy's operators."),
        labels: optional(labels, "Fields of a JSON object, with Envoy's operators."),
      },
      [{ kind: 'at-most-one', fields: ['text', 'labels'] }],
    ),
    "Form of a line; Istio's usual text where absent.",
  ),
  omitEmptyValues: defaulted(bool, false, 'Whether what is not known is left out, not written as "-".'),
});

const names = (what: string) => defaulted(list(string()), [], what);

const filterState = names('Objects of the filter state that are sent along; the two peers where there is none.');

export const httpAlsSchema = object({
  ...service,
  logName: defaulted(string(), 'http_envoy_accesslog', 'Name that the service is told.'),
  filterStateObjectsToLog: filterState,
  additionalRequestHeadersToLog: names('Headers of requests that are sent along.'),
  additionalResponseHeadersToLog: names('Headers of responses that are sent along.'),
  additionalResponseTrailersToLog: names('Trailers of responses that are sent along.'),
});

export const tcpAlsSchema = object({
  ...service,
  logName: defaulted(string(), 'tcp_envoy_accesslog', 'Name that the service is told.'),
  filterStateObjectsToLog: filterState,
});

export const otelAlsSchema = object({
  ...service,
  logName: defaulted(string(), 'otel_envoy_accesslog', 'Name that the service is told.'),
  logFormat: optional(
    object({
      text: defaulted(
        string({ format: 'log-format', mayBeEmpty: true }),
        '',
        "Body of a record, with Envoy's operators; Istio's usual text where absent.",
      ),
      labels: defaulted(labels, {}, "Attributes of a record, with Envoy's operators."),
    }),
    'What a record holds.',
  ),
});

function headersOf(written: Infer<typeof headers.schema>): ProviderHeader[] {
  return written.map(({ name, value }) => ({ name, value }));
}

/** The Zipkin provider `name` in the model. */
export function lowerZipkin(name: string, written: Infer<typeof zipkinSchema>): ZipkinProvider {
  return {
    kind: 'zipkin',
    name,
    service: written.service,
    port: written.port,
    maxTagLength: written.maxTagLength,
    path: written.path,
    has64BitTraceIds: written.enable64bitTraceId,
    propagatesW3c: written.traceContextOption === 'USE_B3_WITH_W3C_PROPAGATION',
    timeoutMs: written.timeout,
    headers: headersOf(written.headers),
  };
}

/** The OpenTelemetry provider `name` in the model. */
export function lowerOpenTelemetry(name: string, written: Infer<typeof openTelemetrySchema>): OpenTelemetryProvider {
  const { http, grpc } = written;
  const hasSemanticName = written.serviceAttributeEnrichment === 'OTEL_SEMANTIC_CONVENTIONS';
  return {
    kind: 'opentelemetry',
    name,
    service: written.service,
    port: written.port,
    maxTagLength: written.maxTagLength,
    http: http && { path: http.path, timeoutMs: http.timeout, headers: headersOf(http.headers) },
    grpc: { timeoutMs: grpc?.timeout, metadata: headersOf(grpc?.initialMetadata ?? []) },
    readsEnvironment: written.resourceDetectors?.environment !== undefined || hasSemanticName,
    hasSemanticName,
  };
}

function formatOf(written: Infer<typeof fileLogSchema>['logFormat']): LogFormat | undefined {
  if (written?.labels !== undefined) return { kind: 'labels', labels: written.labels };
  return written && { kind: 'text', text: written.text ?? '' };
}

/** The file `name` in the model. */
export function lowerFileLog(name: string, written: Infer<typeof fileLogSchema>): FileLogProvider {
  return { kind: 'file-log', name, path: written.path, format: formatOf(written.logFormat), omitsEmpty: written.omitEmptyValues };
}

function filterStateOf(written: readonly string[]): readonly string[] {
  return written.length > 0 ? written : PEER_STATE;
}

/** The gRPC access log service `name` for requests in the model. */
export function lowerHttpAls(name: string, written: Infer<typeof httpAlsSchema>): HttpAlsProvider {
  return {
    kind: 'http-als',
    name,
    service: written.service,
    port: written.port,
    logName: written.logName,
    filterState: filterStateOf(written.filterStateObjectsToLog),
    requestHeaders: written.additionalRequestHeadersToLog,
    responseHeaders: written.additionalResponseHeadersToLog,
    responseTrailers: written.additionalResponseTrailersToLog,
  };
}

/** The gRPC access log service `name` for connections in the model. */
export function lowerTcpAls(name: string, written: Infer<typeof tcpAlsSchema>): TcpAlsProvider {
  const { service: host, port: number, logName } = written;
  return { kind: 'tcp-als', name, service: host, port: number, logName, filterState: filterStateOf(written.filterStateObjectsToLog) };
}

/** The OpenTelemetry log service `name` in the model. */
export function lowerOtelAls(name: string, written: Infer<typeof otelAlsSchema>): OtelAlsProvider {
  const { service: host, port: number, logName, logFormat } = written;
  return { kind: 'otel-als', name, service: host, port: number, logName, text: logFormat?.text ?? '', labels: logFormat?.labels ?? {} };
}
