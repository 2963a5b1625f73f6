/** Tracing of HTTP connection managers: how much is traced, what spans hold, and where they go. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import type { OpenTelemetryProvider, ProviderHeader, ZipkinProvider } from '../../model/telemetry-provider.ts';
import type { SpanIdentity, SpanTag, SpanTags } from '../../model/telemetry.ts';
import { HeaderValueOption_HeaderAppendAction as AppendAction } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { HttpServiceSchema } from '../../xds/gen/envoy/config/core/v3/http_service_pb.ts';
import { Tracing_HttpSchema } from '../../xds/gen/envoy/config/trace/v3/http_tracer_pb.ts';
import { OpenTelemetryConfigSchema } from '../../xds/gen/envoy/config/trace/v3/opentelemetry_pb.ts';
import {
  ZipkinConfig_CollectorEndpointVersion as CollectorVersion,
  ZipkinConfig_TraceContextOption as TraceContext,
  ZipkinConfigSchema,
} from '../../xds/gen/envoy/config/trace/v3/zipkin_pb.ts';
import {
  type HttpConnectionManager_Tracing as Tracing,
  HttpConnectionManager_TracingSchema as TracingSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { EnvironmentResourceDetectorConfigSchema } from '../../xds/gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector_pb.ts';
import { MetadataKeySchema, MetadataKindSchema } from '../../xds/gen/envoy/type/metadata/v3/metadata_pb.ts';
import { type CustomTag, CustomTag_MetadataSchema, CustomTagSchema } from '../../xds/gen/envoy/type/tracing/v3/custom_tag_pb.ts';
import { duration, durationOf, type Extension, extension, pack } from './any.ts';
import { memoised } from './memo.ts';
import { providerCluster, providerNamed } from './providers.ts';
import { type Side, sideOf } from './telemetry-filters.ts';
import { type TracingTo, tracingOf } from './telemetry-rules.ts';

type HttpService = MessageInitShape<typeof HttpServiceSchema>;

function httpService(uri: string, cluster: string, timeoutMs: number, headers: readonly ProviderHeader[]): HttpService {
  return {
    httpUri: { uri, httpUpstreamType: { case: 'cluster', value: cluster }, timeout: duration(timeoutMs) },
    requestHeadersToAdd: headers.map(({ name, value }) => ({
      header: { key: name, value },
      appendAction: AppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    })),
  };
}

function zipkin(provider: ZipkinProvider, { cluster, host }: { readonly cluster: string; readonly host: string }): Extension {
  return extension('envoy.tracers.zipkin', ZipkinConfigSchema, {
    collectorEndpointVersion: CollectorVersion.HTTP_JSON,
    traceId128bit: !provider.has64BitTraceIds,
    sharedSpanContext: false,
    traceContextOption: provider.propagatesW3c ? TraceContext.USE_B3_WITH_W3C_PROPAGATION : TraceContext.USE_B3,
    collectorService: httpService(`http://${host}${provider.path}`, cluster, provider.timeoutMs, provider.headers),
  });
}

/** OpenTelemetry's rule for the name of a service on Kubernetes. */
function semanticName({ serviceName, workload, instance }: SpanIdentity): string {
  return workload || instance || serviceName || 'unknown_service';
}

function openTelemetry(
  provider: OpenTelemetryProvider,
  { cluster, host }: { readonly cluster: string; readonly host: string },
  identity: SpanIdentity,
): Extension {
  const { http, grpc } = provider;
  const environment = pack(EnvironmentResourceDetectorConfigSchema, {});
  return extension('envoy.tracers.opentelemetry', OpenTelemetryConfigSchema, {
    serviceName: provider.hasSemanticName ? semanticName(identity) : identity.serviceName,
    ...(http !== undefined
      ? { httpService: httpService(`${host}${http.path}`, cluster, http.timeoutMs, http.headers) }
      : {
          grpcService: {
            targetSpecifier: { case: 'envoyGrpc', value: { clusterName: cluster, authority: host } },
            ...(grpc.timeoutMs !== undefined && { timeout: durationOf(grpc.timeoutMs) }),
            initialMetadata: grpc.metadata.map(({ name, value }) => ({ key: name, value })),
          },
        }),
    ...(provider.readsEnvironment && {
      resourceDetectors: [{ name: 'envoy.tracers.opentelemetry.resource_detectors.environment', typedConfig: environment }],
    }),
  });
}

/** The tracer for the provider named `name`; undefined where it takes no spans, or its service does not exist. */
function tracerOf(settings: MeshSettings, name: string, identity: SpanIdentity) {
  const provider = providerNamed(settings, name);
  if (provider?.kind !== 'zipkin' && provider?.kind !== 'opentelemetry') return undefined;
  const target = providerCluster(settings, provider);
  if (target === undefined) return undefined;
  const tracer = provider.kind === 'zipkin' ? zipkin(provider, target) : openTelemetry(provider, target, identity);
  return { tracer, maxTagLength: provider.maxTagLength };
}

