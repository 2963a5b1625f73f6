import { ConfigError } from '../../../core/errors.ts';
import {
  type Cluster as ClusterProto,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_LbPolicy as LbPolicy,
} from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { typeNameOf } from '../../config/typed-config.ts';
import { aggregateDiscovery } from './aggregate.ts';
import { isClusterProvided } from '../lb/index.ts';
import type { DiscoveryKind, DiscoveryPlan } from './discovery.ts';
import { dnsDiscovery } from './dns.ts';
import { dynamicDiscovery } from './dynamic-hosts.ts';
import { edsDiscovery } from './eds.ts';
import { originalDstDiscovery } from './original-dst.ts';
import { staticDiscovery } from './static.ts';

/** Every kind of discovery. */
const KINDS: readonly DiscoveryKind[] = [
  staticDiscovery,
  dnsDiscovery,
  edsDiscovery,
  originalDstDiscovery,
  aggregateDiscovery,
  dynamicDiscovery,
];

function kindOf(config: ClusterProto, path: string): DiscoveryKind {
  const { case: specifier, value } = config.clusterDiscoveryType;
  if (specifier === 'clusterType') {
    const message = value.typedConfig && typeNameOf(value.typedConfig);
    const kind = KINDS.find(({ names, messages }) => (message === undefined ? names.includes(value.name) : messages.includes(message)));
    if (kind === undefined) throw new ConfigError(`${path}.cluster_type`, `${value.name} is not supported`);
    return kind;
  }
  const kind = KINDS.find(({ types }) => types.includes(value ?? DiscoveryType.STATIC));
  if (kind === undefined) throw new ConfigError(`${path}.type`, `${String(value)} is not a supported discovery type`);
  return kind;
}

/** Reads how a cluster comes by its hosts; `path` is the cluster's. Throws ConfigError. */
export function readDiscovery(config: ClusterProto, path: string): DiscoveryPlan {
  const kind = kindOf(config, path);
  const isProvided =
    (config.lbPolicy === LbPolicy.CLUSTER_PROVIDED && config.loadBalancingPolicy === undefined) || isClusterProvided(config);
  if (isProvided !== kind.picksHosts)
    throw new ConfigError(
      `${path}.lb_policy`,
      isProvided ? 'CLUSTER_PROVIDED is for clusters that choose hosts themselves' : 'must be CLUSTER_PROVIDED',
    );
  return kind.read(config, path);
}
