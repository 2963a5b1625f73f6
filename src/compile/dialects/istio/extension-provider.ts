/** Entries of MeshConfig's `extensionProviders`: a name and one of the kinds below. A new kind is a field and a line. */
import { type ExtensionProvider, isAuthorizationProvider } from '../../../model/extension-provider.ts';
import { hasFormat } from '../../schema/formats.ts';
import { object, optional, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { extAuthzGrpcSchema, extAuthzHttpSchema, lowerExtAuthzGrpc, lowerExtAuthzHttp } from './ext-authz-provider.ts';
import {
  fileLogSchema,
  httpAlsSchema,
  lowerFileLog,
  lowerHttpAls,
  lowerOpenTelemetry,
  lowerOtelAls,
  lowerTcpAls,
  lowerZipkin,
  openTelemetrySchema,
  otelAlsSchema,
  tcpAlsSchema,
  zipkinSchema,
} from './telemetry-provider.ts';

const kinds = {
  envoyExtAuthzHttp: optional(extAuthzHttpSchema, 'Decides about requests, asked by HTTP.'),
  envoyExtAuthzGrpc: optional(extAuthzGrpcSchema, "Decides about requests and connections, asked by Envoy's gRPC service."),
  zipkin: optional(zipkinSchema, "Takes spans by Zipkin's HTTP API."),
  opentelemetry: optional(openTelemetrySchema, 'Takes spans by OTLP.'),
  prometheus: optional(object({}), 'Metrics that Prometheus fetches from proxies.'),
  envoyFileAccessLog: optional(fileLogSchema, 'Access logs in a file.'),
  envoyHttpAls: optional(httpAlsSchema, "Takes access logs of requests by Envoy's gRPC service."),
  envoyTcpAls: optional(tcpAlsSchema, "Takes access logs of connections by Envoy's gRPC service."),
  envoyOtelAls: optional(otelAlsSchema, 'Takes access logs by OTLP.'),
  datadog: unsupported('warning', "Takes traces in Datadog's own form; write opentelemetry, which its agent takes too"),
  skywalking: unsupported('warning', "Takes traces in SkyWalking's own form; write zipkin or opentelemetry, which it takes too"),
  stackdriver: unsupported('warning', 'Takes traces and logs in a form that no Envoy sends any more; write opentelemetry'),
  lightstep: unsupported('warning', 'Takes traces in a form that no Envoy sends any more; write opentelemetry'),
  opencensus: unsupported('warning', 'Takes traces in a form that no Envoy sends any more; write opentelemetry'),
  sds: unsupported('error', 'Hands out certificates; write a Secret'),
};

export const extensionProviderSchema = object({ name: required(string(), 'Name that policies use.'), ...kinds }, [
  { kind: 'exactly-one', fields: Object.keys(kinds) },
]);

type Written = Infer<typeof extensionProviderSchema>;

/** The provider in the model; undefined for a kind that is left out. */
function lowerExtensionProvider(written: Written, lowering: Lowering): ExtensionProvider | undefined {
  const { name } = written;
  if (written.envoyExtAuthzHttp !== undefined) return lowerExtAuthzHttp(name, written.envoyExtAuthzHttp, lowering);
  if (written.envoyExtAuthzGrpc !== undefined) return lowerExtAuthzGrpc(name, written.envoyExtAuthzGrpc, lowering);
  if (written.zipkin !== undefined) return lowerZipkin(name, written.zipkin);
  if (written.opentelemetry !== undefined) return lowerOpenTelemetry(name, written.opentelemetry);
  if (written.prometheus !== undefined) return { kind: 'prometheus', name };
  if (written.envoyFileAccessLog !== undefined) return lowerFileLog(name, written.envoyFileAccessLog);
  if (written.envoyHttpAls !== undefined) return lowerHttpAls(name, written.envoyHttpAls);
  if (written.envoyTcpAls !== undefined) return lowerTcpAls(name, written.envoyTcpAls);
  if (written.envoyOtelAls !== undefined) return lowerOtelAls(name, written.envoyOtelAls);
  return undefined;
}

/** All providers in the model. */
export function lowerExtensionProviders(written: readonly Written[], lowering: Lowering): readonly ExtensionProvider[] {
  const seen = new Set<string>();
  return written.flatMap((one) => {
    if (seen.has(one.name)) lowering.error('TUL021', one, 'name', `there are two providers "${one.name}"`);
    seen.add(one.name);
    const provider = lowerExtensionProvider(one, lowering);
    // names become parts of policies' names in proxies
    if (provider !== undefined && isAuthorizationProvider(provider) && !hasFormat('dns-label', one.name))
      lowering.error('TUL013', one, 'name', `found "${one.name}", wants a DNS label: lower-case letters, digits and hyphens, at most 63`);
    return provider === undefined ? [] : [provider];
  });
}
