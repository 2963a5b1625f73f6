/** The HTTP connection manager of every kind of listener. */
import { create } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import { type Filter, FilterSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { CorsSchema } from '../../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { HTTPFaultSchema } from '../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { FilterConfigSchema as GrpcStatsSchema } from '../../xds/gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
import { GrpcWebSchema } from '../../xds/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts';
import { OnDemandSchema } from '../../xds/gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert,
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
  RequestIDExtensionSchema,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { UuidRequestIdConfigSchema } from '../../xds/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import { accessLogsOf } from './access-log.ts';
import { duration, type Extension, extension, overAds, pack } from './any.ts';
import { dynamicHostFilter } from './dynamic-dns.ts';
import { flowLogsOf } from './flow-log.ts';
import { memoised } from './memo.ts';
import { HCM } from './names.ts';
import { headersOf, setProxyHeaders } from './proxy-headers.ts';
import { CORS, FAULT } from './route-filters.ts';
import type { Client } from './scope.ts';
import { peerFilters, type Side, statsFilters } from './telemetry-filters.ts';
import { tracingFor } from './tracing.ts';

export interface HcmOptions {
  readonly settings: MeshSettings;
  readonly client: Pick<Client, 'userAgent' | 'isOnDemand'>;
  readonly side: Side;
  readonly statPrefix: string;
  /** The name of a route configuration to ask for, or one in place. */
  readonly routes: string | RouteConfiguration;
  /** True where routes lead to hosts that are looked up when they are called. */
  readonly hasDynamicHosts?: boolean;
  /** True where clients of gRPC-Web come. */
  readonly isGrpcWeb?: boolean;
  /** Filters that decide whether a request may pass, before all that act on it. */
  readonly authorization: readonly Extension[];
}

/** Counts messages, which `istio.stats` reads from the state of the stream. */
const GRPC_STATS = extension('envoy.filters.http.grpc_stats', GrpcStatsSchema, {
  emitFilterState: true,
  perMethodStatSpecifier: { case: 'statsForAllMethods', value: {} },
});

/** What requests go through before and behind what decides whether they may pass: the same messages for all listeners of a kind. */
const commonFilters = memoised((settings: MeshSettings, userAgent: Client['userAgent'], side: Side) => {
  const messages = (extensions: readonly Extension[]) => extensions.map((each) => create(HttpFilterSchema, each));
  const debugs = headersOf(settings).hasDebugHeaders;
  return {
    peers: messages(peerFilters(settings, userAgent, side)),
    grpcWeb: messages([extension('envoy.filters.http.grpc_web', GrpcWebSchema, {})]),
    acting: messages([
      GRPC_STATS,
      extension(FAULT, HTTPFaultSchema, {}),
      extension(CORS, CorsSchema, {}),
      ...statsFilters(settings, userAgent, side),
    ]),
    router: messages([extension('envoy.filters.http.router', RouterSchema, debugs ? {} : { suppressEnvoyHeaders: true })]),
  };
});

/** The order is Istio's: who is it, may it, then what is done to it, metrics, and the router last. */
function httpFilters({
  settings,
  client,
  side,
  authorization,
  hasDynamicHosts = false,
  isGrpcWeb = false,
}: HcmOptions): (HttpFilter | Extension)[] {
  const onDemand = client.isOnDemand && side !== 'server';
  const { peers, grpcWeb, acting, router } = commonFilters(settings, client.userAgent, side);
  return [
    ...peers,
    ...authorization,
    ...(onDemand ? [extension('envoy.filters.http.on_demand', OnDemandSchema, { odcds: { source: overAds() } })] : []),
    ...(isGrpcWeb ? grpcWeb : []),
    ...acting,
    ...(hasDynamicHosts ? [dynamicHostFilter()] : []),
    ...router,
  ];
}

const NORMALIZATION = {
  NONE: { normalizePath: false },
  BASE: { normalizePath: true, pathWithEscapedSlashesAction: EscapedSlashes.KEEP_UNCHANGED },
  MERGE_SLASHES: { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: EscapedSlashes.KEEP_UNCHANGED },
  DECODE_AND_MERGE_SLASHES: { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: EscapedSlashes.UNESCAPE_AND_FORWARD },
} satisfies Record<MeshSettings['pathNormalization'], object>;

const CERTIFICATE_DETAILS = { subject: true, dns: true, uri: true };

/** What differs by side: whom the client's address and certificate headers are believed from. */
const SIDES = {
  client: { useRemoteAddress: false },
  server: {
    useRemoteAddress: false,
    serverName: 'istio-envoy',
    forwardClientCertDetails: ForwardClientCert.APPEND_FORWARD,
    setCurrentClientCertDetails: CERTIFICATE_DETAILS,
  },
  gateway: {
    useRemoteAddress: true,
    serverName: 'istio-envoy',
    forwardClientCertDetails: ForwardClientCert.SANITIZE_SET,
    setCurrentClientCertDetails: { ...CERTIFICATE_DETAILS, cert: true },
  },
} satisfies Record<Side, object>;

/** Request IDs decide what is traced, which is Envoy's default, unless a Telemetry says no. */
function setTracing(manager: HttpConnectionManager, settings: MeshSettings, side: Side): void {
  const { tracing, usesRequestIdForSampling } = tracingFor(settings, side);
  manager.tracing = tracing;
  if (usesRequestIdForSampling) return;
  const typedConfig = pack(UuidRequestIdConfigSchema, { useRequestIdForTraceSampling: false });
  manager.requestIdExtension = create(RequestIDExtensionSchema, { typedConfig });
}

/** The network filter that speaks HTTP. */
export function httpConnectionManager(options: HcmOptions): Filter {
  const { settings, side, statPrefix, routes } = options;
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix,
    routeSpecifier:
      typeof routes === 'string'
        ? { case: 'rds', value: { configSource: overAds(), routeConfigName: routes } }
        : { case: 'routeConfig', value: routes },
    httpFilters: httpFilters(options),
    accessLog: [...accessLogsOf(settings, side), ...flowLogsOf(settings, side, 'http')],
    streamIdleTimeout: duration(0),
    proxy100Continue: true,
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    ...NORMALIZATION[settings.pathNormalization],
    ...SIDES[side],
  });
  setTracing(manager, settings, side);
  setProxyHeaders(manager, settings, side);
  return create(FilterSchema, extension(HCM, HttpConnectionManagerSchema, manager));
}
