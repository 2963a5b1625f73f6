import type { HealthStatusSet } from '../../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import { HealthStatus } from '../../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import type { ClusterHost } from '../host.ts';

/** Tells whether a session may go to the host that it is bound to. */
export type AllowsOverride = (host: ClusterHost) => boolean;

/** What a host is at worst: checks and ejection come before what the load assignment says. */
function statusOf(host: ClusterHost): HealthStatus {
  if (host.isHealthy) return host.isDegraded ? HealthStatus.DEGRADED : HealthStatus.HEALTHY;
  const isOut = host.isEjected || host.isTripped || host.check?.isFailing === true;
  return !isOut && host.endpoint.health === 'draining' ? HealthStatus.DRAINING : HealthStatus.UNHEALTHY;
}

/** Statuses that count as one here. */
const ALIKE: Readonly<Partial<Record<HealthStatus, HealthStatus>>> = {
  [HealthStatus.UNKNOWN]: HealthStatus.HEALTHY,
  [HealthStatus.TIMEOUT]: HealthStatus.UNHEALTHY,
};

/** Envoy: CommonLbConfig.override_host_status; without it healthy and degraded hosts. */
export function readOverrideStatus(config: HealthStatusSet | undefined): AllowsOverride {
  if (config === undefined) return (host) => host.isHealthy;
  const allowed = new Set(config.statuses.map((status) => ALIKE[status] ?? status));
  return (host) => allowed.has(statusOf(host));
}
