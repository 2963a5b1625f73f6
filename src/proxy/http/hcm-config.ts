/** The connection manager's configuration, read and checked. Source: Envoy, HttpConnectionManager (v3). */
import type { Any } from '@bufbuild/protobuf/wkt';
import { type Cidr, parseCidr } from '../../core/cidr.ts';
import { ConfigError } from '../../core/errors.ts';
import { type FixedField, fixedField } from '../../wire/http/headers.ts';
import type { AccessLog } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import {
  HttpProtocolOptions_HeadersWithUnderscoresAction as Underscores,
  type HttpProtocolOptions,
} from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  type HttpConnectionManager,
  HttpConnectionManager_CodecType as Codec,
  HttpConnectionManager_ForwardClientCertDetails as Forward,
  HttpConnectionManager_PathWithEscapedSlashesAction as Slashes,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
  type HttpConnectionManager_Tracing,
  type HttpFilter as HttpFilterProto,
  type LocalReplyConfig,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { UuidRequestIdConfigSchema } from '../../xds/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import { TypedStructSchema as UdpaTypedStructSchema } from '../../xds/gen/udpa/type/v1/typed_struct_pb.ts';
import { TypedStructSchema as XdsTypedStructSchema } from '../../xds/gen/xds/type/v3/typed_struct_pb.ts';
import { durationMs } from '../config/durations.ts';
import { decodeStructOr, decodeTyped, typeNameOf } from '../config/typed-config.ts';
import { buildRouteTable } from '../router/route-table.ts';
import type { TextTest } from '../router/matchers.ts';
import type { RouteTable } from '../router/route.ts';
import { readScopedRoutes, type ScopedConfig } from '../router/scoped-config.ts';
import type { ClientCertOptions, ForwardClientCert } from './client-cert.ts';
import type { HttpFilter } from './filter.ts';
import { httpFilters } from './filters/index.ts';
import { routerOptions } from './filters/router-options.ts';
import { readIgnoredUpgrades, readKeyFormat } from './http1-options.ts';
import { type Http2Settings, readHttp2Options } from './http2-options.ts';
import type { EscapedSlashes, PathOptions } from './normalize-path.ts';
import type { HygieneOptions } from './request-hygiene.ts';

/** A filter of the chain with its configuration. */
interface ConfiguredFilter {
  /** Of its entry, by which routes know it. */
  readonly name: string;
  readonly filter: HttpFilter;
  readonly config: unknown;
  /** Off unless the route says something. */
  readonly isDisabled: boolean;
}

export interface HcmConfig {
  readonly path: string;
  /** What connections speak; `auto`: what ALPN says, or their first bytes. */
  readonly codec: 'auto' | 'http1' | 'http2';
  readonly http2: Http2Settings;
  readonly statPrefix: string;
  readonly routes:
    | { readonly kind: 'rds'; readonly name: string }
    | { readonly kind: 'inline'; readonly table: RouteTable }
    | { readonly kind: 'scoped'; readonly scoped: ScopedConfig };
  /** Without the router, which ends every chain. */
  readonly filters: readonly ConfiguredFilter[];
  readonly isQuiet: boolean;
  readonly accessLog: readonly AccessLog[];
  readonly localReply: LocalReplyConfig | undefined;
  readonly tracing: HttpConnectionManager_Tracing | undefined;
  readonly generatesRequestId: boolean;
  readonly preservesExternalRequestId: boolean;
  readonly answersRequestId: boolean;
  readonly requestId: RequestIdOptions;
  /** `add_user_agent`: requests say which proxy they come through. */
  readonly addsUserAgent: boolean;
  /** `server`, with the name that responses bear. */
  readonly serverField: FixedField;
  /** `scheme_header_transformation.match_upstream`. */
  readonly matchesScheme: boolean;
  readonly serverHeader: 'overwrite' | 'append-if-absent' | 'pass-through';
  readonly hygiene: HygieneOptions;
  readonly paths: PathOptions;
  readonly via: string;
  readonly streamIdleTimeoutMs: number;
  /** How long the end of a response may wait for a client that does not take it. */
  readonly streamFlushTimeoutMs: number;
  /** That is `stream_idle_timeout`, `stream_flush_timeout` being absent: so it is for routes too. */
  readonly isFlushTimeoutIdle: boolean;
  readonly requestTimeoutMs: number;
  readonly requestHeadersTimeoutMs: number;
  readonly maxStreamDurationMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnectionDurationMs: number;
  readonly maxRequestsPerConnection: number;
  readonly delayedCloseTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly underscores: 'allow' | 'reject' | 'drop';
  readonly acceptsHttp10: boolean;
  readonly defaultHost: string;
  readonly allowsAbsoluteUrl: boolean;
  readonly passesTrailers: boolean;
  readonly allowsCustomMethods: boolean;
  /** `Expect: 100-continue` and informational responses are passed on instead of being answered here. */
  readonly proxiesContinue: boolean;
  /** A request that is refused for its form does not end its connection. */
  readonly keepsConnectionOnBadMessage: boolean;
  /** A connection that is too old ends with a response only. */
  readonly isMaxDurationSafe: boolean;
  /** `ignore_http_11_upgrade`: requests for these are plain requests. */
  readonly ignoredUpgrades: readonly TextTest[];
  /** `header_key_format`: fields of responses are written Like-This. */
  readonly isProperCase: boolean;
  /** `allow_chunked_length`: of a request with Content-Length and chunks, the chunks count. */
  readonly allowsChunkedLength: boolean;
  /** Upgrades that are allowed unless a route says otherwise. */
  readonly upgrades: ReadonlyMap<string, boolean>;
}

