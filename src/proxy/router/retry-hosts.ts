/** Hosts and priorities that retries pass over. Envoy: `retry_host_predicate`, `retry_priority`. */
import { ConfigError } from '../../core/errors.ts';
import { isDeepStrictEqual } from 'node:util';
import type { RetryPolicy as RetryPolicyProto } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { OmitCanaryHostsPredicateSchema } from '../../xds/gen/envoy/extensions/retry/host/omit_canary_hosts/v3/omit_canary_hosts_pb.ts';
import { OmitHostMetadataConfigSchema } from '../../xds/gen/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.ts';
import { PreviousHostsPredicateSchema } from '../../xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { PreviousPrioritiesConfigSchema } from '../../xds/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts';
import type { Host } from '../cluster/cluster.ts';
import { isCanary, LB_NAMESPACE } from '../cluster/lb-metadata.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { metadataAt } from '../telemetry/metadata-path.ts';
import type { RetryPolicy } from './route.ts';

const PREVIOUS_HOSTS = 'envoy.retry_host_predicates.previous_hosts';
const OMIT_CANARIES = 'envoy.retry_host_predicates.omit_canary_hosts';
const OMIT_METADATA = 'envoy.retry_host_predicates.omit_host_metadata';
const PREVIOUS_PRIORITIES = 'envoy.retry_priorities.previous_priorities';

type Predicate = RetryPolicyProto['retryHostPredicate'][number];
type Omits = (host: Pick<Host, 'metadata'>) => boolean;

function metadataTest(predicate: Predicate, path: string): Omits {
  if (predicate.configType.case !== 'typedConfig') throw new ConfigError(`${path}.typed_config`, 'is missing');
  const config = decodeTyped(predicate.configType.value, OmitHostMetadataConfigSchema, `${path}.typed_config`);
  const wanted = Object.entries(config.metadataMatch?.filterMetadata[LB_NAMESPACE] ?? {});
  return ({ metadata }) =>
    wanted.length > 0 && wanted.every(([key, value]) => isDeepStrictEqual(metadataAt(metadata[LB_NAMESPACE], [key]), value));
}

/**
 * Prepares `retry_host_predicate`. A policy without predicates, and without `host_selection_retry_max_attempts`, says
 * nothing of hosts: its retries avoid those that were tried.
 */
export function compileHostPredicates(policy: RetryPolicyProto, path: string): Pick<RetryPolicy, 'avoidsPreviousHosts' | 'omitsHost'> {
  const tests: Omits[] = [];
  const saysNothing = policy.retryHostPredicate.length === 0 && policy.hostSelectionRetryMaxAttempts === 0n;
  let avoidsPreviousHosts: RetryPolicy['avoidsPreviousHosts'] = saysNothing && 'unless hashed';
  policy.retryHostPredicate.forEach((predicate, i) => {
    const at = `${path}.retry_host_predicate[${i}]`;
    const typed = predicate.configType.case === 'typedConfig' ? predicate.configType.value : undefined;
    switch (predicate.name) {
      case PREVIOUS_HOSTS:
        if (typed !== undefined) decodeTyped(typed, PreviousHostsPredicateSchema, `${at}.typed_config`);
        avoidsPreviousHosts = true;
        break;
      case OMIT_CANARIES:
        if (typed !== undefined) decodeTyped(typed, OmitCanaryHostsPredicateSchema, `${at}.typed_config`);
        tests.push(isCanary);
        break;
      case OMIT_METADATA:
        tests.push(metadataTest(predicate, at));
        break;
      default:
        throw new ConfigError(
          at,
          `"${predicate.name}" is not supported by Tulle; it knows ${PREVIOUS_HOSTS}, ${OMIT_CANARIES}, ${OMIT_METADATA}`,
        );
    }
  });
  if (tests.length === 0) return { avoidsPreviousHosts };
  return { avoidsPreviousHosts, omitsHost: (host) => tests.some((omits) => omits(host)) };
}

/** Prepares `retry_priority`. */
export function compileRetryPriority(policy: RetryPolicyProto, path: string): Pick<RetryPolicy, 'previousPriorities'> {
  const { retryPriority } = policy;
  if (retryPriority === undefined) return {};
  if (retryPriority.name !== PREVIOUS_PRIORITIES)
    throw new ConfigError(`${path}.retry_priority`, `"${retryPriority.name}" is not supported by Tulle; it knows ${PREVIOUS_PRIORITIES}`);
  if (retryPriority.configType.case !== 'typedConfig') throw new ConfigError(`${path}.retry_priority.typed_config`, 'is missing');
  const at = `${path}.retry_priority.typed_config`;
  const { updateFrequency } = decodeTyped(retryPriority.configType.value, PreviousPrioritiesConfigSchema, at);
  if (updateFrequency < 1) throw new ConfigError(`${at}.update_frequency`, `${updateFrequency} is not above zero`);
  return { previousPriorities: { updateFrequency } };
}

/**
 * Priorities that the next attempt leaves out, of those of the attempts so far in order: they are looked at after every
 * `updateFrequency` attempts, so that fewer attempts than that change nothing. Where that leaves no priority of
 * `available` (those with usable hosts), all are forgotten, and it begins anew.
 */
export function levelsTried(tried: readonly number[], updateFrequency: number, available: readonly number[]): ReadonlySet<number> {
  const excluded = new Set<number>();
  for (let i = updateFrequency; i <= tried.length; i += updateFrequency) {
    for (const level of tried.slice(i - updateFrequency, i)) excluded.add(level);
    if (available.every((level) => excluded.has(level))) excluded.clear();
  }
  return excluded;
}
