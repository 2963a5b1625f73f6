/**
 * gRPC's statuses that are the server's fault: unknown, deadline exceeded, unimplemented, internal, unavailable, data
 * loss. Source: google.rpc.Code, those that map to 5xx; Envoy's tracers and OpenTelemetry's conventions have the same.
 */
export const GRPC_FAULTS: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);

const GRPC_TYPE = 'application/grpc';

/** Whether a `content-type` is gRPC's, with a suffix or none, and no parameters: Envoy's own test. Source: Envoy, Grpc::Common. */
export function isBareGrpcType(type: string | undefined): boolean {
  return type !== undefined && (type === GRPC_TYPE || type.startsWith(`${GRPC_TYPE}+`));
}

/** Whether a `content-type` is gRPC's: `application/grpc`, with a suffix or parameters. */
export function isGrpcType(type: string | undefined): boolean {
  return type !== undefined && (isBareGrpcType(type) || type.startsWith(`${GRPC_TYPE};`));
}
