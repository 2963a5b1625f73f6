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

/** How often the balancer is asked; shares are told in whole per cents. */
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

/** Shares of picks; `hash` or one host need no second try. */
function sharesOf(pick: () => Host | undefined, hosts: () => readonly Host[]): Candidate[] {
  const counts = new Map<Host, number>();
  for (let i = 0; i < PICKS; i++) {
    const host = pick();
    if (host !== undefined) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return hosts().map((host) => ({ host, share: Math.round(((counts.get(host) ?? 0) / PICKS) * 100) / 100 }));
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
