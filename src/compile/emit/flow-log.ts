/**
 * The access logger by which a proxy tells the control plane of flows: for proxies that say in their node's metadata to
 * which cluster (`TULLE.flows`). Our own decides itself which to tell of; a stock Envoy is told by filters: what was
 * denied or failed, and a share of the rest.
 */
import { create } from '@bufbuild/protobuf';
import { FLOW_LOG, FLOW_TAG } from '../../core/flow-log.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import {
  type AccessLog,
  type AccessLogFilter,
  AccessLogFilterSchema,
  AccessLogSchema,
  ComparisonFilter_Op,
} from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { ApiVersion } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { ExpressionFilterSchema } from '../../xds/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import {
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { type CustomTag, CustomTagSchema } from '../../xds/gen/envoy/type/tracing/v3/custom_tag_pb.ts';
import { extension } from './any.ts';
import { memoised } from './memo.ts';
import type { ProxyNode } from './proxy-node.ts';
import type { Side } from './telemetry-filters.ts';

/** How long a stock Envoy keeps entries back. Ours does by itself. */
const FLUSH_SECONDS = 1n;
/** Runtime key of the share that a stock Envoy tells of, and the share in percent where it is not set. */
const SAMPLE_KEY = 'tulle.flows.sample';
const SAMPLE_PERCENT = 1;

const REPORTERS: Readonly<Record<Side, string>> = { client: 'source', server: 'destination', gateway: 'gateway' };

function tag(name: string, value: string): CustomTag {
  return create(CustomTagSchema, { tag: name, type: { case: 'value', value } });
}

function literalTag(name: string, value: string): CustomTag {
  return create(CustomTagSchema, { tag: name, type: { case: 'literal', value: { value } } });
}

function tagsOf(side: Side): CustomTag[] {
  return [
    literalTag(FLOW_TAG.reporter, REPORTERS[side]),
    tag(FLOW_TAG.cluster, '%UPSTREAM_CLUSTER_RAW%'),
    tag(FLOW_TAG.route, '%METADATA(ROUTE:tulle)%'),
    tag(FLOW_TAG.policy, '%DYNAMIC_METADATA(tulle)%'),
    tag(FLOW_TAG.trace, '%TRACE_ID%'),
    ...(side === 'server'
      ? []
      : [tag(FLOW_TAG.peer, '%METADATA(UPSTREAM_HOST:istio:workload)%'), tag(FLOW_TAG.upstreamPrincipal, '%UPSTREAM_PEER_URI_SAN%')]),
  ];
}

const HTTP_TAGS = [tag(FLOW_TAG.grpcStatus, '%GRPC_STATUS_NUMBER%')];
const TCP_TAGS = [tag(FLOW_TAG.connection, '%CONNECTION_ID%')];

function status(op: ComparisonFilter_Op, defaultValue: number): AccessLogFilter {
  const value = { defaultValue, runtimeKey: `tulle.flows.status_${defaultValue}` };
  return create(AccessLogFilterSchema, { filterSpecifier: { case: 'statusCodeFilter', value: { comparison: { op, value } } } });
}

/** What a stock Envoy tells of: Envoy sets no flag where RBAC ends a connection, but says why it ended. */
function stockFilter(kind: 'http' | 'tcp'): AccessLogFilter {
  const ended = extension('envoy.access_loggers.extension_filters.cel', ExpressionFilterSchema, {
    expression: "connection.termination_details != ''",
  });
  const sample = create(AccessLogFilterSchema, {
    filterSpecifier: { case: 'runtimeFilter', value: { runtimeKey: SAMPLE_KEY, percentSampled: { numerator: SAMPLE_PERCENT } } },
  });
  const failed = create(AccessLogFilterSchema, { filterSpecifier: { case: 'responseFlagFilter', value: {} } });
  const own =
    kind === 'http'
      ? [status(ComparisonFilter_Op.GE, 500), ...[401, 403, 429].map((code) => status(ComparisonFilter_Op.EQ, code))]
      : [create(AccessLogFilterSchema, { filterSpecifier: { case: 'extensionFilter', value: ended } })];
  return create(AccessLogFilterSchema, { filterSpecifier: { case: 'orFilter', value: { filters: [failed, ...own, sample] } } });
}

function commonOf(cluster: string, customTags: CustomTag[]) {
  return {
    logName: FLOW_LOG,
    grpcService: { targetSpecifier: { case: 'envoyGrpc' as const, value: { clusterName: cluster } } },
    transportApiVersion: ApiVersion.V3,
    bufferFlushInterval: { seconds: FLUSH_SECONDS },
    customTags,
  };
}

/** The logger of one side's HTTP connection managers, or TCP proxies; none where the proxy does not ask for it. */
export const flowLogsOf = memoised((settings: MeshSettings, side: Side, kind: 'http' | 'tcp'): readonly AccessLog[] => {
  const to = settings.flowsTo;
  if (to === undefined) return [];
  const commonConfig = commonOf(to.cluster, [...tagsOf(side), ...(kind === 'http' ? HTTP_TAGS : TCP_TAGS)]);
  const logger =
    kind === 'http'
      ? extension('envoy.access_loggers.http_grpc', HttpGrpcAccessLogConfigSchema, { commonConfig })
      : extension('envoy.access_loggers.tcp_grpc', TcpGrpcAccessLogConfigSchema, { commonConfig });
  return [create(AccessLogSchema, { ...logger, ...(to.isOwnProxy ? {} : { filter: stockFilter(kind) }) })];
});

const NO_CHAIN = create(AccessLogFilterSchema, { filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } } });

/**
 * The logger of one side's listeners themselves, for connections that no filter chain takes: all others have a logger
 * behind their chain. It says nothing of why, so that a listener stays as it is where only the reason changes: the
 * control plane knows by the port and its PeerAuthentication.
 */
export const listenerFlowLogsOf = memoised((settings: MeshSettings, side: Side): readonly AccessLog[] => {
  const to = settings.flowsTo;
  if (to === undefined) return [];
  const tags = [literalTag(FLOW_TAG.reporter, REPORTERS[side]), literalTag(FLOW_TAG.refused, 'no_filter_chain'), ...TCP_TAGS];
  const logger = extension('envoy.access_loggers.tcp_grpc', TcpGrpcAccessLogConfigSchema, { commonConfig: commonOf(to.cluster, tags) });
  return [create(AccessLogSchema, { ...logger, filter: NO_CHAIN })];
});

const withTarget = memoised((settings: MeshSettings, cluster: string, isOwnProxy: boolean): MeshSettings => ({
  ...settings,
  flowsTo: { cluster, isOwnProxy },
}));

/** The settings of a proxy's listeners, with where it tells of flows. */
export function withFlows(settings: MeshSettings, { flowCluster, userAgent }: Pick<ProxyNode, 'flowCluster' | 'userAgent'>): MeshSettings {
  if (flowCluster === undefined || !settings.flows.isEnabled) return settings;
  return withTarget(settings, flowCluster, userAgent === 'tulle');
}
