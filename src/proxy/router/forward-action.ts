/** Compiles what a route does with a request that it forwards. Envoy: config.route.v3.RouteAction. */
import { ConfigError } from '../../core/errors.ts';
import { version1Header, version2Header } from '../../wire/proxy-protocol/write-header.ts';
import {
  type ProxyProtocolConfig,
  ProxyProtocolConfig_Version as ProxyVersion,
} from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type RouteAction as RouteActionProto,
  RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
  type RouteAction_RequestMirrorPolicy as MirrorPolicy,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { durationMs } from '../config/durations.ts';
import { liveShare } from '../config/live-values.ts';
import { compileClusterChoice } from './cluster-choice.ts';
import { readRouteTimeouts } from './grpc-timeout.ts';
import { compileHash } from './hash-policy.ts';
import { compileInternalRedirect } from './internal-redirect.ts';
import { headerReader } from './matchers.ts';
import type { PathMatch } from './path-match.ts';
import type { PerFilter } from './per-filter-config.ts';
import { compileHedge, compileRetryPolicy } from './retry-config.ts';
import { compileRewrite } from './rewrite.ts';
import type { RouteScope } from './route-entry.ts';
import type { ConnectTermination, HeaderMutations, MirrorChoice, RouteAction } from './route.ts';

type ClusterAction = Extract<RouteAction, { kind: 'cluster' }>;

/** Mirrors of one level, and the clusters that they name. */
export interface Mirrors {
  readonly choices: readonly MirrorChoice[];
  readonly clusters: readonly string[];
}

export const NO_MIRRORS: Mirrors = { choices: [], clusters: [] };

/** Envoy's default for a route without `timeout`. */
const DEFAULT_TIMEOUT_MS = 15_000;

const NOT_FOUND_STATUSES: Readonly<Record<number, number>> = {
  [NotFoundCode.SERVICE_UNAVAILABLE]: 503,
  [NotFoundCode.NOT_FOUND]: 404,
  [NotFoundCode.INTERNAL_SERVER_ERROR]: 500,
};

function compileMirror(policy: MirrorPolicy, path: string): MirrorChoice {
  const { cluster, clusterHeader } = policy;
  if ((cluster === '') === (clusterHeader === '')) throw new ConfigError(path, 'needs one of cluster and cluster_header');
  const read = clusterHeader === '' ? () => cluster : headerReader(clusterHeader.toLowerCase());
  return {
    cluster: (head) => read(head) ?? '',
    fraction: liveShare(policy.runtimeFraction, 1),
    marksHost: !policy.disableShadowHostSuffixAppend,
    host: policy.hostRewriteLiteral,
  };
}

/** Mirror policies; a level's own replace those above it. */
export function compileMirrors(policies: readonly MirrorPolicy[], above: Mirrors, path: string): Mirrors {
  if (policies.length === 0) return above;
  return {
    choices: policies.map((policy, i) => compileMirror(policy, `${path}[${i}]`)),
    clusters: policies.map(({ cluster }) => cluster).filter((name) => name !== ''),
  };
}

function readUpgrades(action: RouteActionProto): ReadonlyMap<string, boolean> {
  return new Map(action.upgradeConfigs.map(({ upgradeType, enabled }) => [upgradeType.toLowerCase(), enabled ?? true]));
}

/** The header of the PROXY protocol that a host gets first: it names the tunnel's client. */
function readPreface(config: ProxyProtocolConfig | undefined, path: string): ConnectTermination['preface'] {
  if (config === undefined) return undefined;
  if (config.passThroughTlvs !== undefined) throw new ConfigError(`${path}.pass_through_tlvs`, 'has no effect on tunnels');
  if (config.addedTlvs.length > 0) throw new ConfigError(`${path}.added_tlvs`, 'has no effect on tunnels');
  return ({ connection: { remote, local } }) => {
    const ends = { source: { address: remote.host, port: remote.port }, destination: { address: local.host, port: local.port } };
    return config.version === ProxyVersion.V2 ? version2Header(ends, []) : version1Header(ends);
  };
}

function readTermination(action: RouteActionProto, path: string): ConnectTermination | undefined {
  let termination: ConnectTermination | undefined;
  action.upgradeConfigs.forEach(({ upgradeType, connectConfig }, i) => {
    if (connectConfig === undefined) return;
    if (upgradeType.toLowerCase() !== 'connect')
      throw new ConfigError(`${path}.upgrade_configs[${i}].connect_config`, `does not fit the upgrade "${upgradeType}"`);
    const at = `${path}.upgrade_configs[${i}].connect_config.proxy_protocol_config`;
    termination = { allowsPost: connectConfig.allowPost, preface: readPreface(connectConfig.proxyProtocolConfig, at) };
  });
  return termination;
}

/** Compiles a forwarding action. `route` are the route's own header changes; `path` is the action's. */
export function compileForward(
  action: RouteActionProto,
  pathMatch: PathMatch,
  perFilter: PerFilter,
  route: HeaderMutations | undefined,
  scope: RouteScope,
  path: string,
): { readonly forward: ClusterAction; readonly clusters: readonly string[] } {
  const chooser = compileClusterChoice(action, { perFilter, filters: scope.filters, combine: (own) => scope.order(own, route) }, path);
  const mirrors = compileMirrors(action.requestMirrorPolicies, scope.mirrors, `${path}.request_mirror_policies`);
  const { hostRewriteSpecifier: host } = action;
  const forward: ClusterAction = {
    kind: 'cluster',
    cluster: chooser.choose,
    rewrite: compileRewrite(action, pathMatch, path),
    // a route with max_stream_duration has no response timeout
    timeoutMs: action.maxStreamDuration === undefined ? durationMs(action.timeout, DEFAULT_TIMEOUT_MS) : 0,
    timeouts: readRouteTimeouts(action),
    idleTimeoutMs: action.idleTimeout === undefined ? undefined : durationMs(action.idleTimeout, 0),
    flushTimeoutMs: action.flushTimeout === undefined ? undefined : durationMs(action.flushTimeout, 0),
    retry: action.retryPolicy === undefined ? scope.retry : compileRetryPolicy(action.retryPolicy, `${path}.retry_policy`),
    hedge: action.hedgePolicy === undefined ? scope.hedge : compileHedge(action.hedgePolicy, `${path}.hedge_policy`),
    mirrors: mirrors.choices,
    priority: action.priority === RoutingPriority.HIGH ? 'high' : 'default',
    rewritesHostToEndpoint: host.case === 'autoHostRewrite' && host.value.value,
    appendsForwardedHost: action.appendXForwardedHost,
    internalRedirect: compileInternalRedirect(action, path),
    terminatesConnect: readTermination(action, path),
    clusterNotFoundStatus: NOT_FOUND_STATUSES[action.clusterNotFoundResponseCode] ?? 503,
    hash: compileHash(action.hashPolicy, `${path}.hash_policy`),
    upgrades: readUpgrades(action),
  };
  return { forward, clusters: [...chooser.names, ...mirrors.clusters] };
}