const ROUTER = RouterSchema.typeName;
const FIVE_MINUTES_MS = 300_000;
const HOUR_MS = 3_600_000;

const STRUCTS = [UdpaTypedStructSchema, XdsTypedStructSchema];

/** The filter of a configuration's type: the message's, or for a TypedStruct the type that it stands for. */
function filterByType(any: Any, path: string): HttpFilter | undefined {
  const typeName = typeNameOf(any);
  const struct = STRUCTS.find((schema) => schema.typeName === typeName);
  if (struct === undefined) return httpFilters.find(({ schema, structSchema }) => (schema ?? structSchema)?.typeName === typeName);
  const { typeUrl } = decodeTyped(any, struct, path);
  return httpFilters.find(({ structTypeUrl }) => structTypeUrl === typeUrl);
}

function readFilter(proto: HttpFilterProto, path: string): ConfiguredFilter | undefined {
  if (proto.configType.case !== 'typedConfig') throw new ConfigError(path, `filter ${proto.name} has no typed_config`);
  const any = proto.configType.value;
  const at = `${path}.typed_config`;
  const filter = filterByType(any, at);
  if (filter === undefined) {
    if (proto.isOptional) return undefined;
    throw new ConfigError(path, `filter ${proto.name} (${typeNameOf(any)}) is not supported by Tulle`);
  }
  // The table's type forgets which message belongs to which filter; the schema it was decoded with remembers.
  const message: unknown =
    filter.schema === undefined
      ? decodeStructOr(any, filter.structSchema, filter.structTypeUrl ?? '', at)
      : decodeTyped(any, filter.schema, at);
  return { name: proto.name, filter, config: filter.parse(message as never, at), isDisabled: proto.disabled };
}

interface Chain {
  readonly filters: readonly ConfiguredFilter[];
  readonly isQuiet: boolean;
}

function readChain(protos: readonly HttpFilterProto[], path: string): Chain {
  const last = protos.at(-1);
  const any = last?.configType.case === 'typedConfig' ? last.configType.value : undefined;
  const lastPath = `${path}.http_filters[${Math.max(0, protos.length - 1)}]`;
  if (any === undefined || typeNameOf(any) !== ROUTER) throw new ConfigError(lastPath, `the last filter must be the router (${ROUTER})`);
  const filters: ConfiguredFilter[] = [];
  for (const [i, proto] of protos.slice(0, -1).entries()) {
    const at = `${path}.http_filters[${i}]`;
    const inner = proto.configType.case === 'typedConfig' ? proto.configType.value : undefined;
    if (inner !== undefined && typeNameOf(inner) === ROUTER) throw new ConfigError(at, 'the router must be the last filter');
    const filter = readFilter(proto, at);
    if (filter !== undefined) filters.push(filter);
  }
  const router = decodeTyped(any, RouterSchema, `${lastPath}.typed_config`);
  if (router.strictCheckHeaders.length > 0 || router.respectExpectedRqTimeout) {
    filters.push({ name: '', filter: routerOptions, config: routerOptions.parse(router, `${lastPath}.typed_config`), isDisabled: false });
  }
  return { filters, isQuiet: router.suppressEnvoyHeaders };
}

function readRoutes(hcm: HttpConnectionManager, path: string): HcmConfig['routes'] {
  const { routeSpecifier } = hcm;
  switch (routeSpecifier.case) {
    case 'rds':
      if (routeSpecifier.value.configSource?.configSourceSpecifier.case !== 'ads') {
        throw new ConfigError(`${path}.rds.config_source`, 'only ads is supported by Tulle');
      }
      if (routeSpecifier.value.routeConfigName === '') throw new ConfigError(`${path}.rds.route_config_name`, 'is empty');
      return { kind: 'rds', name: routeSpecifier.value.routeConfigName };
    case 'routeConfig':
      return { kind: 'inline', table: buildRouteTable(routeSpecifier.value, `${path}.route_config`, httpFilters) };
    case 'scopedRoutes':
      return {
        kind: 'scoped',
        scoped: readScopedRoutes(routeSpecifier.value, `${path}.scoped_routes`, (config, at) => buildRouteTable(config, at, httpFilters)),
      };
    case undefined:
      throw new ConfigError(path, 'has none of rds, route_config and scoped_routes');
  }
}

