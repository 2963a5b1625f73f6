/** Reads subsets, from their own message and from `lb_subset_config` alike. */
import type { JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../../core/errors.ts';
import type { SubsetFallback, SubsetRule, SubsetSelector } from './subsets.ts';

interface SelectorConfig {
  readonly keys: readonly string[];
  readonly singleHostPerSubset: boolean;
  readonly fallbackPolicy: number;
  readonly fallbackKeysSubset: readonly string[];
}

/** Envoy: Subset, LbSubsetConfig. */
interface SubsetConfig {
  readonly fallbackPolicy: number;
  readonly defaultSubset?: JsonObject | undefined;
  readonly subsetSelectors: readonly SelectorConfig[];
  readonly allowRedundantKeys?: boolean;
  readonly localityWeightAware: boolean;
  readonly scaleLocalityWeight: boolean;
  readonly panicModeAny: boolean;
  readonly listAsAny: boolean;
  readonly metadataFallbackPolicy: number;
}

/** By number. */
const FALLBACKS: readonly SubsetFallback[] = ['none', 'any', 'default'];
const SELECTOR_FALLBACKS = [undefined, 'none', 'any', 'default', 'keys'] as const;

function fallbackKeys(keys: readonly string[], subset: readonly string[], path: string): readonly string[] {
  const own = [...new Set(subset)].toSorted();
  if (own.length === 0) throw new ConfigError(path, 'is empty, and fallback_policy is KEYS_SUBSET');
  const unknown = own.find((key) => !keys.includes(key));
  if (unknown !== undefined) throw new ConfigError(path, `"${unknown}" is none of keys`);
  if (own.length === keys.length) throw new ConfigError(path, 'equals keys');
  return own;
}

function readSelector(config: SelectorConfig, path: string): SubsetSelector {
  const keys = [...new Set(config.keys)].toSorted();
  if (keys.length === 0) throw new ConfigError(`${path}.keys`, 'is empty');
  if (config.fallbackPolicy >= SELECTOR_FALLBACKS.length)
    throw new ConfigError(`${path}.fallback_policy`, `${config.fallbackPolicy} is not known`);
  const fallback = SELECTOR_FALLBACKS[config.fallbackPolicy];
  return {
    keys,
    isSingleHost: config.singleHostPerSubset,
    fallback: fallback === 'keys' ? fallbackKeys(keys, config.fallbackKeysSubset, `${path}.fallback_keys_subset`) : fallback,
  };
}

/** Throws ConfigError for what cannot be obeyed; `path` is the message's. */
export function readSubsets(config: SubsetConfig, path: string): SubsetRule {
  const fallback = FALLBACKS[config.fallbackPolicy];
  if (fallback === undefined) throw new ConfigError(`${path}.fallback_policy`, `${config.fallbackPolicy} is not known`);
  if (config.metadataFallbackPolicy > 1)
    throw new ConfigError(`${path}.metadata_fallback_policy`, `${config.metadataFallbackPolicy} is not known`);
  return {
    fallback,
    defaults: config.defaultSubset ?? {},
    selectors: config.subsetSelectors.map((selector, i) => readSelector(selector, `${path}.subset_selectors[${i}]`)),
    allowsRedundantKeys: config.allowRedundantKeys ?? false,
    isLocalityWeightAware: config.localityWeightAware,
    scalesLocalityWeight: config.scaleLocalityWeight,
    panicsToAny: config.panicModeAny,
    listAsAny: config.listAsAny,
    triesFallbackList: config.metadataFallbackPolicy === 1,
  };
}
