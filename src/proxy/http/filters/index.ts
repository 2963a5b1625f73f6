import type { HttpFilter } from '../filter.ts';
import { cors } from './cors.ts';
import { fault } from './fault.ts';
import { istioStats } from './istio-stats.ts';
import { peerMetadata } from './peer-metadata.ts';
import { rbac } from './rbac.ts';

/**
 * The HTTP filters that Tulle has. The router, which ends every chain, and `on_demand`, which tells the router to ask
 * for clusters, are the connection manager's own (hcm-config.ts).
 */
export const httpFilters: readonly HttpFilter[] = [cors, fault, istioStats, peerMetadata, rbac];
