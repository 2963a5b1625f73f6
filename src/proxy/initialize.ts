/** From parts to service, for every event loop of a proxy. */
import { setBugReporter } from '../core/bugs.ts';
import type { LeveledLog } from '../core/log.ts';
import type { Bootstrap } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { CLUSTER_TYPE, LISTENER_TYPE } from '../xds/types.ts';
import type { ServerState } from './admin/view.ts';
import type { Assembly } from './assembly.ts';
import { INITIAL_FETCH_TIMEOUT_MS } from './config/subscriptions.ts';

/** Connections of all listeners, those that drain too. */
export function activeConnections({ listeners }: Assembly): number {
  let active = 0;
  for (const listener of listeners.all()) active += listener.activeConnections;
  return active;
}

/** Subscribes, and lets listeners start when clusters are there. Resolves when the loop is live. */
export async function initialize(assembly: Assembly, bootstrap: Bootstrap, onState: (state: ServerState) => void): Promise<void> {
  const dynamic = bootstrap.dynamicResources;
  assembly.overload.start(() => activeConnections(assembly));
  if (dynamic?.cdsConfig !== undefined && !assembly.tulle.isOnDemand) assembly.subscriptions.subscribe(CLUSTER_TYPE, '*');
  const waitMs = assembly.ads === undefined ? 1 : INITIAL_FETCH_TIMEOUT_MS;
  await new Promise<void>((resolve) => assembly.clusters.whenInitialized(waitMs, resolve));
  onState('INITIALIZING');
  if (dynamic?.ldsConfig !== undefined) assembly.subscriptions.subscribe(LISTENER_TYPE, '*');
  assembly.openGate();
  await Promise.all(assembly.staticListeners);
  await new Promise<void>((resolve) => assembly.listeners.whenInitialized(dynamic?.ldsConfig !== undefined, resolve));
  onState('LIVE');
}

/** From now on an exception that nobody expected ends what it happened to, not the loop. */
export function surviveBugs({ stats }: Pick<Assembly, 'stats'>, log: LeveledLog): void {
  const bugs = stats.counter('bug_total');
  setBugReporter((error) => {
    bugs.value++;
    log.error('bug', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
}
