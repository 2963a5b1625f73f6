/** Every analyser. A new one is a file in checks/ and a line here; its codes stand in codes.ts. */
import { apiVersions } from './checks/api-versions.ts';
import { applicationUsers } from './checks/application-users.ts';
import { clientCredentials } from './checks/client-credentials.ts';
import { delegates } from './checks/delegates.ts';
import { destinationHosts } from './checks/destination-hosts.ts';
import { destinationPorts } from './checks/destination-ports.ts';
import { envoyFilters } from './checks/envoy-filters.ts';
import { faults } from './checks/faults.ts';
import { gatewayConflicts } from './checks/gateway-conflicts.ts';
import { gatewayCredentials } from './checks/gateway-credentials.ts';
import { gatewayHosts } from './checks/gateway-hosts.ts';
import { gatewayPorts } from './checks/gateway-ports.ts';
import { idleSelectors } from './checks/idle-selectors.ts';
import { localityFailover } from './checks/locality-failover.ts';
import { mtlsConflicts } from './checks/mtls-conflicts.ts';
import { passthroughBalancers } from './checks/passthrough-balancers.ts';
import { peerAuthenticationPorts } from './checks/peer-authentication-ports.ts';
import { policyCallers } from './checks/policy-callers.ts';
import { policyDenials } from './checks/policy-denials.ts';
import { policyPorts } from './checks/policy-ports.ts';
import { policyProtocols } from './checks/policy-protocols.ts';
import { policyValues } from './checks/policy-values.ts';
import { portSettings } from './checks/port-settings.ts';
import { regexes } from './checks/regexes.ts';
import { retries } from './checks/retries.ts';
import { routeMatches } from './checks/route-matches.ts';
import { serverCertificates } from './checks/server-certificates.ts';
import { serviceEntryAddresses } from './checks/service-entry-addresses.ts';
import { servicePorts } from './checks/service-ports.ts';
import { sidecarHosts } from './checks/sidecar-hosts.ts';
import { sidecars } from './checks/sidecars.ts';
import { subsets } from './checks/subsets.ts';
import { telemetries } from './checks/telemetries.ts';
import { timeouts } from './checks/timeouts.ts';
import { tokens } from './checks/tokens.ts';
import { unreachableRoutes } from './checks/unreachable-routes.ts';
import { visibility } from './checks/visibility.ts';
import { weights } from './checks/weights.ts';
import { workloadEntries } from './checks/workload-entries.ts';
import { workloadServices } from './checks/workload-services.ts';
import type { Check } from './finding.ts';

export const checks: readonly Check[] = [
  apiVersions,
  applicationUsers,
  clientCredentials,
  delegates,
  destinationHosts,
  destinationPorts,
  envoyFilters,
  faults,
  gatewayConflicts,
  gatewayCredentials,
  gatewayHosts,
  gatewayPorts,
  idleSelectors,
  localityFailover,
  mtlsConflicts,
  passthroughBalancers,
  peerAuthenticationPorts,
  policyCallers,
  policyDenials,
  policyPorts,
  policyProtocols,
  policyValues,
  portSettings,
  regexes,
  retries,
  routeMatches,
  serverCertificates,
  serviceEntryAddresses,
  servicePorts,
  sidecars,
  sidecarHosts,
  subsets,
  telemetries,
  timeouts,
  tokens,
  unreachableRoutes,
  visibility,
  weights,
  workloadEntries,
  workloadServices,
];
