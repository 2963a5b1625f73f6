/** What watches the hosts of a cluster from outside: active health checks and failure accrual. */
import type { Clock, Random } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Cluster as ClusterProto } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { Cluster, Outcome } from '../cluster/cluster.ts';
import type { ClusterHost } from '../cluster/host.ts';
import type { Transports } from '../cluster/transports.ts';
import type { LogSink } from '../telemetry/log-sink.ts';
import { readAccrual } from './accrual-settings.ts';
import { ActiveChecks, readChecks } from './active-checks.ts';
import { FailureAccrual } from './failure-accrual.ts';
import { joinWatches } from './health-watches.ts';

/** What a watch may use of its cluster. */
export interface HealthScope {
  readonly cluster: Cluster;
  readonly transports: Pick<Transports, 'choose' | 'isReady' | 'onReady'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where events are written; absent: nowhere. */
  readonly logSink?: LogSink;
  /** Those in the cluster now. */
  readonly hosts: () => readonly ClusterHost[];
  /** To be called after a cause of a host's health has changed (`ClusterHost.check`, `setTripped`), or `isReady` has. */
  readonly onChange: (host: ClusterHost | undefined) => void;
  /** A host that is not failing has passed an active check. */
  readonly onPassed: (host: ClusterHost) => void;
}

/** The watch over one running cluster. */
export interface HealthWatch {
  /** Every host is known as well as it has to be: the cluster is warm no sooner. */
  readonly isReady: boolean;
  /** Hosts have come and gone; called in the same step in which the cluster takes them over. */
  onHosts(added: readonly ClusterHost[], removed: readonly ClusterHost[]): void;
  /** How an attempt at a host ended that began in this turn of the host. */
  report?(host: ClusterHost, outcome: Outcome, turn: number): void;
  /** Ends checks and timers. */
  close(): void;
}

/** The watch that a cluster asks for; undefined where it asks for none. Throws ConfigError. */
export function createHealthWatch(config: ClusterProto, path: string, scope: HealthScope): HealthWatch | undefined {
  const checks = readChecks(config, path, scope.cluster.http.upstreamProtocol);
  const accrual = readAccrual(config.metadata?.filterMetadata ?? {}, path);
  return joinWatches([checks && new ActiveChecks(checks, scope), accrual && new FailureAccrual(accrual, scope)]);
}
