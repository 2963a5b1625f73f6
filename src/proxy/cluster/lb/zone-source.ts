/**
 * Zone-aware routing: traffic stays in the proxy's own zone as far as the other zones' proxies leave room for it there.
 * Envoy: ZoneAwareLbConfig, https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/zone_aware
 */
import type { ClusterHost } from '../host.ts';
import { hostAt, type Policy } from './load-balancer.ts';
import type { LocalZone, PickScope } from './picker.ts';
import type { Source } from './source.ts';

/** Envoy: ZoneAwareLbConfig. */
export interface ZoneRule {
  /** Share of requests that zones are looked at for, in [0, 1]. */
  readonly share: number;
  /** Healthy hosts below which zones are not looked at. */
  readonly minClusterSize: number;
  readonly failsOnPanic: boolean;
  /** Healthy hosts in the proxy's own zone from which on all traffic goes there; undefined: only what is the zone's share. */
  readonly forceLocalMinSize: number | undefined;
  /** Zones are compared by the weights of their healthy hosts, not by their number. */
  readonly comparesWeights: boolean;
}

/** Envoy's defaults, which are in force wherever the proxy has a local cluster. */
export const DEFAULT_ZONE_RULE: ZoneRule = {
  share: 1,
  minClusterSize: 6,
  failsOnPanic: false,
  forceLocalMinSize: undefined,
  comparesWeights: false,
};

const isFit = (host: ClusterHost): boolean => host.isHealthy && !host.isDegraded;

/** How traffic of one zone spreads over all: numbers are ten-thousandths, as in Envoy. */
interface Spread {
  /** Index of the locality that is the proxy's own; -1: it has no hosts there. */
  readonly local: number;
  /** How much of the traffic goes to the own locality. */
  readonly localShare: number;
  /** What the localities up to each have room for, added up. */
  readonly residual: readonly number[];
}

function sizeOf(hosts: readonly ClusterHost[], rule: ZoneRule): number {
  return rule.comparesWeights ? hosts.reduce((sum, host) => sum + host.weight, 0) : hosts.length;
}

function tenThousandths(part: number, total: number): number {
  return total === 0 ? 0 : Math.floor((10_000 * part) / total);
}

/** How many per ten thousand of the hosts are in each of `localities`. */
function sharesOf(hosts: readonly ClusterHost[], localities: readonly string[], rule: ZoneRule): number[] {
  const total = sizeOf(hosts, rule);
  const byLocality = Map.groupBy(hosts, (host) => host.endpoint.locality);
  return localities.map((locality) => tenThousandths(sizeOf(byLocality.get(locality) ?? [], rule), total));
}

/** True where zones cannot be looked at: too few of them, or hosts, or the proxy's own zone is unknown. */
function isTooLittle(fit: readonly ClusterHost[], localities: number, zone: LocalZone, rule: ZoneRule, scope: PickScope): boolean {
  if (localities < 2) return true;
  const locals = zone.hosts();
  const zones = new Set(locals.map((host) => host.endpoint.locality));
  if (rule.forceLocalMinSize === undefined && zones.size < 2) return true;
  if (!zones.has(zone.locality)) {
    scope.stats.counter('lb_local_cluster_not_ok').value++;
    return true;
  }
  if (fit.length >= rule.minClusterSize) return false;
  scope.stats.counter('lb_zone_cluster_too_small').value++;
  return true;
}

function spreadOver(groups: ReadonlyMap<string, readonly ClusterHost[]>, zone: LocalZone, rule: ZoneRule): Spread {
  const localities = [...groups.keys()];
  const upstream = sharesOf([...groups.values()].flat(), localities, rule);
  const proxies = sharesOf(zone.hosts().filter(isFit), localities, rule);
  const local = localities.indexOf(zone.locality);
  const [ownUpstream, ownProxies] = [upstream[local] ?? 0, proxies[local] ?? 0];
  const isForced = rule.forceLocalMinSize !== undefined && (groups.get(zone.locality)?.length ?? 0) >= rule.forceLocalMinSize;
  if (local !== -1 && (isForced || (ownUpstream > 0 && ownUpstream >= ownProxies))) return { local, localShare: 10_000, residual: [] };
  let room = 0;
  const residual = localities.map((_, i) => (room += i === local ? 0 : Math.max(0, (upstream[i] ?? 0) - (proxies[i] ?? 0))));
  return { local, localShare: ownProxies > 0 ? tenThousandths(ownUpstream, ownProxies) : 0, residual };
}

/** Index of the locality for one request. */
function chooseLocality({ local, localShare, residual }: Spread, random: () => number): number {
  if (localShare >= 10_000 || random() * 10_000 < localShare) return local;
  const room = residual.at(-1) ?? 0;
  // rounding may leave no room at all
  if (room === 0) return Math.floor(random() * residual.length);
  const at = random() * room;
  return residual.findIndex((bound) => at < bound);
}

/** True where too many proxies of the local cluster are not healthy. */
function isLocalPanic(zone: LocalZone, threshold: number): boolean {
  const hosts = zone.hosts().filter((host) => !host.isExcluded);
  return hosts.length === 0 ? threshold > 0 : (100 * hosts.filter((host) => host.isHealthy).length) / hosts.length < threshold;
}

/** Chooses among the healthy hosts of priority 0; `plain` is the choice that does not look at zones. */
export function zoneSource(
  policy: Policy,
  fit: readonly ClusterHost[],
  plain: Source,
  rule: ZoneRule,
  zone: LocalZone,
  scope: PickScope,
): Source {
  const groups = Map.groupBy(fit, (host) => host.endpoint.locality);
  const balancers = [...groups.values()].map((members) => policy.create(members, scope));
  const count = (name: string) => scope.stats.counter(name);
  const directly = count('lb_zone_routing_all_directly');
  const sampled = count('lb_zone_routing_sampled');
  const cross = count('lb_zone_routing_cross_zone');
  let version = NaN;
  let spread: Spread | undefined;
  let panics = false;
  const refresh = (): void => {
    version = zone.version();
    count('lb_recalculate_zone_structures').value++;
    spread = isTooLittle(fit, groups.size, zone, rule, scope) ? undefined : spreadOver(groups, zone, rule);
    panics = isLocalPanic(zone, scope.panicThreshold);
  };
  return (hash, attempt) => {
    if (version !== zone.version()) refresh();
    if (spread === undefined || (rule.share < 1 && scope.random() >= rule.share)) return plain(hash, attempt);
    if (panics) {
      count('lb_local_cluster_not_ok').value++;
      return rule.failsOnPanic ? undefined : plain(hash, attempt);
    }
    const at = chooseLocality(spread, scope.random);
    if (spread.localShare >= 10_000) directly.value++;
    else if (at === spread.local) sampled.value++;
    else cross.value++;
    return balancers[at]?.pick(hash, attempt) ?? hostAt(fit, 0);
  };
}
