/**
 * Statistics by which requests are counted besides those of their cluster: of a route that has a `stat_prefix`
 * (`vhost.<virtual host>.route.<stat_prefix>.upstream_rq_*`) and of virtual clusters
 * (`vhost.<virtual host>.vcluster.<name>.upstream_rq_*`). Source: Envoy, "Router filter: statistics" and
 * `chargeResponseStat`, which counts both alike.
 */
import { AnswerStats } from '../cluster/answer-stats.ts';
import type { Counter, StatsScope } from '../telemetry/stats.ts';

/** A name under which requests are counted. The object is the key of its statistics. */
export interface CountedAs {
  readonly virtualHostName: string;
  readonly kind: 'route' | 'vcluster';
  readonly name: string;
}

/** What is there from the start; the rest is from the first answer on, as Envoy's is. */
const COUNTERS = [
  'upstream_rq_retry',
  'upstream_rq_retry_limit_exceeded',
  'upstream_rq_retry_overflow',
  'upstream_rq_retry_success',
  'upstream_rq_timeout',
  'upstream_rq_total',
] as const;

type CounterName = (typeof COUNTERS)[number];

export interface RequestStats {
  readonly counters: Readonly<Record<CounterName, Counter>>;
  readonly answers: AnswerStats;
  /** Gives back the names: they go with the last one that has them. */
  drop(): void;
}

/** Of a request that nothing counts by itself. */
export const UNCOUNTED: readonly RequestStats[] = [];

const byRoot = new WeakMap<StatsScope, WeakMap<CountedAs, RequestStats>>();

function create(root: StatsScope, { virtualHostName, kind, name }: CountedAs): RequestStats {
  // apart, so that names with dots stay whole
  const host = root.scope(`vhost.${virtualHostName}`);
  const scope = host.scope(`${kind}.${name}`);
  const counters = Object.fromEntries(COUNTERS.map((each) => [each, scope.counter(each)])) as Record<CounterName, Counter>;
  return {
    counters,
    answers: new AnswerStats(scope),
    drop() {
      scope.drop();
      host.drop();
    },
  };
}

/** The statistics of a name, made where they are not there yet. `root` is the proxy's scope. */
export function requestStats(root: StatsScope, counted: CountedAs): RequestStats {
  let known = byRoot.get(root);
  if (known === undefined) byRoot.set(root, (known = new WeakMap()));
  let stats = known.get(counted);
  if (stats === undefined) known.set(counted, (stats = create(root, counted)));
  return stats;
}

/** Has statistics before the first request that they count. Gives what forgets them, once their configuration is gone. */
export function declareStats(root: StatsScope, counted: readonly CountedAs[] = []): () => void {
  const all = counted.map((each) => requestStats(root, each));
  return () => {
    for (const stats of all) stats.drop();
  };
}

/** Counts one more, wherever the request is counted. */
export function countRequest(all: readonly RequestStats[], name: CounterName): void {
  for (const { counters } of all) counters[name].value++;
}
