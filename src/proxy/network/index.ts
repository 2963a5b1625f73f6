import type { NetworkFilter } from './filter.ts';
import { httpConnectionManager } from './http-connection-manager.ts';
import { istioStats } from './istio-stats.ts';
import { rbac } from './rbac.ts';
import { tcpProxy } from './tcp-proxy.ts';

/** Every network filter that a filter chain may have. */
export const networkFilters: readonly NetworkFilter[] = [rbac, istioStats, tcpProxy, httpConnectionManager];