function customTag([tag, value]: readonly [string, SpanTag]): CustomTag {
  switch (value.from) {
    case 'literal':
      return create(CustomTagSchema, { tag, type: { case: 'literal', value: { value: value.value } } });
    case 'formatter':
      return create(CustomTagSchema, { tag, type: { case: 'value', value: value.value } });
    case 'environment':
    case 'header': {
      const { name, defaultValue } = value;
      return create(CustomTagSchema, {
        tag,
        type: { case: value.from === 'header' ? 'requestHeader' : 'environment', value: { name, defaultValue } },
      });
    }
  }
}

const literal = (value: string): SpanTag => ({ from: 'literal', value: value === '' ? 'unknown' : value });

/** Istio's tags of who the proxy is. */
function identityTags(identity: SpanIdentity): SpanTags {
  return {
    'istio.canonical_revision': literal(identity.canonicalRevision),
    'istio.canonical_service': literal(identity.canonicalService),
    'istio.mesh_id': literal(identity.meshId),
    'istio.namespace': literal(identity.namespace),
    'istio.cluster_id': literal(identity.clusterId),
  };
}

const RBAC = 'envoy.filters.http.rbac';

/** Istio's tags of what policies on trial would have done; absent where there are none. */
const DRY_RUN_TAGS: readonly CustomTag[] = ['allow', 'deny'].flatMap((action) => [
  dryRunTag(`istio.authorization.dry_run.${action}_policy.name`, `istio_dry_run_${action}_shadow_effective_policy_id`),
  dryRunTag(`istio.authorization.dry_run.${action}_policy.result`, `istio_dry_run_${action}_shadow_engine_result`),
]);

function dryRunTag(tag: string, key: string): CustomTag {
  const metadataKey = create(MetadataKeySchema, { key: RBAC, path: [{ segment: { case: 'key', value: key } }] });
  const kind = create(MetadataKindSchema, { kind: { case: 'request', value: {} } });
  return create(CustomTagSchema, { tag, type: { case: 'metadata', value: create(CustomTag_MetadataSchema, { kind, metadataKey }) } });
}

const byTag = (a: CustomTag, b: CustomTag) => (a.tag < b.tag ? -1 : 1);

function tagsOf(settings: MeshSettings, { hasIstioTags, tags }: TracingTo, identity: SpanIdentity): CustomTag[] {
  const own = tags !== undefined && Object.keys(tags).length > 0 ? tags : (settings.proxy.spanTags ?? {});
  const istio = hasIstioTags ? [...Object.entries(identityTags(identity)).map(customTag), ...DRY_RUN_TAGS] : [];
  return [...istio, ...Object.entries(own).map(customTag)].toSorted(byTag);
}

/** Everything that asks to be traced is, and `percent` of the rest. */
function sampled(percent: number, maxPathTagLength: number): Tracing {
  return create(TracingSchema, {
    clientSampling: { value: 100 },
    randomSampling: { value: percent },
    overallSampling: { value: 100 },
    ...(maxPathTagLength > 0 && { maxPathTagLength }),
  });
}

/** In percent; Istio's usual share where nothing is said. */
function samplingOf({ proxy }: MeshSettings): number {
  return proxy.tracingSampling ?? 1;
}

/** Tracing of one side, and whether request IDs decide what is traced. */
export interface HcmTracing {
  /** undefined: nothing is traced. */
  readonly tracing: Tracing | undefined;
  readonly usesRequestIdForSampling: boolean;
}

/**
 * What `side` traces. Without a Telemetry or default provider requests are sampled, so that those who are told of traces
 * by headers know, and spans go nowhere: then they have no tags, which would make the listeners of all workloads differ.
 */
export const tracingFor = memoised((settings: MeshSettings, side: Side): HcmTracing => {
  const { rules = [], identity } = settings.telemetry ?? {};
  const to = tracingOf(rules, sideOf(side), settings.defaultProviders.tracing);
  if (to === undefined) {
    const tracing = settings.isTracingEnabled ? sampled(samplingOf(settings), settings.proxy.maxPathTagLength ?? 0) : undefined;
    return { tracing, usesRequestIdForSampling: true };
  }
  const found = to.isDisabled || to.provider === undefined || !identity ? undefined : tracerOf(settings, to.provider, identity);
  if (found === undefined || identity === undefined) return { tracing: undefined, usesRequestIdForSampling: true };
  const tracing = sampled(to.samplingPercent ?? samplingOf(settings), found.maxTagLength || (settings.proxy.maxPathTagLength ?? 0));
  tracing.customTags = tagsOf(settings, to, identity);
  tracing.provider = create(Tracing_HttpSchema, found.tracer);
  if (side === 'gateway') tracing.spawnUpstreamSpan = true;
  tracing.noContextPropagation = to.isPropagationDisabled;
  return { tracing, usesRequestIdForSampling: to.usesRequestIdForSampling };
});
