/** Which host an attempt goes to: what a filter asked for, else the balancer's choice, past hosts that retries avoid. */
import type { Cluster, Host, PickContext } from '../cluster/cluster.ts';
import type { Hash64 } from '../cluster/lb/hash64.ts';
import type { Downstream } from './downstream.ts';
import { levelsTried } from './retry-hosts.ts';
import type { RetryPolicy } from './route.ts';
import { criteriaOf } from './subset-criteria.ts';

const NO_HOSTS: readonly Host[] = [];

/** What only retries ask of the balancer. */
function retryContext(policy: RetryPolicy, tried: readonly Host[], avoids: boolean): Partial<PickContext> {
  const { previousPriorities, omitsHost } = policy;
  const excludedLevels = (available: readonly number[], levelOf?: (host: Host) => number): ReadonlySet<number> => {
    const levels = tried.map((host) => levelOf?.(host) ?? host.priority ?? 0);
    return levelsTried(levels, previousPriorities?.updateFrequency ?? Infinity, available);
  };
  return {
    avoid: avoids ? tried : NO_HOSTS,
    avoidAttempts: policy.hostSelectionAttempts,
    ...(omitsHost === undefined ? {} : { omits: omitsHost }),
    ...(previousPriorities === undefined ? {} : { excludedLevels }),
  };
}

/** Further draws before one is chosen past the balancer. */
const MORE_DRAWS = 8;

/**
 * Draws until a host comes that was not tried, where one stands: a balancer that goes by load keeps giving the one that
 * fails, for it has the least to do. Where chance brings none it is the least busy of those that stand at the same
 * priority; with `criteria` only the balancer knows which hosts may be taken.
 */
export function avoidTried<H extends Pick<Host, 'isHealthy' | 'priority' | 'activeRequests'>>(
  draw: () => H | undefined,
  hosts: readonly H[],
  tried: readonly H[],
  hasCriteria = false,
): H | undefined {
  let host = draw();
  if (host === undefined || !tried.includes(host)) return host;
  const standing = hosts.filter((other) => other.isHealthy && !tried.includes(other));
  for (let i = 0; i < MORE_DRAWS && standing.length > 0 && host !== undefined; i++) {
    host = draw();
    if (host !== undefined && !tried.includes(host)) return host;
  }
  if (hasCriteria || host === undefined) return host;
  const level = host.priority ?? 0;
  const equals = standing.filter(({ priority = 0 }) => priority === level).toSorted((a, b) => a.activeRequests - b.activeRequests);
  return equals[0] ?? host;
}

/** Chooses the host of an attempt; undefined: there is none. `tried`: those of the attempts before. */
export function chooseHost(
  cluster: Cluster,
  down: Downstream,
  hash: Hash64 | undefined,
  policy: RetryPolicy | undefined,
  tried: readonly Host[],
): Host | undefined {
  const isRetry = tried.length > 0;
  const context: PickContext = {
    hash,
    avoid: NO_HOSTS,
    avoidAttempts: 1,
    originalDestination: down.connection.isRedirected ? down.connection.local : undefined,
    // a retry goes where the balancer says
    override: isRetry ? undefined : down.overrideHost,
    info: down.info,
    criteria: criteriaOf(down),
  };
  if (!isRetry || policy === undefined) return cluster.pick(context);
  const avoids = policy.avoidsPreviousHosts === true || (policy.avoidsPreviousHosts === 'unless hashed' && hash === undefined);
  const retry = { ...context, ...retryContext(policy, tried, avoids) };
  const draw = (): Host | undefined => cluster.pick(retry);
  // a hash names the same host again, unless it is the balancer that looks further
  if (!avoids || hash !== undefined) return draw();
  return avoidTried(draw, cluster.hosts, tried, context.criteria !== undefined || policy.omitsHost !== undefined);
}
