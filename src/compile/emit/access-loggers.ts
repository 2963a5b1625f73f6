/** Envoy's access loggers for the providers that take access logs. */
import { create } from '@bufbuild/protobuf';
import type { ExtensionProvider } from '../../model/extension-provider.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import type { FileLogProvider, OtelAlsProvider } from '../../model/telemetry-provider.ts';
import { ApiVersion } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import {
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { OpenTelemetryAccessLogConfigSchema } from '../../xds/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import { AnyValueSchema, KeyValueListSchema } from '../../xds/gen/opentelemetry/proto/common/v1/common_pb.ts';
import { defaultText, formattersOf, meshForm, providerForm } from './access-log-format.ts';
import { type Extension, extension } from './any.ts';
import { providerCluster } from './providers.ts';

/** Filter state that istiod has OTLP loggers tell: the peers, by the names of now and before. */
const OTEL_STATE = [
  'upstream_peer',
  'downstream_peer',
  'wasm.upstream_peer',
  'wasm.upstream_peer_id',
  'wasm.downstream_peer',
  'wasm.downstream_peer_id',
];

/** The provider that is there without being written takes the mesh's form. */
function fileLogger(provider: FileLogProvider, settings: MeshSettings): Extension {
  const { name, path, format, omitsEmpty } = provider;
  const isUsual = name === 'envoy' && format === undefined && !omitsEmpty;
  const value = isUsual ? meshForm(settings) : providerForm(format, omitsEmpty);
  return extension('envoy.access_loggers.file', FileAccessLogSchema, { path, accessLogFormat: { case: 'logFormat', value } });
}

interface LogService {
  readonly name: string;
  readonly port: number;
  readonly logName: string;
}

/** What the gRPC loggers have in common; undefined where the service does not exist. */
function common(settings: MeshSettings, provider: LogService, filterState: readonly string[]) {
  const target = providerCluster(settings, provider);
  return (
    target && {
      logName: provider.logName,
      grpcService: {
        targetSpecifier: { case: 'envoyGrpc' as const, value: { clusterName: target.cluster, authority: target.host } },
      },
      transportApiVersion: ApiVersion.V3,
      filterStateObjectsToLog: [...filterState],
    }
  );
}

const text = (value: string) => create(AnyValueSchema, { value: { case: 'stringValue', value } });

function otelLogger(provider: OtelAlsProvider, settings: MeshSettings): Extension | undefined {
  const commonConfig = common(settings, provider, OTEL_STATE);
  if (commonConfig === undefined) return undefined;
  const body = provider.text === '' ? defaultText() : provider.text;
  const labels = Object.entries(provider.labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const attributes = create(KeyValueListSchema, { values: labels.map(([key, value]) => ({ key, value: text(value) })) });
  return extension('envoy.access_loggers.open_telemetry', OpenTelemetryAccessLogConfigSchema, {
    commonConfig,
    disableBuiltinLabels: true,
    body: text(body),
    ...(labels.length > 0 && { attributes }),
    formatters: formattersOf([body, ...Object.values(provider.labels)]),
  });
}

/** The access logger that sends to `provider`; undefined where it takes no access logs, or its service does not exist. */
export function loggerOf(provider: ExtensionProvider | undefined, settings: MeshSettings): Extension | undefined {
  switch (provider?.kind) {
    case 'file-log':
      return fileLogger(provider, settings);
    case 'http-als': {
      const commonConfig = common(settings, provider, provider.filterState);
      return (
        commonConfig &&
        extension('envoy.access_loggers.http_grpc', HttpGrpcAccessLogConfigSchema, {
          commonConfig,
          additionalRequestHeadersToLog: [...provider.requestHeaders],
          additionalResponseHeadersToLog: [...provider.responseHeaders],
          additionalResponseTrailersToLog: [...provider.responseTrailers],
        })
      );
    }
    case 'tcp-als': {
      const commonConfig = common(settings, provider, provider.filterState);
      return commonConfig && extension('envoy.tcp_grpc_access_log', TcpGrpcAccessLogConfigSchema, { commonConfig });
    }
    case 'otel-als':
      return otelLogger(provider, settings);
    default:
      return undefined;
  }
}
