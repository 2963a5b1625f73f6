import type { Outcome } from '../cluster/cluster.ts';
import type { ClusterHost } from '../cluster/host.ts';
import type { HealthWatch } from './health-watch.ts';

/** Several watches over one cluster as one; the only one as it is, and undefined where there is none. */
export function joinWatches(all: readonly (HealthWatch | undefined)[]): HealthWatch | undefined {
  const watches = all.filter((watch) => watch !== undefined);
  if (watches.length < 2) return watches[0];
  return {
    get isReady() {
      return watches.every((watch) => watch.isReady);
    },
    onHosts(added, removed) {
      for (const watch of watches) watch.onHosts(added, removed);
    },
    report(host: ClusterHost, outcome: Outcome, turn: number) {
      for (const watch of watches) watch.report?.(host, outcome, turn);
    },
    close() {
      for (const watch of watches) watch.close();
    },
  };
}
