import { timerMs } from '../../../core/timer-limit.ts';
import { ConfigError } from '../../../core/errors.ts';
import { Cluster_DiscoveryType as DiscoveryType } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterLoadAssignment } from '../../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { NO_ENDPOINTS, readAssignment, refuseNames } from '../endpoints.ts';
import type { Discovery, DiscoveryKind, DiscoveryScope } from './discovery.ts';

/** Takes over assignments; one that says how long it holds is forgotten when no other has come by then. */
class Assigned implements Discovery {
  readonly #scope: DiscoveryScope;
  #staleness: NodeJS.Timeout | undefined;

  constructor(scope: DiscoveryScope) {
    this.#scope = scope;
  }

  start(): void {}

  onEndpoints(message: ClusterLoadAssignment): void {
    const assignment = readAssignment(message, message.clusterName);
    refuseNames(assignment, message.clusterName);
    const { stats } = this.#scope;
    stats.counter('update_success').value++;
    clearTimeout(this.#staleness);
    if (assignment.staleAfterMs !== undefined) {
      stats.counter('assignment_timeout_received').value++;
      this.#staleness = setTimeout(() => this.#forget(), timerMs(assignment.staleAfterMs)).unref();
    }
    this.#scope.assign(assignment);
  }

  #forget(): void {
    this.#scope.stats.counter('assignment_stale').value++;
    this.#scope.assign(NO_ENDPOINTS);
  }

  close(): void {
    clearTimeout(this.#staleness);
  }
}

/** EDS: endpoints come from the server of xDS, by the name of the cluster or its `service_name`. */
export const edsDiscovery: DiscoveryKind = {
  types: [DiscoveryType.EDS],
  names: ['envoy.cluster.eds'],
  messages: [],
  picksHosts: false,
  read(config, path) {
    if (config.loadAssignment !== undefined) throw new ConfigError(`${path}.load_assignment`, 'is not for EDS clusters');
    const source = config.edsClusterConfig?.edsConfig?.configSourceSpecifier;
    if (source?.case !== undefined && source.case !== 'ads' && source.case !== 'self')
      throw new ConfigError(`${path}.eds_cluster_config.eds_config`, 'only ads is supported by Tulle');
    return { edsName: config.edsClusterConfig?.serviceName || config.name, create: (scope) => new Assigned(scope) };
  },
};
