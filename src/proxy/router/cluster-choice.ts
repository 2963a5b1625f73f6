/** Which cluster a route sends a request to: one, one of several by weight, or the one a header names. */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type {
  RouteAction,
  WeightedCluster,
  WeightedCluster_ClusterWeight as ClusterWeight,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { runtimeCount } from '../config/live-values.ts';
import type { HttpFilter } from '../http/filter.ts';
import { chainMutations, compileMutations } from './header-mutations.ts';
import { headerReader } from './matchers.ts';
import { compileCriteria } from './subset-criteria.ts';
import { compilePerFilter, type PerFilter } from './per-filter-config.ts';
import type { ClusterChoice, HeaderMutations } from './route.ts';

/** What a choice inherits from its route. */
export interface ChoiceScope {
  readonly perFilter: PerFilter;
  readonly filters: readonly HttpFilter[];
  /** Puts a weighted cluster's header changes in order with those of its route, virtual host and table. */
  combine(own: HeaderMutations | undefined): HeaderMutations | undefined;
}

export interface ClusterChooser {
  readonly choose: (head: RequestHead, random: number) => ClusterChoice;
  /** Every name that can be chosen, as far as the configuration tells. */
  readonly names: readonly string[];
}

/** One of the weighted clusters. */
interface Share {
  choose(head: RequestHead): ClusterChoice;
  /** '' where a header names it. */
  readonly name: string;
}

/** `host_rewrite_literal` of a weighted cluster. */
function hostMutation(host: string): HeaderMutations {
  return {
    applyRequest(_stream, head) {
      head.authority = host;
    },
    applyResponse() {},
  };
}

function compileShare(cluster: ClusterWeight, scope: ChoiceScope, criteria: ClusterChoice['criteria'], at: string): Share {
  if ((cluster.name === '') === (cluster.clusterHeader === '')) throw new ConfigError(at, 'needs one of name and cluster_header');
  const { hostRewriteSpecifier: host } = cluster;
  const common = {
    headers: chainMutations([
      scope.combine(compileMutations(cluster, at)),
      host.case === 'hostRewriteLiteral' && host.value !== '' ? hostMutation(host.value) : undefined,
    ]),
    perFilter: compilePerFilter(cluster.typedPerFilterConfig, scope.perFilter, scope.filters, at),
    criteria: compileCriteria(cluster.metadataMatch, criteria),
  };
  if (cluster.clusterHeader === '') {
    const choice: ClusterChoice = { name: cluster.name, ...common };
    return { choose: () => choice, name: cluster.name };
  }
  const read = headerReader(cluster.clusterHeader.toLowerCase());
  return { choose: (head) => ({ name: read(head) ?? '', ...common }), name: '' };
}

/** A number of a header that takes the place of chance, so that who sends the same number gets the same cluster. */
function numberOf(text: string | undefined, total: number): number | undefined {
  return text !== undefined && /^\d{1,20}$/.test(text) ? Number(BigInt.asUintN(64, BigInt(text)) % BigInt(total)) : undefined;
}

/** Sums of weights, up to each cluster's own. `live` gives a weight that takes the place of the configuration's. */
function boundsOf(clusters: readonly ClusterWeight[], live: (cluster: ClusterWeight) => number | undefined): readonly number[] {
  let sum = 0;
  return clusters.map((cluster) => (sum += live(cluster) ?? cluster.weight ?? 0));
}

function weighted(config: WeightedCluster, scope: ChoiceScope, criteria: ClusterChoice['criteria'], path: string): ClusterChooser {
  const bounds = boundsOf(config.clusters, () => undefined);
  const total = bounds.at(-1) ?? 0;
  const shares = config.clusters.map((cluster, i) => compileShare(cluster, scope, criteria, `${path}.clusters[${i}]`));
  const [first] = shares;
  if (first === undefined || total === 0) throw new ConfigError(`${path}.clusters`, 'the weights add up to 0');
  if (config.totalWeight !== undefined && config.totalWeight !== total) {
    throw new ConfigError(`${path}.total_weight`, `${config.totalWeight} is not the weights' sum, ${total}`);
  }
  const { randomValueSpecifier: specifier } = config;
  const readNumber = specifier.case === 'headerName' ? headerReader(specifier.value.toLowerCase()) : undefined;
  const pick = (head: RequestHead, random: number, bounds: readonly number[], total: number): ClusterChoice => {
    const at = (readNumber === undefined ? undefined : numberOf(readNumber(head), total)) ?? random * total;
    for (let i = 0; i < bounds.length; i++) if (at < (bounds[i] ?? 0)) return (shares[i] ?? first).choose(head);
    return first.choose(head);
  };
  const { runtimeKeyPrefix: prefix } = config;
  return {
    choose(head, random) {
      if (prefix === '') return pick(head, random, bounds, total);
      const now = boundsOf(config.clusters, (cluster) => runtimeCount(`${prefix}.${cluster.name}`));
      // weights that the runtime makes nothing of choose nothing: the configuration's count
      const sum = now.at(-1) ?? 0;
      return sum === 0 ? pick(head, random, bounds, total) : pick(head, random, now, sum);
    },
    names: shares.map(({ name }) => name).filter((name) => name !== ''),
  };
}

/** Compiles the cluster specifier of a route's action. */
export function compileClusterChoice(action: RouteAction, scope: ChoiceScope, path: string): ClusterChooser {
  const { clusterSpecifier: specifier } = action;
  const { perFilter } = scope;
  const criteria = compileCriteria(action.metadataMatch, undefined);
  switch (specifier.case) {
    case 'cluster': {
      const choice: ClusterChoice = { name: specifier.value, headers: undefined, perFilter, criteria };
      return { choose: () => choice, names: [specifier.value] };
    }
    case 'clusterHeader': {
      const read = headerReader(specifier.value.toLowerCase());
      return { choose: (head) => ({ name: read(head) ?? '', headers: undefined, perFilter, criteria }), names: [] };
    }
    case 'weightedClusters':
      return weighted(specifier.value, scope, criteria, `${path}.weighted_clusters`);
    default:
      throw new ConfigError(path, 'says no cluster, cluster_header or weighted_clusters');
  }
}