const FORWARD: Readonly<Record<number, ForwardClientCert>> = {
  [Forward.SANITIZE]: 'sanitize',
  [Forward.FORWARD_ONLY]: 'forward-only',
  [Forward.APPEND_FORWARD]: 'append-forward',
  [Forward.SANITIZE_SET]: 'sanitize-set',
  [Forward.ALWAYS_FORWARD_ONLY]: 'always-forward-only',
};

function readClientCert(hcm: HttpConnectionManager): ClientCertOptions {
  const details = hcm.setCurrentClientCertDetails;
  return {
    forward: FORWARD[hcm.forwardClientCertDetails] ?? 'sanitize',
    cert: details?.cert ?? false,
    chain: details?.chain ?? false,
    subject: details?.subject ?? false,
    uri: details?.uri ?? false,
    dns: details?.dns ?? false,
  };
}

function readInternalBlocks(hcm: HttpConnectionManager, path: string): readonly Cidr[] {
  return (hcm.internalAddressConfig?.cidrRanges ?? []).map(({ addressPrefix, prefixLen }, i) => {
    const block = parseCidr(prefixLen === undefined ? addressPrefix : `${addressPrefix}/${prefixLen}`);
    if (block === undefined)
      throw new ConfigError(`${path}.internal_address_config.cidr_ranges[${i}]`, `${addressPrefix} is no CIDR block`);
    return block;
  });
}

function readScheme(hcm: HttpConnectionManager): string {
  const { transformation } = hcm.schemeHeaderTransformation ?? {};
  return transformation?.case === 'schemeToOverwrite' ? transformation.value : '';
}

function readHygiene(hcm: HttpConnectionManager, path: string): HygieneOptions {
  const stripsAny = hcm.stripPortMode.case === 'stripAnyHostPort' && hcm.stripPortMode.value;
  return {
    usesRemoteAddress: hcm.useRemoteAddress ?? false,
    trustedHops: hcm.xffNumTrustedHops,
    skipsXffAppend: hcm.skipXffAppend,
    appendsPort: hcm.appendXForwardedPort,
    internalBlocks: readInternalBlocks(hcm, path),
    internalUnixSockets: hcm.internalAddressConfig?.unixSockets ?? false,
    via: hcm.via,
    clientCert: readClientCert(hcm),
    stripsPort: stripsAny ? 'any' : hcm.stripMatchingHostPort ? 'matching' : 'none',
    stripsTrailingDot: hcm.stripTrailingHostDot,
    scheme: readScheme(hcm),
  };
}

const SLASHES: Readonly<Record<number, EscapedSlashes>> = {
  [Slashes.REJECT_REQUEST]: 'reject',
  [Slashes.UNESCAPE_AND_REDIRECT]: 'redirect',
  [Slashes.UNESCAPE_AND_FORWARD]: 'forward',
};

function readUpgrades(hcm: HttpConnectionManager, path: string): ReadonlyMap<string, boolean> {
  const upgrades = new Map<string, boolean>();
  for (const [i, { upgradeType, enabled, filters }] of hcm.upgradeConfigs.entries()) {
    const kind = upgradeType.toLowerCase();
    const at = `${path}.upgrade_configs[${i}]`;
    if (kind === 'connect-udp') throw new ConfigError(`${at}.upgrade_type`, `${upgradeType} is not supported by Tulle`);
    if (filters.length > 0) throw new ConfigError(`${at}.filters`, 'is not supported by Tulle: upgrades go through http_filters');
    upgrades.set(kind, enabled ?? true);
  }
  return upgrades;
}

/** How ids of requests and tracing go together. */
interface RequestIdOptions {
  /** `pack_trace_reason`: an id says whether its request is traced. */
  readonly packsReason: boolean;
  /** `use_request_id_for_trace_sampling`: what an id says counts. */
  readonly decidesSampling: boolean;
}

function readRequestId(hcm: HttpConnectionManager, path: string): RequestIdOptions {
  const any = hcm.requestIdExtension?.typedConfig;
  const options = any === undefined ? undefined : decodeTyped(any, UuidRequestIdConfigSchema, `${path}.typed_config`);
  return { packsReason: options?.packTraceReason ?? true, decidesSampling: options?.useRequestIdForTraceSampling ?? true };
}

function readUnderscores(options: HttpProtocolOptions | undefined): HcmConfig['underscores'] {
  const action = options?.headersWithUnderscoresAction;
  if (action === Underscores.REJECT_REQUEST) return 'reject';
  return action === Underscores.DROP_HEADER ? 'drop' : 'allow';
}

