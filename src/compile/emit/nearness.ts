/**
 * Which endpoints a client prefers by where they are: Istio's locality settings as priorities and weights of localities.
 * Failover counts only with outlier detection, without which nobody would ever fall back.
 */
import type { Endpoint, Locality } from '../../model/service.ts';
import type { LocalityPreference } from '../../model/traffic-policy.ts';
import type { PortPolicy } from './destination-policy.ts';
import { memoised } from './memo.ts';
import type { Client, Scope } from './scope.ts';

/** A client's place and what it prefers. */
export interface Nearness {
  readonly preference: LocalityPreference;
  readonly locality: Locality;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether endpoints have priorities at all. */
  readonly failsOver: boolean;
}

const PLACE_LABELS = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'] as const;

/** Labels with those that a locality stands for. */
function placedLabels(labels: Readonly<Record<string, string>>, locality: Locality): Readonly<Record<string, string>> {
  const places = locality.split('/').map((part, i) => [PLACE_LABELS[i] ?? '', part]);
  return { ...Object.fromEntries(places), ...labels };
}

const nearnessTo = memoised((client: Client, preference: LocalityPreference, failsOver: boolean): Nearness | undefined => {
  const { locality } = client;
  const isByLabel = failsOver && preference.failoverPriority.length > 0;
  const isByPlace = locality !== '' && (failsOver || preference.distribute.length > 0);
  if (!isByLabel && !isByPlace) return undefined;
  return { preference, locality, labels: placedLabels(client.labels, locality), failsOver };
});

/** What a scope's client prefers among the endpoints of a service under `policy`; undefined: nothing. */
export function nearnessIn(
  { client, settings }: Pick<Scope, 'client' | 'settings'>,
  { loadBalancer, outlierDetection }: PortPolicy,
): Nearness | undefined {
  const preference = loadBalancer?.locality ?? settings.locality;
  return preference.isEnabled ? nearnessTo(client, preference, outlierDetection !== undefined) : undefined;
}

/** The labels that preferences go by. */
export function preferenceLabels({ failoverPriority }: LocalityPreference): string[] {
  return failoverPriority.map((label) => label.split('=', 1)[0] ?? '');
}

/** How many labels, from the first that differs on, an endpoint does not share with the client. */
function labelRank({ preference, labels }: Nearness, endpoint: Endpoint): number {
  const own = placedLabels(endpoint.labels, endpoint.locality);
  const first = preference.failoverPriority.findIndex((label) => {
    const [key = '', ...value] = label.split('=');
    return (value.length > 0 ? value.join('=') : labels[key]) !== own[key];
  });
  return first < 0 ? 0 : preference.failoverPriority.length - first;
}

/** 0 the same subzone, 1 the zone, 2 the region, 3 elsewhere; where a region takes over, 4 is elsewhere still. */
function placeRank({ preference, locality }: Nearness, endpoint: Endpoint): number {
  const own = locality.split('/');
  const other = endpoint.locality.split('/');
  const differs = [0, 1, 2].findIndex((i) => (own[i] ?? '') !== (other[i] ?? ''));
  if (differs !== 0) return differs < 0 ? 0 : 3 - differs;
  const others = preference.failover.filter(({ from }) => from === own[0]);
  return others.length === 0 || others.some(({ to }) => to === other[0]) ? 3 : 4;
}

/** How near an endpoint is: the smaller the nearer, with gaps. */
export function rankOf(nearness: Nearness | undefined, endpoint: Endpoint): number {
  if (nearness === undefined || !nearness.failsOver || nearness.preference.distribute.length > 0) return 0;
  return nearness.preference.failoverPriority.length > 0 ? labelRank(nearness, endpoint) : placeRank(nearness, endpoint);
}

/** True where `pattern`, which may end in `*`, is for `locality`. */
function covers(pattern: string, locality: Locality): boolean {
  const parts = locality.split('/');
  return pattern.split('/').every((part, i) => part === '*' || part === (parts[i] ?? ''));
}

/**
 * Weights of localities that have `weights` by themselves, where the client's locality has shares; those without a share
 * are not in it. Undefined: localities weigh what they weigh.
 */
export function sharesOf(
  nearness: Nearness | undefined,
  weights: ReadonlyMap<Locality, number>,
): ReadonlyMap<Locality, number> | undefined {
  const rule = nearness?.preference.distribute.find(({ from }) => covers(from, nearness.locality));
  if (rule === undefined) return undefined;
  const shares = new Map<Locality, number>();
  for (const [pattern, share] of rule.to.toSorted(([a], [b]) => b.length - a.length)) {
    const covered = [...weights].filter(([locality]) => !shares.has(locality) && covers(pattern, locality));
    const sum = covered.reduce((all, [, weight]) => all + weight, 0);
    for (const [locality, weight] of covered) shares.set(locality, Math.ceil((weight * share) / sum));
  }
  return shares;
}
