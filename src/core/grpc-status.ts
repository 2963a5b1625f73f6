/**
 * gRPC's statuses that are the server's fault: unknown, deadline exceeded, unimplemented, internal, unavailable, data
 * loss. Source: google.rpc.Code, those that map to 5xx; Envoy's tracers and OpenTelemetry's conventions have the same.
 */
export const GRPC_FAULTS: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);
