/** Reads the policies that choose a host, from their own messages and from the older fields of Cluster alike. */
import type { Duration } from '@bufbuild/protobuf/wkt';
import { type LiveDouble, liveDouble } from '../../config/live-values.ts';
import { ConfigError } from '../../../core/errors.ts';
import { positiveDurationMs } from '../../config/durations.ts';
import { leastRequest } from './least-request.ts';
import type { Policy } from './load-balancer.ts';
import { DEFAULT_MAGLEV, maglev } from './maglev.ts';
import { DEFAULT_PEAK_EWMA, peakEwma } from './peak-ewma.ts';
import { readSlowStart } from './read-parts.ts';
import { DEFAULT_RING, type HashingSettings, ringHash } from './ring-hash.ts';

type SlowStartConfig = Parameters<typeof readSlowStart>[0];

const TABLE_SIZE_MAX = 5_000_011;

/** Envoy: LeastRequest; `scans` asks for all hosts to be compared. */
export function readLeastRequest(
  config: {
    readonly choiceCount?: number | undefined;
    readonly activeRequestBias?: LiveDouble | undefined;
    readonly slowStartConfig?: SlowStartConfig;
  },
  scans: boolean,
  path: string,
): Policy {
  const { choiceCount = 2, activeRequestBias } = config;
  if (choiceCount < 2) throw new ConfigError(`${path}.choice_count`, `${choiceCount} is below 2`);
  const given = activeRequestBias?.defaultValue ?? 1;
  if (!(given >= 0)) throw new ConfigError(`${path}.active_request_bias.default_value`, `${given} is below 0`);
  const live = liveDouble(activeRequestBias, 1);
  return leastRequest({
    choices: scans ? 'all' : choiceCount,
    get bias() {
      return live.value >= 0 ? live.value : 1;
    },
    slowStart: readSlowStart(config.slowStartConfig, `${path}.slow_start_config`),
  });
}

/** Envoy: RingHash, besides what all consistent hashing has. `usesMurmur`: MurmurHash2 places the hosts. */
export function readRing(
  config: { readonly minimumRingSize?: bigint | undefined; readonly maximumRingSize?: bigint | undefined },
  usesMurmur: boolean,
  hashing: HashingSettings,
  path: string,
): Policy {
  const min = Number(config.minimumRingSize ?? DEFAULT_RING.min);
  const max = Number(config.maximumRingSize ?? DEFAULT_RING.max);
  if (min > max) throw new ConfigError(`${path}.minimum_ring_size`, `${min} is above maximum_ring_size, ${max}`);
  if (max > DEFAULT_RING.max) throw new ConfigError(`${path}.maximum_ring_size`, `${max} is above ${DEFAULT_RING.max}`);
  if (min < 1) throw new ConfigError(`${path}.minimum_ring_size`, `${min} is below 1`);
  return ringHash({ min, max, function: usesMurmur ? 'murmur2' : 'xx', ...hashing });
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return value > 2;
}

/** Envoy: Maglev, besides what all consistent hashing has. */
export function readMaglev(config: { readonly tableSize?: bigint | undefined }, hashing: HashingSettings, path: string): Policy {
  const tableSize = Number(config.tableSize ?? DEFAULT_MAGLEV.tableSize);
  if (tableSize > TABLE_SIZE_MAX || !isPrime(tableSize))
    throw new ConfigError(`${path}.table_size`, `${tableSize} is not a prime up to ${TABLE_SIZE_MAX}`);
  return maglev({ tableSize, ...hashing });
}

/** Envoy: contrib's PeakEwma. */
export function readPeakEwma(
  config: { readonly decayTime?: Duration | undefined; readonly defaultRtt?: Duration | undefined },
  path: string,
): Policy {
  return peakEwma({
    decayMs: positiveDurationMs(config.decayTime, DEFAULT_PEAK_EWMA.decayMs, `${path}.decay_time`),
    defaultRttMs: positiveDurationMs(config.defaultRtt, DEFAULT_PEAK_EWMA.defaultRttMs, `${path}.default_rtt`),
  });
}
