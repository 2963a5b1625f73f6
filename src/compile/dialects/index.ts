/** Every kind that Tulle reads. A new kind is a file and a line here. */
import type { Dialect } from './dialect.ts';
import { authorizationPolicy } from './istio/authorization-policy.ts';
import { destinationRule } from './istio/destination-rule.ts';
import { envoyFilter } from './istio/envoy-filter.ts';
import { gateway } from './istio/gateway.ts';
import { peerAuthentication } from './istio/peer-authentication.ts';
import { requestAuthentication } from './istio/request-authentication.ts';
import { serviceEntry } from './istio/service-entry.ts';
import { proxyConfig } from './istio/proxy-config.ts';
import { sidecar } from './istio/sidecar.ts';
import { telemetry } from './istio/telemetry.ts';
import { virtualService } from './istio/virtual-service.ts';
import { workloadEntry } from './istio/workload-entry.ts';
import { workloadGroup } from './istio/workload-group.ts';
import { endpointSlice } from './kubernetes/endpoint-slice.ts';
import { endpoints } from './kubernetes/endpoints.ts';
import { namespace } from './kubernetes/namespace.ts';
import { secret } from './kubernetes/secret.ts';
import { service } from './kubernetes/service.ts';
import { httpRouteGroup, httpRouteGroupWithoutSpec } from './smi/http-route-group.ts';
import { trafficSplit, trafficSplitV1alpha1, trafficSplitV1alpha2 } from './smi/traffic-split.ts';
import { meshConfig } from './tulle/mesh-config.ts';
import { workload } from './tulle/workload.ts';

export const dialects: readonly Dialect[] = [
  meshConfig,
  workload,
  namespace,
  service,
  endpoints,
  endpointSlice,
  secret,
  virtualService,
  trafficSplit,
  trafficSplitV1alpha2,
  trafficSplitV1alpha1,
  httpRouteGroup,
  httpRouteGroupWithoutSpec,
  destinationRule,
  serviceEntry,
  workloadEntry,
  workloadGroup,
  gateway,
  envoyFilter,
  sidecar,
  telemetry,
  proxyConfig,
  peerAuthentication,
  requestAuthentication,
  authorizationPolicy,
];
