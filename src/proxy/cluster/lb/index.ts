/** Reads how a cluster balances: `load_balancing_policy` by the table below, else the older `lb_policy` and its fields. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../../core/errors.ts';
import type { Cluster as ClusterProto, LoadBalancingPolicy } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterProvidedSchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided_pb.ts';
import {
  LeastRequest_SelectionMethod as SelectionMethod,
  LeastRequestSchema,
} from '../../../xds/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts';
import { MaglevSchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts';
import {
  type OverrideHost_OverrideHostSource as HostSource,
  OverrideHostSchema,
} from '../../../xds/gen/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts';
import { PeakEwmaSchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/peak_ewma/v3alpha/peak_ewma_pb.ts';
import { RandomSchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts';
import {
  RingHash_HashFunction as HashFunction,
  RingHashSchema,
} from '../../../xds/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts';
import { RoundRobinSchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts';
import { SubsetSchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts';
import { WrrLocalitySchema } from '../../../xds/gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts';
import type { MetadataKey } from '../../../xds/gen/envoy/type/metadata/v3/metadata_pb.ts';
import { decodeTyped, typeNameOf } from '../../config/typed-config.ts';
import type { BalancerSettings } from '../balancer.ts';
import { type HostChoice, levels } from './levels.ts';
import { overrideHost, type OverrideSource } from './override-host.ts';
import { readOverrideStatus } from './override-status.ts';
import type { PickerFactory } from './picker.ts';
import { randomChoice } from './random.ts';
import { readOlder, refuseBoth } from './read-older.ts';
import { readHashedLocality, readHashing, readLocality, readSlowStart } from './read-parts.ts';
import { readLeastRequest, readMaglev, readPeakEwma, readRing } from './read-policies.ts';
import { readSubsets } from './read-subsets.ts';
import { roundRobin } from './round-robin.ts';
import { subsets } from './subsets.ts';

const PANIC_THRESHOLD_PERCENT = 50;

type Read<Result> = (any: Any, path: string) => Result;

/** Policies of `load_balancing_policy` that choose a host, by message type. */
const HOST_CHOICES: Readonly<Record<string, Read<HostChoice>>> = {
  [RoundRobinSchema.typeName](any, path) {
    const { slowStartConfig, localityLbConfig } = decodeTyped(any, RoundRobinSchema, path);
    const policy = roundRobin(readSlowStart(slowStartConfig, `${path}.slow_start_config`));
    return { policy, locality: readLocality(localityLbConfig?.localityConfigSpecifier, `${path}.locality_lb_config`) };
  },
  [LeastRequestSchema.typeName](any, path) {
    const config = decodeTyped(any, LeastRequestSchema, path);
    const scans = config.enableFullScan === true || config.selectionMethod === SelectionMethod.FULL_SCAN;
    const locality = readLocality(config.localityLbConfig?.localityConfigSpecifier, `${path}.locality_lb_config`);
    return { policy: readLeastRequest(config, scans, path), locality };
  },
  [RandomSchema.typeName](any, path) {
    const { localityLbConfig } = decodeTyped(any, RandomSchema, path);
    return { policy: randomChoice, locality: readLocality(localityLbConfig?.localityConfigSpecifier, `${path}.locality_lb_config`) };
  },
  [RingHashSchema.typeName](any, path) {
    const config = decodeTyped(any, RingHashSchema, path);
    // the deprecated fields of the message itself have the same names
    const own = config.consistentHashingLbConfig;
    const hashing = own === undefined ? readHashing(config, path) : readHashing(own, `${path}.consistent_hashing_lb_config`);
    const policy = readRing(config, config.hashFunction === HashFunction.MURMUR_HASH_2, hashing, path);
    return { policy, locality: readHashedLocality(config.localityWeightedLbConfig !== undefined) };
  },
  [MaglevSchema.typeName](any, path) {
    const config = decodeTyped(any, MaglevSchema, path);
    const hashing = readHashing(config.consistentHashingLbConfig, `${path}.consistent_hashing_lb_config`);
    return { policy: readMaglev(config, hashing, path), locality: readHashedLocality(config.localityWeightedLbConfig !== undefined) };
  },
  [PeakEwmaSchema.typeName]: (any, path) => ({
    policy: readPeakEwma(decodeTyped(any, PeakEwmaSchema, path), path),
    locality: readLocality(undefined, path),
  }),
};

function readKey(key: MetadataKey, path: string): { namespace: string; path: readonly string[] } {
  const keys = key.path.flatMap(({ segment }) => (segment.case === 'key' ? [segment.value] : []));
  if (key.key === '') throw new ConfigError(`${path}.key`, 'is empty');
  if (keys.length === 0) throw new ConfigError(`${path}.path`, 'is empty');
  return { namespace: key.key, path: keys };
}

