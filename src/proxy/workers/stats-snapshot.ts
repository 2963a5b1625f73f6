/** Statistics of one event loop as another sees them, and several loops' as one. */
import type { ClusterManager } from '../cluster/cluster.ts';
import type { HostCounts } from '../admin/view.ts';
import { type CountedElsewhere, labelKey, type Stat, type StatsReader } from '../telemetry/registry.ts';
import type { Exemplar, Histogram } from '../telemetry/stats.ts';

type Exemplars = readonly (Exemplar | undefined)[];

/** All statistics of a loop at one time. */
export interface StatsSnapshot {
  readonly loop: number;
  readonly stats: readonly Stat[];
  /** Of hosts that were used or that something speaks against, by cluster and host. */
  readonly hosts: readonly (readonly [cluster: string, hostKey: string, counts: HostCounts])[];
}

export const NO_COUNTS: HostCounts = { activeConnections: 0, activeRequests: 0, requestsTotal: 0, healthFlags: [] };

/** Reads a loop's statistics, to be sent at once: they are those that it goes on counting with. */
export function takeSnapshot(loop: number, registry: StatsReader, clusters: Pick<ClusterManager, 'forEach'>): StatsSnapshot {
  const stats: Stat[] = [];
  registry.forEach((stat) => stats.push(stat));
  const hosts: [string, string, HostCounts][] = [];
  clusters.forEach((cluster) => {
    for (const { key, activeConnections, activeRequests, requestsTotal, healthFlags = [] } of cluster.hosts) {
      if (requestsTotal.value + activeConnections + healthFlags.length > 0)
        hosts.push([cluster.name, key, { activeConnections, activeRequests, requestsTotal: requestsTotal.value, healthFlags }]);
    }
  });
  return { loop, stats, hosts };
}

/** Gauges of what happens now add up; others say the same in every loop: what is configured, or how old something is. */
const ADDED_UP = /(?:_active|_buffered|^active|\.active|open_gauge)$/;
const SAME_EVERYWHERE = /^(?:overload|server|control_plane|identity)\./;

function newest(own: Exemplars, other: Exemplars): (Exemplar | undefined)[] {
  return Array.from({ length: Math.max(own.length, other.length) }, (_, i) =>
    (own[i]?.atMs ?? 0) >= (other[i]?.atMs ?? 0) ? own[i] : other[i],
  );
}

function addHistogram(into: Histogram, from: Histogram): void {
  for (const [i, count] of from.counts.entries()) into.counts[i] = (into.counts[i] ?? 0) + count;
  if (from.exemplars !== undefined) into.exemplars = newest(into.exemplars ?? [], from.exemplars);
  into.sum += from.sum;
  into.count += from.count;
}

function addStat(into: Stat, from: Stat): void {
  const { value } = into;
  if (value.kind === 'counter' && from.value.kind === 'counter') value.counter.value += from.value.counter.value;
  else if (value.kind === 'histogram' && from.value.kind === 'histogram') addHistogram(value.histogram, from.value.histogram);
  else if (value.kind === 'gauge' && from.value.kind === 'gauge' && ADDED_UP.test(into.name) && !SAME_EVERYWHERE.test(into.name))
    value.gauge.value += from.value.gauge.value;
}

function keyOf({ name, labels, prefixes, value }: Stat): string {
  return labels === undefined ? `${prefixes.length} ${name}` : `${value.kind} ${name} ${labelKey(labels)}`;
}

/** Connections of a listener by loop, where Envoy has them by worker: `listener.<address>.worker_<n>.downstream_cx_total`. */
function ofLoop(stat: Stat, loop: number): Stat | undefined {
  const { prefixes, leaf, labels } = stat;
  const [scope = ''] = prefixes;
  if (labels !== undefined || prefixes.length !== 1 || !scope.startsWith('listener.') || !/^downstream_cx_(?:total|active)$/.test(leaf))
    return undefined;
  const name = `worker_${loop}`;
  return { ...structuredClone(stat), name: `${scope}.${name}.${leaf}`, prefixes: [scope, name] };
}

/** One loop's statistics with those of others added. Nothing of them changes. */
export function mergeStats(own: StatsReader, others: readonly StatsSnapshot[]): StatsReader {
  return {
    forEach(visit, which = 'all') {
      const all = new Map<string, Stat>();
      const put = (stat: Stat, loop: number): void => {
        const part = ofLoop(stat, loop);
        if (part !== undefined) all.set(keyOf(part), part);
      };
      own.forEach((stat) => {
        all.set(keyOf(stat), structuredClone(stat));
        put(stat, 0);
      }, which);
      for (const { loop, stats } of others) {
        for (const stat of stats) {
          if (which === 'labelled' && stat.labels === undefined) continue;
          put(stat, loop);
          const known = all.get(keyOf(stat));
          if (known === undefined) all.set(keyOf(stat), structuredClone(stat));
          else addStat(known, stat);
        }
      }
      for (const stat of all.values()) visit(stat);
    },
  };
}

/** What a snapshot's counters have counted: they are kept when their loop has ended. */
export function countersOf({ stats }: StatsSnapshot): CountedElsewhere[] {
  return stats.flatMap(({ prefixes, leaf, labels, value }) =>
    value.kind === 'counter' && value.counter.value > 0 ? [{ prefixes, leaf, labels, value: value.counter.value }] : [],
  );
}

/** A host's counts in all snapshots together. */
export function hostCounts(snapshots: readonly StatsSnapshot[]): (cluster: string, hostKey: string) => HostCounts {
  const sums = new Map<string, HostCounts>();
  for (const { hosts } of snapshots) {
    for (const [cluster, hostKey, counts] of hosts) {
      const key = `${cluster} ${hostKey}`;
      const { activeConnections, activeRequests, requestsTotal, healthFlags } = sums.get(key) ?? NO_COUNTS;
      sums.set(key, {
        activeConnections: activeConnections + counts.activeConnections,
        activeRequests: activeRequests + counts.activeRequests,
        requestsTotal: requestsTotal + counts.requestsTotal,
        healthFlags: [...healthFlags, ...counts.healthFlags],
      });
    }
  }
  return (cluster, hostKey) => sums.get(`${cluster} ${hostKey}`) ?? NO_COUNTS;
}
