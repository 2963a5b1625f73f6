/** Retries of routes, with Istio's defaults where a rule says nothing. */
import { create } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import type { RetryPolicy } from '../../model/route.ts';
import { type RetryPolicy as RetryPolicyMessage, RetryPolicySchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '../../xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { PreviousPrioritiesConfigSchema } from '../../xds/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts';
import { duration, extension } from './any.ts';

const DEFAULT_RETRY_ON = ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'];
const DEFAULT_ATTEMPTS = 2;
/** How often the balancer may draw again to find a host that was not tried. */
const HOST_ATTEMPTS = 5n;

const PREVIOUS_HOSTS = 'envoy.retry_host_predicates.previous_hosts';

/**
 * The retry policy of a route: the mesh's where `written` is not given, else two attempts on failures that cannot have
 * reached the application; undefined where it turns retrying off. `isHashed` routes go back to the host that the hash names.
 */
export function retryPolicyOf(
  written: RetryPolicy | undefined,
  isHashed: boolean,
  { defaultRetries }: Pick<MeshSettings, 'defaultRetries'>,
): RetryPolicyMessage | undefined {
  const retries = written ?? defaultRetries;
  if (retries?.attempts === 0) return undefined;
  const retryOn = retries === undefined || retries.retryOn.length === 0 ? DEFAULT_RETRY_ON : retries.retryOn;
  const codes = retries?.retriableStatusCodes ?? [];
  const words = codes.length > 0 && !retryOn.includes('retriable-status-codes') ? [...retryOn, 'retriable-status-codes'] : retryOn;
  const ignoresPrevious = retries?.ignorePreviousHosts ?? true;
  const avoidsPrevious = !isHashed && ignoresPrevious;
  return create(RetryPolicySchema, {
    retryOn: words.join(','),
    numRetries: retries?.attempts ?? DEFAULT_ATTEMPTS,
    retriableStatusCodes: [...codes],
    ...(retries?.perTryTimeoutMs !== undefined && { perTryTimeout: duration(retries.perTryTimeoutMs) }),
    ...(retries?.backoffMs !== undefined && { retryBackOff: { baseInterval: duration(retries.backoffMs) } }),
    ...(avoidsPrevious && {
      retryHostPredicate: [extension(PREVIOUS_HOSTS, PreviousHostsPredicateSchema, {})],
      hostSelectionRetryMaxAttempts: HOST_ATTEMPTS,
    }),
    // Envoy's default, said: our proxy avoids tried hosts where nothing is
    ...(!ignoresPrevious && { hostSelectionRetryMaxAttempts: 1n }),
    // asks the balancer for another priority, that is another locality, from the second attempt on
    ...(retries?.retryRemoteLocalities === true && { retryPriority: previousPriorities() }),
  });
}

function previousPriorities() {
  return extension('envoy.retry_priorities.previous_priorities', PreviousPrioritiesConfigSchema, { updateFrequency: 2 });
}

/** Retries of the server's proxy towards its application: only what cannot have begun. */
export function inboundRetryPolicy(): RetryPolicyMessage {
  return create(RetryPolicySchema, { retryOn: 'reset-before-request', numRetries: DEFAULT_ATTEMPTS });
}
