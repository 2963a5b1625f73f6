import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../../core/errors.ts';
import {
  type Cluster as ClusterProto,
  Cluster_LbPolicy,
  LoadBalancingPolicySchema,
} from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { LeastRequestSchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts';
import { RandomSchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts';
import { RoundRobinSchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts';
import { decodeTyped, typeNameOf } from '../../config/typed-config.ts';
import { leastRequest } from './least-request.ts';
import type { Policy } from './load-balancer.ts';
import { DEFAULT_MAGLEV, maglev } from './maglev.ts';
import { randomChoice } from './random.ts';
import { DEFAULT_RING, ringHash } from './ring-hash.ts';
import { roundRobin } from './round-robin.ts';

const RING_SIZE = DEFAULT_RING;

function choices(count: number | undefined, path: string): number {
  if (count !== undefined && count < 2) throw new ConfigError(`${path}.choice_count`, `${count} is below 2`);
  return count ?? 2;
}

function ring(config: ClusterProto, path: string): Policy {
  if (config.lbConfig.case !== 'ringHashLbConfig') return ringHash(RING_SIZE);
  const { minimumRingSize, maximumRingSize, hashFunction } = config.lbConfig.value;
  const at = `${path}.ring_hash_lb_config`;
  if (hashFunction !== 0) throw new ConfigError(`${at}.hash_function`, 'only the default is supported');
  const size = { min: Number(minimumRingSize ?? RING_SIZE.min), max: Number(maximumRingSize ?? RING_SIZE.max) };
  if (size.min > size.max || size.max > RING_SIZE.max) {
    throw new ConfigError(at, `a ring of ${size.min} to ${size.max} entries is outside [1, ${RING_SIZE.max}] or inverted`);
  }
  return ringHash({ ...DEFAULT_RING, ...size });
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return value > 2;
}

function table(config: ClusterProto, path: string): Policy {
  if (config.lbConfig.case !== 'maglevLbConfig') return maglev();
  const size = Number(config.lbConfig.value.tableSize ?? DEFAULT_MAGLEV.tableSize);
  if (!isPrime(size) || size > 5_000_011)
    throw new ConfigError(`${path}.maglev_lb_config.table_size`, `${size} is not a prime up to 5000011`);
  return maglev({ ...DEFAULT_MAGLEV, tableSize: size });
}

/** Policies of `load_balancing_policy`, by message type. */
const TYPED: Readonly<Record<string, (any: Parameters<typeof decodeTyped>[0], path: string) => Policy>> = {
  [RoundRobinSchema.typeName](any, path) {
    decodeTyped(any, RoundRobinSchema, path);
    return roundRobin();
  },
  [RandomSchema.typeName](any, path) {
    decodeTyped(any, RandomSchema, path);
    return randomChoice;
  },
  [LeastRequestSchema.typeName]: (any, path) => leastRequest({ choices: choices(decodeTyped(any, LeastRequestSchema, path).choiceCount, path), bias: 1 }),
};

/** The first policy of the list that is known, as Envoy chooses. */
function typedPolicy(config: ClusterProto, path: string): Policy {
  const { policies } = config.loadBalancingPolicy ?? create(LoadBalancingPolicySchema);
  for (const [i, policy] of policies.entries()) {
    const any = policy.typedExtensionConfig?.typedConfig;
    const at = `${path}.load_balancing_policy.policies[${i}].typed_extension_config.typed_config`;
    const build = any === undefined ? undefined : TYPED[typeNameOf(any)];
    if (build !== undefined) return build(any, at);
  }
  throw new ConfigError(
    `${path}.load_balancing_policy`,
    `none of its ${policies.length} policies is supported (${Object.keys(TYPED).join(', ')})`,
  );
}

/** The load balancing policy that a cluster's configuration asks for. */
export function readPolicy(config: ClusterProto, path: string): Policy {
  if (config.loadBalancingPolicy !== undefined) return typedPolicy(config, path);
  switch (config.lbPolicy) {
    case Cluster_LbPolicy.ROUND_ROBIN:
    case Cluster_LbPolicy.CLUSTER_PROVIDED:
      return roundRobin();
    case Cluster_LbPolicy.LEAST_REQUEST: {
      const own = config.lbConfig.case === 'leastRequestLbConfig' ? config.lbConfig.value.choiceCount : undefined;
      return leastRequest({ choices: choices(own, `${path}.least_request_lb_config`), bias: 1 });
    }
    case Cluster_LbPolicy.RANDOM:
      return randomChoice;
    case Cluster_LbPolicy.RING_HASH:
      return ring(config, path);
    case Cluster_LbPolicy.MAGLEV:
      return table(config, path);
    default:
      throw new ConfigError(`${path}.lb_policy`, `${config.lbPolicy} is not a supported load balancing policy`);
  }
}