function refuseUnsupported(hcm: HttpConnectionManager, path: string): void {
  if (hcm.codecType === Codec.HTTP3) throw new ConfigError(`${path}.codec_type`, 'HTTP/3 is not supported');
  if (hcm.statPrefix === '') throw new ConfigError(`${path}.stat_prefix`, 'is empty');
}

const SERVER_HEADERS: Readonly<Record<number, HcmConfig['serverHeader']>> = {
  [ServerHeader.OVERWRITE]: 'overwrite',
  [ServerHeader.APPEND_IF_ABSENT]: 'append-if-absent',
  [ServerHeader.PASS_THROUGH]: 'pass-through',
};

function readTimes(hcm: HttpConnectionManager) {
  const common = hcm.commonHttpProtocolOptions;
  return {
    streamIdleTimeoutMs: durationMs(hcm.streamIdleTimeout, FIVE_MINUTES_MS),
    streamFlushTimeoutMs: durationMs(hcm.streamFlushTimeout, durationMs(hcm.streamIdleTimeout, FIVE_MINUTES_MS)),
    isFlushTimeoutIdle: hcm.streamFlushTimeout === undefined,
    requestTimeoutMs: durationMs(hcm.requestTimeout, 0),
    requestHeadersTimeoutMs: durationMs(hcm.requestHeadersTimeout, 0),
    maxStreamDurationMs: durationMs(common?.maxStreamDuration, 0),
    idleTimeoutMs: durationMs(common?.idleTimeout, HOUR_MS),
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
    delayedCloseTimeoutMs: durationMs(hcm.delayedCloseTimeout, 1000),
    drainTimeoutMs: durationMs(hcm.drainTimeout, 5000),
  };
}

/** Reads and checks a connection manager. Throws ConfigError naming the field for whatever Tulle does not do. */
export function readHcm(hcm: HttpConnectionManager, path: string): HcmConfig {
  refuseUnsupported(hcm, path);
  const common = hcm.commonHttpProtocolOptions;
  const http1 = hcm.httpProtocolOptions;
  const limits = { maxHeadBytes: (hcm.maxRequestHeadersKb ?? 60) * 1024, maxHeaders: common?.maxHeadersCount ?? 100 };
  return {
    path,
    codec: hcm.codecType === Codec.HTTP1 ? 'http1' : hcm.codecType === Codec.HTTP2 ? 'http2' : 'auto',
    http2: readHttp2Options(hcm.http2ProtocolOptions, limits, `${path}.http2_protocol_options`),
    statPrefix: hcm.statPrefix,
    routes: readRoutes(hcm, path),
    ...readChain(hcm.httpFilters, path),
    accessLog: hcm.accessLog,
    localReply: hcm.localReplyConfig,
    tracing: hcm.tracing,
    generatesRequestId: hcm.generateRequestId ?? true,
    preservesExternalRequestId: hcm.preserveExternalRequestId,
    answersRequestId: hcm.alwaysSetRequestIdInResponse,
    requestId: readRequestId(hcm, `${path}.request_id_extension`),
    addsUserAgent: hcm.addUserAgent ?? false,
    serverField: fixedField('server', hcm.serverName === '' ? 'envoy' : hcm.serverName),
    serverHeader: SERVER_HEADERS[hcm.serverHeaderTransformation] ?? 'overwrite',
    matchesScheme: hcm.schemeHeaderTransformation?.matchUpstream ?? false,
    hygiene: readHygiene(hcm, path),
    paths: {
      isNormalized: hcm.normalizePath ?? false,
      mergesSlashes: hcm.mergeSlashes,
      escapedSlashes: SLASHES[hcm.pathWithEscapedSlashesAction] ?? 'keep',
    },
    via: hcm.via,
    ...readTimes(hcm),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    ...limits,
    underscores: readUnderscores(common),
    acceptsHttp10: http1?.acceptHttp10 ?? false,
    defaultHost: http1?.defaultHostForHttp10 ?? '',
    allowsAbsoluteUrl: http1?.allowAbsoluteUrl ?? true,
    passesTrailers: http1?.enableTrailers ?? false,
    allowsCustomMethods: http1?.allowCustomMethods ?? false,
    proxiesContinue: hcm.proxy100Continue,
    keepsConnectionOnBadMessage: http1?.overrideStreamErrorOnInvalidHttpMessage ?? hcm.streamErrorOnInvalidHttpMessage ?? false,
    isMaxDurationSafe: hcm.http1SafeMaxConnectionDuration,
    ignoredUpgrades: readIgnoredUpgrades(http1, `${path}.http_protocol_options`),
    isProperCase: readKeyFormat(http1, `${path}.http_protocol_options`),
    allowsChunkedLength: http1?.allowChunkedLength ?? false,
    upgrades: readUpgrades(hcm, path),
  };
}
