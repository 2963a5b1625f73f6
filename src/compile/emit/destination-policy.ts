/** Which traffic policy applies from a client to a service: Istio's lookup, merge and inheritance of DestinationRules. */
import { selects } from '../../model/match.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { DestinationPolicy, Subset, TrafficPolicy } from '../../model/traffic-policy.ts';
import { hostSpecificity, isExported } from './hosts.ts';
import { memoised } from './memo.ts';
import type { Scope } from './scope.ts';
import type { ServiceShape } from './shape.ts';
import { queried } from './trace.ts';

export interface EffectivePolicy {
  readonly policy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
  /** The resource it comes from; undefined where none applies. */
  readonly origin: Provenance | undefined;
}

/** The blocks of a policy for one port, after inheritance. */
export type PortPolicy = Pick<
  TrafficPolicy,
  'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls' | 'retryBudget' | 'proxyProtocol' | 'tunnel'
>;

const NONE: EffectivePolicy = { policy: undefined, subsets: [], origin: undefined };

/** Of `policies` those for the most specific host pattern that names `host`. */
function best(policies: readonly DestinationPolicy[], host: string): DestinationPolicy[] {
  let specificity = -1;
  let found: DestinationPolicy[] = [];
  for (const policy of policies) {
    const own = hostSpecificity(policy.host, host);
    if (own < 0 || own < specificity) continue;
    if (own > specificity) found = [];
    specificity = own;
    found.push(policy);
  }
  return found;
}

/** Those with a workload selector first; subsets join, the first policy for each block wins. */
function merge(policies: readonly DestinationPolicy[]): EffectivePolicy {
  const [first] = policies;
  if (first === undefined) return NONE;
  const isSelecting = (policy: DestinationPolicy) => Object.keys(policy.workloadSelector).length > 0;
  const ordered = [...policies.filter(isSelecting), ...policies.filter((policy) => !isSelecting(policy))];
  const subsets = new Map<string, Subset>();
  for (const { subsets: own } of ordered) for (const subset of own) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  return {
    policy: ordered.find(({ policy }) => policy !== undefined)?.policy,
    subsets: [...subsets.values()],
    origin: ordered[0]?.origin ?? first.origin,
  };
}

const effective = new WeakMap<Scope, Map<ServiceShape, EffectivePolicy>>();

/**
 * The policy for `service` in `scope`: of the client's namespace, else of the service's, else of the root namespace.
 * Levels are never merged.
 */
export const effectivePolicy = queried((scope: Scope, service: ServiceShape): EffectivePolicy => {
  let known = effective.get(scope);
  if (known === undefined) effective.set(scope, (known = new Map()));
  const former = known.get(service);
  if (former !== undefined) return former;
  const found = sharedPolicy(service, lookUp(scope, service));
  known.set(service, found);
  return found;
});

/** Policies of one namespace: those for a host outright, and those for patterns. */
interface Level {
  readonly exact: ReadonlyMap<string, readonly DestinationPolicy[]>;
  readonly patterns: readonly DestinationPolicy[];
}

/** Policies by namespace: services are many, and so are policies. */
const levelsOf = memoised((policies: readonly DestinationPolicy[]): ReadonlyMap<string, Level> => {
  const levels = new Map<string, Level>();
  for (const [namespace, own] of Map.groupBy(policies, (policy) => policy.namespace)) {
    const [patterns, named] = [own.filter(({ host }) => host.startsWith('*')), own.filter(({ host }) => !host.startsWith('*'))];
    levels.set(namespace, { exact: Map.groupBy(named, ({ host }) => host), patterns });
  }
  return levels;
});

/** Those that apply to `host`: for it outright, else for the most specific pattern. */
function bestOf({ exact, patterns }: Level, host: string, applies: (policy: DestinationPolicy) => boolean): readonly DestinationPolicy[] {
  const own = (exact.get(host) ?? []).filter(applies);
  return own.length > 0 ? own : best(patterns.filter(applies), host);
}

function lookUp(scope: Scope, service: ServiceShape): EffectivePolicy {
  const { client, settings } = scope;
  const applies = ({ namespace, exportTo, workloadSelector }: DestinationPolicy) =>
    isExported(exportTo, namespace, client.namespace) &&
    (Object.keys(workloadSelector).length === 0 || (namespace === client.namespace && selects(workloadSelector, client.labels)));
  const levels = [client.namespace === settings.rootNamespace ? undefined : client.namespace, service.namespace, settings.rootNamespace];
  const known = levelsOf(scope.destinationPolicies);
  for (const namespace of levels) {
    const level = namespace === undefined ? undefined : known.get(namespace);
    const found = level === undefined ? [] : bestOf(level, service.hostname, applies);
    if (found.length > 0) return merge(found);
  }
  return NONE;
}

/**
 * The blocks that apply to `port` of `subset` (undefined: of the service itself). A block of the subset beats the
 * service's; settings for a port stand alone, what they leave out takes the mesh's defaults.
 */
export function portPolicy(effective: EffectivePolicy, subset: Subset | undefined, port: number): PortPolicy {
  const base = blocks(effective.policy, port);
  if (subset?.policy === undefined) return base;
  const own = blocks(subset.policy, port);
  const whole = {
    retryBudget: own.retryBudget ?? base.retryBudget,
    proxyProtocol: own.proxyProtocol ?? base.proxyProtocol,
    tunnel: own.tunnel ?? base.tunnel,
  };
  if (subset.policy.ports.has(port)) return { ...own, ...whole };
  return {
    loadBalancer: own.loadBalancer ?? base.loadBalancer,
    connectionPool: own.connectionPool ?? base.connectionPool,
    outlierDetection: own.outlierDetection ?? base.outlierDetection,
    tls: own.tls ?? base.tls,
    ...whole,
  };
}

function blocks(policy: TrafficPolicy | undefined, port: number): PortPolicy {
  const chosen = policy?.ports.get(port) ?? policy;
  return {
    loadBalancer: chosen?.loadBalancer,
    connectionPool: chosen?.connectionPool,
    outlierDetection: chosen?.outlierDetection,
    tls: chosen?.tls,
    retryBudget: chosen?.retryBudget,
    proxyProtocol: chosen?.proxyProtocol,
    tunnel: chosen?.tunnel,
  };
}

const shared = new WeakMap<ServiceShape, EffectivePolicy[]>();

/** How many policies for one service are remembered: one for each kind of client. */
const SHARED_MAX = 8;

/** The same object for all scopes that come to the same policy, so that they share what is compiled from it. */
export function sharedPolicy(service: ServiceShape, effective: EffectivePolicy): EffectivePolicy {
  if (effective.origin === undefined) return NONE;
  const known = shared.get(service) ?? [];
  const same = known.find(
    ({ origin, policy, subsets }) =>
      origin === effective.origin &&
      policy === effective.policy &&
      subsets.length === effective.subsets.length &&
      subsets.every((subset, i) => subset === effective.subsets[i]),
  );
  if (same !== undefined) return same;
  shared.set(service, [...known.slice(1 - SHARED_MAX), effective]);
  return effective;
}