function readHostSource({ header, metadata }: HostSource, path: string): OverrideSource {
  if ((header === '') === (metadata === undefined)) throw new ConfigError(path, 'needs one of header and metadata');
  return metadata === undefined
    ? { kind: 'header', name: header.toLowerCase() }
    : { kind: 'metadata', ...readKey(metadata, `${path}.metadata`) };
}

/** Policies around others. */
const WRAPPERS: Readonly<Record<string, Read<PickerFactory>>> = {
  [SubsetSchema.typeName](any, path) {
    const config = decodeTyped(any, SubsetSchema, path);
    return subsets(readSubsets(config, path), readTyped(config.subsetLbPolicy, `${path}.subset_lb_policy`));
  },
  [WrrLocalitySchema.typeName](any, path) {
    const { endpointPickingPolicy } = decodeTyped(any, WrrLocalitySchema, path);
    const at = `${path}.endpoint_picking_policy`;
    const { read, any: inner, path: innerPath } = findPolicy(endpointPickingPolicy, HOST_CHOICES, at);
    return levels({ ...read(inner, innerPath), locality: { kind: 'weighted' } });
  },
  [OverrideHostSchema.typeName](any, path) {
    const config = decodeTyped(any, OverrideHostSchema, path);
    if (config.overrideHostSources.length === 0) throw new ConfigError(`${path}.override_host_sources`, 'is empty');
    const sources = config.overrideHostSources.map((source, i) => readHostSource(source, `${path}.override_host_sources[${i}]`));
    const selected = config.selectedHostKey && readKey(config.selectedHostKey, `${path}.selected_host_key`);
    return overrideHost({ sources, selected }, readTyped(config.fallbackPolicy, `${path}.fallback_policy`));
  },
  [ClusterProvidedSchema.typeName](any, path) {
    decodeTyped(any, ClusterProvidedSchema, path);
    return NOBODY;
  },
};

/** Of clusters that make hosts themselves: nobody asks. */
const NOBODY: PickerFactory = () => () => undefined;

const POLICIES: Readonly<Record<string, Read<PickerFactory>>> = {
  ...WRAPPERS,
  ...Object.fromEntries(Object.entries(HOST_CHOICES).map(([name, read]) => [name, (any: Any, path: string) => levels(read(any, path))])),
};

interface Found<Result> {
  readonly read: Read<Result>;
  readonly any: Any;
  readonly path: string;
}

/** The first policy of the list that is known, as Envoy chooses. */
function findPolicy<Result>(
  list: LoadBalancingPolicy | undefined,
  known: Readonly<Record<string, Read<Result>>>,
  path: string,
): Found<Result> {
  const policies = list?.policies ?? [];
  for (const [i, policy] of policies.entries()) {
    const any = policy.typedExtensionConfig?.typedConfig;
    const read = any === undefined ? undefined : known[typeNameOf(any)];
    if (any === undefined || read === undefined) continue;
    return { read, any, path: `${path}.policies[${i}].typed_extension_config.typed_config` };
  }
  const names = policies.map(({ typedExtensionConfig: own }) => (own?.typedConfig === undefined ? own?.name : typeNameOf(own.typedConfig)));
  const which = names.length === 0 ? 'has no policies' : `none of its policies is supported: ${names.join(', ')}`;
  throw new ConfigError(path, `${which}; Tulle knows ${Object.keys(known).join(', ')}`);
}

function readTyped(list: LoadBalancingPolicy | undefined, path: string): PickerFactory {
  const { read, any, path: at } = findPolicy(list, POLICIES, path);
  return read(any, at);
}

/** True for clusters whose typed policy leaves the choice to them. */
export function isClusterProvided({ loadBalancingPolicy }: ClusterProto): boolean {
  const any = loadBalancingPolicy?.policies
    .map(({ typedExtensionConfig }) => typedExtensionConfig?.typedConfig)
    .find((each) => each !== undefined && POLICIES[typeNameOf(each)] !== undefined);
  return any !== undefined && typeNameOf(any) === ClusterProvidedSchema.typeName;
}

function readPanicThreshold({ commonLbConfig }: ClusterProto, path: string): number {
  const percent = commonLbConfig?.healthyPanicThreshold?.value ?? PANIC_THRESHOLD_PERCENT;
  if (!(percent >= 0 && percent <= 100))
    throw new ConfigError(`${path}.common_lb_config.healthy_panic_threshold`, `${percent} is outside [0, 100]`);
  return Math.round(percent);
}

/** How a cluster balances; `path` is the cluster's. Throws ConfigError for what cannot be obeyed. */
export function readBalancing(config: ClusterProto, path: string): BalancerSettings {
  const common = {
    panicThreshold: readPanicThreshold(config, path),
    allowsOverride: readOverrideStatus(config.commonLbConfig?.overrideHostStatus),
  };
  if (config.loadBalancingPolicy === undefined) return { build: readOlder(config, path), ...common };
  refuseBoth(config, path);
  return { build: readTyped(config.loadBalancingPolicy, `${path}.load_balancing_policy`), ...common };
}
