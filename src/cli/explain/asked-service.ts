/** Services that are asked whether requests or connections may pass: who is asked, and whether at all. */
import { CUSTOM_PREFIX } from '../../compile/emit/ext-authz.ts';
import { compileMetadataMatcher } from '../../proxy/authz/metadata-matcher.ts';
import type { StreamInfo } from '../../proxy/http/stream-info.ts';
import type { ExtAuthz as HttpExtAuthz } from '../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import type { ExtAuthz as NetworkExtAuthz } from '../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import type { GrpcService } from '../../xds/gen/envoy/config/core/v3/grpc_service_pb.ts';

/** What the filter `rbac` leaves for a policy that matches. */
export function notedPolicy(policy: string | undefined): Readonly<Record<string, string>> {
  return policy === undefined ? {} : { [`${CUSTOM_PREFIX}shadow_effective_policy_id`]: policy };
}

function byGrpc(service: GrpcService | undefined): string {
  return service?.targetSpecifier.case === 'envoyGrpc' ? `${service.targetSpecifier.value.clusterName} by gRPC` : 'nobody';
}

function httpTarget({ services }: HttpExtAuthz): string {
  if (services.case === 'grpcService') return byGrpc(services.value);
  return services.case === 'httpService' ? `${services.value.serverUri?.httpUpstreamType.value ?? 'nobody'} by HTTP` : 'nobody';
}

/** Who is asked, as `<cluster> by gRPC`; undefined where nobody is asked about what `metadata` says. */
export function askedService(message: HttpExtAuthz | NetworkExtAuthz, metadata: StreamInfo['metadata']): string | undefined {
  const { filterEnabledMetadata: enabled } = message;
  if (enabled !== undefined && !compileMetadataMatcher(enabled, 'filter_enabled_metadata')(metadata.get(enabled.filter))) return undefined;
  return message.$typeName === 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz' ? httpTarget(message) : byGrpc(message.grpcService);
}
