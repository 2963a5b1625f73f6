import type { HttpFilter } from '../filter.ts';
import { compressor } from './compressor.ts';
import { cors } from './cors.ts';
import { decompressor } from './decompressor.ts';
import { fault } from './fault.ts';
import { grpcWeb } from './grpc-web.ts';
import { istioStats } from './istio-stats.ts';
import { jwtAuthn } from './jwt-authn.ts';
import { peerMetadata } from './peer-metadata.ts';
import { rbac } from './rbac.ts';

/**
 * The HTTP filters that Tulle has. The router, which ends every chain, and `on_demand`, which tells the router to ask
 * for clusters, are the connection manager's own (hcm-config.ts).
 */
export const httpFilters: readonly HttpFilter[] = [
  compressor,
  cors,
  decompressor,
  fault,
  grpcWeb,
  istioStats,
  jwtAuthn,
  peerMetadata,
  rbac,
];
