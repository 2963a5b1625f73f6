import type { HttpFilter } from '../filter.ts';
import { buffer } from './buffer.ts';
import { compressor } from './compressor.ts';
import { cors } from './cors.ts';
import { csrf } from './csrf.ts';
import { decompressor } from './decompressor.ts';
import { dynamicForwardProxy } from './dynamic-forward-proxy.ts';
import { extAuthz } from './ext-authz.ts';
import { fault } from './fault.ts';
import { grpcStats } from './grpc-stats.ts';
import { grpcWeb } from './grpc-web.ts';
import { headerMutation } from './header-mutation.ts';
import { healthCheck } from './health-check.ts';
import { istioAlpn } from './istio-alpn.ts';
import { istioStats } from './istio-stats.ts';
import { jwtAuthn } from './jwt-authn.ts';
import { localRateLimit } from './local-ratelimit.ts';
import { onDemand } from './on-demand.ts';
import { peerMetadata } from './peer-metadata.ts';
import { rbac } from './rbac.ts';
import { setFilterState } from './set-filter-state.ts';
import { statefulSession } from './stateful-session.ts';

/** The HTTP filters that Tulle has. The router, which ends every chain, is the connection manager's own (hcm-config.ts). */
export const httpFilters: readonly HttpFilter[] = [
  buffer,
  compressor,
  cors,
  csrf,
  decompressor,
  dynamicForwardProxy,
  extAuthz,
  fault,
  grpcStats,
  grpcWeb,
  headerMutation,
  healthCheck,
  istioAlpn,
  istioStats,
  jwtAuthn,
  localRateLimit,
  onDemand,
  peerMetadata,
  rbac,
  setFilterState,
  statefulSession,
];
