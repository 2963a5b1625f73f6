import type { Clock } from '../../core/clock.ts';
import type { Cluster, Host } from '../cluster/cluster.ts';
import { findPool } from '../cluster/host-pools.ts';
import type { HttpPool } from '../cluster/http-pool.ts';
import { limitsFor } from '../cluster/limits.ts';
import { TunnelSource } from '../cluster/tunnel-source.ts';
import type { Downstream } from './downstream.ts';
import type { RouteAction } from './route.ts';

type ClusterAction = Extract<RouteAction, { kind: 'cluster' }>;

/**
 * Where the stream of an attempt at `host` comes from: its pool, or where the route ends CONNECT a connection of its own.
 * Undefined where the cluster has as many pools as it may.
 */
export function sourceOf(
  down: Downstream,
  action: ClusterAction,
  cluster: Cluster,
  host: Host,
  clock: Clock,
): HttpPool | TunnelSource | undefined {
  const { request, isUpgrade } = down;
  const limits = limitsFor(cluster, action.priority);
  const ends = action.terminatesConnect;
  if (ends !== undefined && ((isUpgrade && request.method === 'CONNECT') || (ends.allowsPost && request.method === 'POST')))
    return new TunnelSource(cluster, host, limits, down.info, ends.preface?.(down.info));
  const sni = cluster.http.serverNameOf?.(request) ?? '';
  return findPool(cluster, host, clock, { protocol: request.protocol, isTunnel: isUpgrade, sni, limits, info: down.info });
}
