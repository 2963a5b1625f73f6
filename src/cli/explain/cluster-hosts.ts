/** The endpoints of a cluster as the proxy has them, and how often its balancer takes each. */
import { create } from '@bufbuild/protobuf';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { buildCluster } from '../../proxy/cluster/build-cluster.ts';
import type { Host, PickContext } from '../../proxy/cluster/cluster.ts';
import type { NameResolver } from '../../proxy/cluster/dns/resolver.ts';
import type { SecretStore, Watched } from '../../proxy/config/secret-store.ts';
import { createStats } from '../../proxy/telemetry/registry.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { steadyRandom } from './chance.ts';
import type { ProxyConfig } from './proxy-config.ts';

/** How often the balancer is asked. */
const PICKS = 2000;

export interface Candidate {
  readonly host: Host;
  /** How often the balancer takes it, in [0, 1]. */
  readonly share: number;
}

export interface ClusterHosts {
  readonly candidates: readonly Candidate[];
  /** Names that the proxy resolves when it runs; its endpoints are not known before. */
  readonly names: readonly string[];
}

const nothing: Watched<never> = { current: () => undefined, watch: () => () => {} };
const noSecrets: SecretStore = { keyPair: () => nothing, trust: () => nothing, ticketKeys: () => nothing };

/** Resolves nothing, and remembers what it was asked for. */
function listening(names: string[]): NameResolver {
  return {
    resolve(name) {
      names.push(name);
      return Promise.resolve({ addresses: [], ttlMs: undefined });
    },
  };
}

/** How far, in standard deviations, chance alone may have brought a host from what is its due. */
const CHANCE_MAX = 3;

/** What a host is to the balancer, as far as it goes by what is written. */
function kindOf(host: Host): string {
  const { weight, priority, isHealthy, isDegraded } = host;
  return JSON.stringify([weight, priority, isHealthy, isDegraded, Reflect.get(Reflect.get(host, 'endpoint') ?? {}, 'locality')]);
}

function rounded(share: number, steps: number): number {
  return Math.round(share * steps) / steps;
}

/** Shares by counts: hosts that are alike have equal ones, unless they differ by more than chance explains. */
function evenedOut(counts: ReadonlyMap<Host, number>): ReadonlyMap<Host, number> {
  const shares = new Map<Host, number>();
  for (const group of Map.groupBy(counts, ([host]) => kindOf(host)).values()) {
    const mean = group.reduce((sum, [, count]) => sum + count, 0) / group.length;
    const spread = CHANCE_MAX * Math.sqrt(mean * (1 - mean / PICKS));
    const isChance = group.every(([, count]) => Math.abs(count - mean) <= spread);
    for (const [host, count] of group) shares.set(host, isChance ? rounded(mean / PICKS, 1000) : rounded(count / PICKS, 100));
  }
  return shares;
}

/** Shares of picks; `hash` or one host need no second try. */
function sharesOf(pick: () => Host | undefined, hosts: () => readonly Host[]): Candidate[] {
  const counts = new Map<Host, number>();
  for (let i = 0; i < PICKS; i++) {
    const host = pick();
    if (host !== undefined) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  // clusters of addresses that were dialled make hosts as they are asked for
  const all = hosts();
  const shares = evenedOut(new Map(all.map((host) => [host, counts.get(host) ?? 0])));
  return all.map((host) => ({ host, share: shares.get(host) ?? 0 }));
}

/** Builds the cluster `name` as the proxy does, gives it its endpoints, and asks its balancer. Throws ConfigError. */
export function hostsOf(
  config: ProxyConfig,
  name: string,
  context: Pick<PickContext, 'hash' | 'originalDestination' | 'info' | 'criteria'>,
): ClusterHosts {
  const message = config.cluster(name);
  if (message === undefined) return { candidates: [], names: [] };
  // nobody is to be asked how it is
  message.healthChecks = [];
  const names: string[] = [];
  const cluster = buildCluster(message, name, {
    stats: createStats(),
    clock: systemClock,
    random: steadyRandom(),
    secrets: noSecrets,
    log: silentLog,
    resolver: listening(names),
  });
  try {
    const { edsName } = cluster;
    if (edsName !== undefined) cluster.update(config.endpoints(edsName) ?? create(ClusterLoadAssignmentSchema, { clusterName: edsName }));
    const candidates = sharesOf(
      () => cluster.pick({ ...context, avoid: [], avoidAttempts: 1 }),
      () => cluster.hosts,
    );
    return { candidates, names: [...new Set(names)] };
  } finally {
    cluster.close();
  }
}
