/**
 * gRPC's statuses that are the server's fault: unknown, deadline exceeded, unimplemented, internal, unavailable, data
 * loss. Source: google.rpc.Code, those that map to 5xx; Envoy's tracers and OpenTelemetry's conventions have the same.
 */
export const GRPC_FAULTS: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);

/** Whether a `content-type` is gRPC's: `application/grpc`, with a suffix or parameters. Most are not, and told so at once. */
export function isGrpcType(type: string | undefined): boolean {
  return type !== undefined && type.startsWith('application/grpc') && /^application\/grpc(?:$|[+;])/.test(type);
}
