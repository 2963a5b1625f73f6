/** What a rule does with a request: forward, redirect, or answer. */
import { create } from '@bufbuild/protobuf';
import type { Destination, HttpRule, Redirect, Rewrite, WeightedDestination } from '../../model/route.ts';
import type { HashKey } from '../../model/traffic-policy.ts';
import {
  type DirectResponseAction,
  DirectResponseActionSchema,
  type RedirectAction,
  RedirectAction_RedirectResponseCode as RedirectCode,
  RedirectActionSchema,
  type RouteAction,
  type RouteAction_HashPolicy,
  RouteAction_HashPolicySchema,
  RouteAction_RequestMirrorPolicySchema,
  RouteActionSchema,
  WeightedCluster_ClusterWeightSchema,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { ConfigError } from '../../core/errors.ts';
import { duration, fraction } from './any.ts';
import { effectivePolicy, portPolicy } from './destination-policy.ts';
import { headerFields, hostOverride } from './header-operations.ts';
import { outboundCluster } from './names.ts';
import { headersOf } from './proxy-headers.ts';
import { retryPolicyOf } from './retry-policy.ts';
import type { Scope } from './scope.ts';

/** The service port of a destination: its own, the service's only one, or the listener's. */
export function destinationPort(scope: Scope, { host, port }: Destination, listenerPort: number): number {
  if (port !== undefined) return port;
  const ports = scope.services.get(host)?.ports ?? [];
  return ports.length === 1 && ports[0] !== undefined ? ports[0].number : listenerPort;
}

/** The cluster of a destination. One that does not exist answers 503 NC, as Istio's does. */
export function destinationCluster(scope: Scope, destination: Destination, listenerPort: number): string {
  return outboundCluster(destinationPort(scope, destination, listenerPort), destination.subset ?? '', destination.host);
}

/** What a DestinationRule hashes requests to a destination by. */
function hashKeyOf(scope: Scope, destination: Destination, listenerPort: number): HashKey | undefined {
  const service = scope.services.get(destination.host);
  if (service === undefined) return undefined;
  const effective = effectivePolicy(scope, service);
  const subset = effective.subsets.find(({ name }) => name === destination.subset);
  const { loadBalancer } = portPolicy(effective, subset, destinationPort(scope, destination, listenerPort));
  return loadBalancer?.kind === 'consistent-hash' ? loadBalancer.key : undefined;
}

function hashPolicy(key: HashKey): RouteAction_HashPolicy {
  switch (key.kind) {
    case 'header':
      return create(RouteAction_HashPolicySchema, { policySpecifier: { case: 'header', value: { headerName: key.name } } });
    case 'cookie': {
      const attributes = key.attributes.map(([name, value]) => ({ name, value }));
      const ttl = key.ttlMs === undefined ? {} : { ttl: duration(key.ttlMs) };
      return create(RouteAction_HashPolicySchema, {
        policySpecifier: { case: 'cookie', value: { name: key.name, path: key.path, ...ttl, attributes } },
      });
    }
    case 'source-ip':
      return create(RouteAction_HashPolicySchema, { policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } } });
    case 'query':
      return create(RouteAction_HashPolicySchema, { policySpecifier: { case: 'queryParameter', value: { name: key.name } } });
  }
}

/** One destination is a plain cluster; those with weight 0 among several get nothing. */
function setDestinations(action: RouteAction, scope: Scope, destinations: readonly WeightedDestination[], port: number): void {
  const [only] = destinations;
  if (destinations.length === 1 && only !== undefined) {
    action.clusterSpecifier = { case: 'cluster', value: destinationCluster(scope, only.destination, port) };
    return;
  }
  const clusters = destinations
    .filter(({ weight }) => weight > 0)
    .map(({ destination, weight, headers }) => {
      const host = hostOverride(headers);
      return create(WeightedCluster_ClusterWeightSchema, {
        name: destinationCluster(scope, destination, port),
        weight,
        ...headerFields(headers),
        ...(host !== undefined && { hostRewriteSpecifier: { case: 'hostRewriteLiteral' as const, value: host } }),
      });
    });
  action.clusterSpecifier = {
    case: 'weightedClusters',
    value: {
      $typeName: 'envoy.config.route.v3.WeightedCluster',
      clusters,
      runtimeKeyPrefix: '',
      randomValueSpecifier: { case: undefined },
    },
  };
}

