/**
 * `envoy.clusters.aggregate`: the priorities of other clusters one after the other, as if they were those of one. Hosts
 * stay their own clusters': limits, pools and counters of connections are theirs.
 */
import { ConfigError } from '../../../core/errors.ts';
import type { Random } from '../../../core/clock.ts';
import { ClusterConfigSchema } from '../../../xds/gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.ts';
import { decodeTyped } from '../../config/typed-config.ts';
import type { Cluster, Host, PickContext } from '../cluster.ts';
import { NO_ENDPOINTS } from '../endpoints.ts';
import { type Level, type LevelLoad, panicThresholdNow, spreadLoad } from '../priority-load.ts';
import { clusterTypeOf } from './cluster-type.ts';
import type { Discovery, DiscoveryKind, DiscoveryScope } from './discovery.ts';

/** One priority of one of the clusters. */
interface Step extends Level {
  readonly cluster: Cluster;
  readonly priority: number;
  /** Leaves all other priorities of its cluster out; undefined where it has none. */
  readonly excludedLevels: PickContext['excludedLevels'];
}

/** The steps as they were, for clusters in these versions. */
interface Line {
  readonly clusters: readonly (Cluster | undefined)[];
  readonly versions: readonly number[];
  readonly steps: readonly Step[];
  readonly loads: readonly LevelLoad[];
}

const EMPTY: Level = { hosts: 0, total: 0, healthy: 0, degraded: 0 };

function stepsOf(cluster: Cluster): Step[] {
  const counts = cluster.priorities?.counts() ?? [];
  return counts
    .filter(({ hosts }) => hosts > 0)
    .map((level) => {
      const others = new Set(counts.map(({ priority }) => priority).filter((priority) => priority !== level.priority));
      return { ...level, cluster, excludedLevels: others.size === 0 ? undefined : () => others };
    });
}

/** The step that `at`, a whole number of per cents below 100, falls into. */
function stepAt({ steps, loads }: Pick<Line, 'steps' | 'loads'>, at: number): Step | undefined {
  let sum = 0;
  for (const kind of ['healthy', 'degraded'] as const)
    for (let i = 0; i < steps.length; i++) if (at < (sum += loads[i]?.[kind] ?? 0)) return steps[i];
  return undefined;
}

class Aggregate implements Discovery {
  readonly #names: readonly string[];
  readonly #panicThreshold: number;
  readonly #scope: DiscoveryScope;
  readonly #random: Random;
  #line: Line = { clusters: [], versions: [], steps: [], loads: [] };

  constructor(names: readonly string[], panicThreshold: number, scope: DiscoveryScope) {
    this.#names = names;
    this.#panicThreshold = panicThreshold;
    this.#scope = scope;
    this.#random = scope.random;
  }

  start(): void {
    this.#scope.assign(NO_ENDPOINTS);
  }

  pick(context: PickContext): Host | undefined {
    const line = this.#refreshed();
    const loads = context.excludedLevels === undefined ? line.loads : this.#loadsWithout(line, context.excludedLevels);
    const step = stepAt({ steps: line.steps, loads }, Math.floor(this.#random() * 100));
    if (step === undefined) return undefined;
    // a retry's own choice of priorities was made here, over all clusters
    const isAsIs = context.excludedLevels === undefined && step.excludedLevels === undefined;
    return step.cluster.pick(isAsIs ? context : { ...context, excludedLevels: step.excludedLevels });
  }

  #loadsWithout({ steps }: Line, excluded: NonNullable<PickContext['excludedLevels']>): readonly LevelLoad[] {
    const usable = [...steps.keys()].filter((i) => (steps[i]?.healthy ?? 0) + (steps[i]?.degraded ?? 0) > 0);
    const levelOf = (host: Host): number =>
      steps.findIndex(({ cluster, priority }) => cluster === host.cluster && priority === (host.priority ?? 0));
    const out = excluded(usable, levelOf);
    return this.#spread(steps.map((step, i) => (out.has(i) ? EMPTY : step)));
  }

  #spread(levels: readonly Level[]): readonly LevelLoad[] {
    return spreadLoad(levels, NO_ENDPOINTS.overprovisioning, panicThresholdNow(this.#panicThreshold));
  }

  /** Worked out anew where a cluster, or the hosts of one, have changed. */
  #refreshed(): Line {
    const { clusters, versions } = this.#line;
    for (let i = 0; i < this.#names.length; i++) {
      const cluster = this.#scope.findCluster(this.#names[i] ?? '');
      if (cluster !== clusters[i] || (cluster?.priorities?.version ?? 0) !== versions[i]) return this.#rebuild();
    }
    return this.#line;
  }

  #rebuild(): Line {
    const clusters = this.#names.map((name) => this.#scope.findCluster(name));
    const steps = clusters.flatMap((cluster) => (cluster === undefined ? [] : stepsOf(cluster)));
    const versions = clusters.map((cluster) => cluster?.priorities?.version ?? 0);
    this.#line = { clusters, versions, steps, loads: this.#spread(steps) };
    return this.#line;
  }

  close(): void {
    this.#line = { clusters: [], versions: [], steps: [], loads: [] };
  }
}

const PANIC_THRESHOLD_PERCENT = 50;

export const aggregateDiscovery: DiscoveryKind = {
  types: [],
  names: [],
  messages: [ClusterConfigSchema.typeName],
  picksHosts: true,
  read(config, path) {
    const at = `${path}.cluster_type.typed_config`;
    const { clusters } = decodeTyped(clusterTypeOf(config), ClusterConfigSchema, at);
    if (clusters.length === 0) throw new ConfigError(`${at}.clusters`, 'is empty');
    const panicThreshold = config.commonLbConfig?.healthyPanicThreshold?.value ?? PANIC_THRESHOLD_PERCENT;
    return { create: (scope) => new Aggregate(clusters, panicThreshold, scope) };
  },
};
