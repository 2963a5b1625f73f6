/**
 * Parts that several policies have in common, in their own messages and in the older fields of Cluster alike: the types
 * here are what both have.
 */
import type { Duration } from '@bufbuild/protobuf/wkt';
import { type LiveDouble, liveDouble } from '../../config/live-values.ts';
import { ConfigError } from '../../../core/errors.ts';
import { durationMs } from '../../config/durations.ts';
import type { LocalityRule } from './levels.ts';
import type { HashingSettings } from './ring-hash.ts';
import type { SlowStart } from './slow-start.ts';
import { DEFAULT_ZONE_RULE } from './zone-source.ts';

/** Envoy: Percent. */
interface Percent {
  readonly value: number;
}

/** A share in [0, 1]. Throws ConfigError outside of 0 to 100 per cent. */
function shareOf(percent: Percent | undefined, fallback: number, path: string): number {
  if (percent === undefined) return fallback;
  if (!(percent.value >= 0 && percent.value <= 100)) throw new ConfigError(path, `${percent.value} is outside [0, 100]`);
  return percent.value / 100;
}

const MIN_WEIGHT = 0.1;

/** Envoy: SlowStartConfig; undefined where no window is set. */
export function readSlowStart(
  config:
    | {
        readonly slowStartWindow?: Duration | undefined;
        readonly aggression?: LiveDouble | undefined;
        readonly minWeightPercent?: Percent | undefined;
      }
    | undefined,
  path: string,
): SlowStart | undefined {
  const windowMs = durationMs(config?.slowStartWindow, 0);
  if (config === undefined || windowMs <= 0) return undefined;
  const { aggression } = config;
  const given = aggression?.defaultValue ?? 1;
  if (!(given > 0)) throw new ConfigError(`${path}.aggression.default_value`, `${given} is not above zero`);
  const live = liveDouble(aggression, 1);
  return {
    windowMs,
    get aggression() {
      return Math.max(0, live.value);
    },
    minWeight: shareOf(config.minWeightPercent, MIN_WEIGHT, `${path}.min_weight_percent`),
  };
}

/** Envoy: LocalityLbConfig, and CommonLbConfig.locality_config_specifier. */
export type LocalityConfig =
  | { readonly case: 'localityWeightedLbConfig' }
  | {
      readonly case: 'zoneAwareLbConfig';
      readonly value: {
        readonly routingEnabled?: Percent | undefined;
        readonly minClusterSize?: bigint | number | undefined;
        readonly failTrafficOnPanic: boolean;
        readonly forceLocalityDirectRouting?: boolean;
        readonly forceLocalZone?: { readonly minSize?: number | undefined } | undefined;
        readonly localityBasis?: number;
      };
    }
  | { readonly case: undefined };

const BASES = ['HEALTHY_HOSTS_NUM', 'HEALTHY_HOSTS_WEIGHT'];

/** What localities mean for policies without hashes: zones count wherever the proxy has a local cluster. */
export function readLocality(config: LocalityConfig | undefined, path: string): LocalityRule {
  if (config?.case === 'localityWeightedLbConfig') return { kind: 'weighted' };
  if (config?.case === undefined) return { kind: 'zones', ...DEFAULT_ZONE_RULE };
  const {
    routingEnabled,
    minClusterSize,
    failTrafficOnPanic,
    forceLocalityDirectRouting,
    forceLocalZone,
    localityBasis = 0,
  } = config.value;
  const at = `${path}.zone_aware_lb_config`;
  if (localityBasis >= BASES.length) throw new ConfigError(`${at}.locality_basis`, `${localityBasis} is none of ${BASES.join(', ')}`);
  const oldForce = forceLocalityDirectRouting === true ? 1 : undefined;
  return {
    kind: 'zones',
    share: shareOf(routingEnabled, DEFAULT_ZONE_RULE.share, `${at}.routing_enabled`),
    minClusterSize: Number(minClusterSize ?? DEFAULT_ZONE_RULE.minClusterSize),
    failsOnPanic: failTrafficOnPanic,
    forceLocalMinSize: forceLocalZone === undefined ? oldForce : (forceLocalZone.minSize ?? 1),
    comparesWeights: localityBasis === 1,
  };
}

/** Localities for policies with hashes: they have weights only where that is said. */
export function readHashedLocality(isWeighted: boolean): LocalityRule {
  return isWeighted ? { kind: 'weighted' } : { kind: 'zones', ...DEFAULT_ZONE_RULE };
}

/** Envoy: ConsistentHashingLbConfig. */
export function readHashing(
  config: { readonly useHostnameForHashing: boolean; readonly hashBalanceFactor?: number | undefined } | undefined,
  path: string,
): HashingSettings {
  const balanceFactor = config?.hashBalanceFactor;
  if (balanceFactor !== undefined && balanceFactor < 100)
    throw new ConfigError(`${path}.hash_balance_factor`, `${balanceFactor} is below 100`);
  return { usesHostname: config?.useHostnameForHashing ?? false, balanceFactor: balanceFactor ?? 0 };
}
