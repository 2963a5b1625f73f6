/** Which host an attempt goes to: what a filter asked for, else the balancer's choice, past hosts that retries avoid. */
import type { Cluster, Host, PickContext } from '../cluster/cluster.ts';
import type { Hash64 } from '../cluster/lb/hash64.ts';
import type { Downstream } from './downstream.ts';
import { levelsTried } from './retry-hosts.ts';
import type { RetryPolicy } from './route.ts';
import { criteriaOf } from './subset-criteria.ts';

const NO_HOSTS: readonly Host[] = [];

/** What only retries ask of the balancer. */
function retryContext(policy: RetryPolicy, tried: readonly Host[]): Partial<PickContext> {
  const { previousPriorities, omitsHost } = policy;
  const excludedLevels = (available: readonly number[], levelOf?: (host: Host) => number): ReadonlySet<number> => {
    const levels = tried.map((host) => levelOf?.(host) ?? host.priority ?? 0);
    return levelsTried(levels, previousPriorities?.updateFrequency ?? Infinity, available);
  };
  return {
    avoid: policy.avoidsPreviousHosts ? tried : NO_HOSTS,
    avoidAttempts: policy.hostSelectionAttempts,
    ...(omitsHost === undefined ? {} : { omits: omitsHost }),
    ...(previousPriorities === undefined ? {} : { excludedLevels }),
  };
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
  return cluster.pick(isRetry && policy !== undefined ? { ...context, ...retryContext(policy, tried) } : context);
}