function setRewrite(action: RouteAction, rewrite: Rewrite | undefined): void {
  if (rewrite?.uriRegex !== undefined) {
    action.regexRewrite = {
      $typeName: 'envoy.type.matcher.v3.RegexMatchAndSubstitute',
      pattern: { $typeName: 'envoy.type.matcher.v3.RegexMatcher', regex: rewrite.uriRegex.match, engineType: { case: undefined } },
      substitution: rewrite.uriRegex.rewrite,
    };
  } else if (rewrite?.uri !== undefined) action.prefixRewrite = rewrite.uri;
}

/** The route action of a rule that forwards, on the listener port `port`. */
export function forwardAction(scope: Scope, rule: HttpRule, destinations: readonly WeightedDestination[], port: number): RouteAction {
  const keys = destinations.map(({ destination }) => hashKeyOf(scope, destination, port)).filter((key) => key !== undefined);
  const timeout = duration(rule.timeoutMs ?? 0);
  const action = create(RouteActionSchema, { timeout, maxGrpcTimeout: timeout, hashPolicy: keys.slice(0, 1).map(hashPolicy) });
  const retryPolicy = retryPolicyOf(rule.retries, keys.length > 0, scope.settings);
  if (retryPolicy !== undefined) action.retryPolicy = retryPolicy;
  setDestinations(action, scope, destinations, port);
  setRewrite(action, rule.rewrite);
  action.appendXForwardedHost = rule.rewrite !== undefined && headersOf(scope.settings).hasForwardedHost;
  const single = destinations.length === 1 ? destinations[0]?.headers : undefined;
  const host = rule.rewrite?.authority ?? hostOverride(rule.headers) ?? hostOverride(single);
  if (host !== undefined) action.hostRewriteSpecifier = { case: 'hostRewriteLiteral', value: host };
  const mirrors = rule.mirrors.filter(({ percent }) => percent > 0);
  action.requestMirrorPolicies = mirrors.map(({ destination, percent }) =>
    create(RouteAction_RequestMirrorPolicySchema, {
      cluster: destinationCluster(scope, destination, port),
      runtimeFraction: { defaultValue: fraction(percent) },
      traceSampled: false,
      disableShadowHostSuffixAppend: true,
    }),
  );
  return action;
}

const REDIRECT_CODES: Readonly<Record<number, RedirectCode>> = {
  301: RedirectCode.MOVED_PERMANENTLY,
  302: RedirectCode.FOUND,
  303: RedirectCode.SEE_OTHER,
  307: RedirectCode.TEMPORARY_REDIRECT,
  308: RedirectCode.PERMANENT_REDIRECT,
};

/** The port of a redirect: Envoy writes none where it is the scheme's own, which is what a protocol's default is. */
function redirectPort({ scheme, port }: Redirect, { port: own, isTls }: RedirectSite): number | undefined {
  if (port !== 'request-port') return typeof port === 'number' ? port : undefined;
  const usual = (scheme ?? (isTls ? 'https' : 'http')) === 'https' ? 443 : 80;
  return own === usual ? undefined : own;
}

/** The listener that a redirect is for. */
interface RedirectSite {
  readonly port: number;
  readonly isTls: boolean;
}

/** A redirect of requests to `site`; `path` names the rule where it cannot be expressed. */
export function redirectAction(redirect: Redirect, site: RedirectSite, path: string): RedirectAction {
  const { uri, prefixRewrite, authority, scheme, code } = redirect;
  const responseCode = REDIRECT_CODES[code];
  if (responseCode === undefined)
    throw new ConfigError(`${path}.redirect.redirectCode`, `${code} is not one of ${Object.keys(REDIRECT_CODES).join(', ')}`);
  const action = create(RedirectActionSchema, { responseCode, hostRedirect: authority ?? '' });
  if (uri !== undefined) action.pathRewriteSpecifier = { case: 'pathRedirect', value: uri };
  if (prefixRewrite !== undefined) action.pathRewriteSpecifier = { case: 'prefixRewrite', value: prefixRewrite };
  if (scheme !== undefined) action.schemeRewriteSpecifier = { case: 'schemeRedirect', value: scheme };
  const port = redirectPort(redirect, site);
  if (port !== undefined) action.portRedirect = port;
  return action;
}

/** An answer by the proxy itself. */
export function directResponse(status: number, body: Uint8Array): DirectResponseAction {
  return create(DirectResponseActionSchema, {
    status,
    ...(body.length > 0 && { body: { specifier: { case: 'inlineBytes' as const, value: body } } }),
  });
}
