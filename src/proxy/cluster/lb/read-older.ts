/** Reads `lb_policy` and the fields of Cluster that go with it. */
import { ConfigError } from '../../../core/errors.ts';
import {
  type Cluster as ClusterProto,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_LbPolicy,
  Cluster_RingHashLbConfig_HashFunction as HashFunction,
} from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { type HostChoice, levels } from './levels.ts';
import type { PickerFactory } from './picker.ts';
import { randomChoice } from './random.ts';
import { readHashedLocality, readHashing, readLocality, readSlowStart } from './read-parts.ts';
import { readLeastRequest, readMaglev, readRing } from './read-policies.ts';
import { readSubsets } from './read-subsets.ts';
import type { HashingSettings } from './ring-hash.ts';
import { roundRobin } from './round-robin.ts';
import { subsets } from './subsets.ts';

/** Names stand for hosts only where each is one host: Envoy refuses them for all but STRICT_DNS. */
function readOlderHashing({ commonLbConfig, clusterDiscoveryType }: ClusterProto, path: string): HashingSettings {
  const hashing = readHashing(commonLbConfig?.consistentHashingLbConfig, path);
  if (hashing.usesHostname && clusterDiscoveryType.value !== DiscoveryType.STRICT_DNS)
    throw new ConfigError(`${path}.use_hostname_for_hashing`, 'is for STRICT_DNS clusters');
  return hashing;
}

function readOlderChoice(config: ClusterProto, path: string): HostChoice {
  const { lbConfig, commonLbConfig } = config;
  const specifier = commonLbConfig?.localityConfigSpecifier;
  const common = `${path}.common_lb_config`;
  const locality = readLocality(specifier, common);
  const hashedLocality = readHashedLocality(specifier?.case === 'localityWeightedLbConfig');
  const hashing = () => readOlderHashing(config, `${common}.consistent_hashing_lb_config`);
  switch (config.lbPolicy) {
    case Cluster_LbPolicy.ROUND_ROBIN:
    case Cluster_LbPolicy.CLUSTER_PROVIDED: {
      const slow = lbConfig.case === 'roundRobinLbConfig' ? lbConfig.value.slowStartConfig : undefined;
      return { policy: roundRobin(readSlowStart(slow, `${path}.round_robin_lb_config.slow_start_config`)), locality };
    }
    case Cluster_LbPolicy.LEAST_REQUEST: {
      const own = lbConfig.case === 'leastRequestLbConfig' ? lbConfig.value : {};
      return { policy: readLeastRequest(own, false, `${path}.least_request_lb_config`), locality };
    }
    case Cluster_LbPolicy.RANDOM:
      return { policy: randomChoice, locality };
    case Cluster_LbPolicy.RING_HASH: {
      const own = lbConfig.case === 'ringHashLbConfig' ? lbConfig.value : undefined;
      return {
        policy: readRing(own ?? {}, own?.hashFunction === HashFunction.MURMUR_HASH_2, hashing(), `${path}.ring_hash_lb_config`),
        locality: hashedLocality,
      };
    }
    case Cluster_LbPolicy.MAGLEV: {
      const own = lbConfig.case === 'maglevLbConfig' ? lbConfig.value : {};
      return { policy: readMaglev(own, hashing(), `${path}.maglev_lb_config`), locality: hashedLocality };
    }
    default:
      throw new ConfigError(`${path}.lb_policy`, `${config.lbPolicy} is not a supported load balancing policy`);
  }
}

/** The policy of `lb_policy`; `path` is the cluster's. Throws ConfigError for what cannot be obeyed. */
export function readOlder(config: ClusterProto, path: string): PickerFactory {
  const build = levels(readOlderChoice(config, path));
  const { lbSubsetConfig } = config;
  // without selectors there are no subsets, whatever else is said of them
  if (lbSubsetConfig === undefined || lbSubsetConfig.subsetSelectors.length === 0) return build;
  if (config.lbPolicy === Cluster_LbPolicy.CLUSTER_PROVIDED)
    throw new ConfigError(`${path}.lb_subset_config`, 'cannot be combined with CLUSTER_PROVIDED');
  return subsets(readSubsets(lbSubsetConfig, `${path}.lb_subset_config`), build);
}

/** Refuses fields that say what a typed policy says itself. */
export function refuseBoth({ lbSubsetConfig, commonLbConfig }: ClusterProto, path: string): void {
  const both = 'cannot be combined with load_balancing_policy';
  if (lbSubsetConfig !== undefined) throw new ConfigError(`${path}.lb_subset_config`, both);
  if (commonLbConfig?.localityConfigSpecifier.case !== undefined || commonLbConfig?.consistentHashingLbConfig !== undefined)
    throw new ConfigError(`${path}.common_lb_config`, `its localities and consistent_hashing_lb_config ${both}`);
}
