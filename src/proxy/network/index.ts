import { connectionLimit } from './connection-limit.ts';
import { directResponse } from './direct-response.ts';
import { echo } from './echo.ts';
import { extAuthz } from './ext-authz.ts';
import type { NetworkFilter } from './filter.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import { istioStats } from './istio-stats.ts';
import { localRateLimit } from './local-rate-limit.ts';
import { metadataExchange } from './metadata-exchange.ts';
import { rbac } from './rbac.ts';
import { setFilterState } from './set-filter-state.ts';
import { sniCluster } from './sni-cluster.ts';
import { sniDynamicForwardProxy } from './sni-dynamic-forward-proxy.ts';
import { tcpProxy } from './tcp-proxy.ts';

/** Every network filter that a filter chain may have. */
export const networkFilters: readonly NetworkFilter[] = [
  rbac,
  extAuthz,
  connectionLimit,
  localRateLimit,
  setFilterState,
  sniCluster,
  sniDynamicForwardProxy,
  metadataExchange,
  istioStats,
  tcpProxy,
  httpConnectionManager,
  directResponse,
  echo,
];
