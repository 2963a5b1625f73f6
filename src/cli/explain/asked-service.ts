/** Services that are asked whether requests or connections may pass: who is asked, and whether at all. */
import { CUSTOM_PREFIX } from '../../compile/emit/ext-authz.ts';
import { compileMetadataMatcher } from '../../proxy/authz/metadata-matcher.ts';
import type { StreamInfo } from '../../proxy/http/stream-info.ts';
import type { ExtAuthz as HttpExtAuthz } from '../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import type { ExtAuthz as NetworkExtAuthz } from '../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import type { GrpcService } from '../../xds/gen/envoy/config/core/v3/grpc_service_pb.ts';
import { isObject } from '../json.ts';
import { hostsOf } from './cluster-hosts.ts';
import type { Trail } from './explanation.ts';
import type { ProxyConfig } from './proxy-config.ts';

/** What the filter `rbac` leaves for a policy that matches. */
export function notedPolicy(policy: string | undefined): Readonly<Record<string, string>> {
  return policy === undefined ? {} : { [`${CUSTOM_PREFIX}shadow_effective_policy_id`]: policy };
}

/** The policy that the filter `rbac` has left in `metadata`. */
export function policyNoted(metadata: unknown): string | undefined {
  const policy = isObject(metadata) ? metadata[`${CUSTOM_PREFIX}shadow_effective_policy_id`] : undefined;
  return typeof policy === 'string' ? policy : undefined;
}

/** Somebody who is asked. */
export interface Asking {
  /** `<cluster> by gRPC`. */
  readonly who: string;
  readonly cluster: string;
  /** Whether it passes all the same where nobody answers. Envoy: failure_mode_allow. */
  readonly failsOpen: boolean;
  /** What a request is answered where nobody answers and it may not pass; connections are closed. */
  readonly statusOnError: number;
}

const FORBIDDEN = 403;

function byGrpc(service: GrpcService | undefined): Pick<Asking, 'who' | 'cluster'> {
  const cluster = service?.targetSpecifier.case === 'envoyGrpc' ? service.targetSpecifier.value.clusterName : '';
  return { who: cluster === '' ? 'nobody' : `${cluster} by gRPC`, cluster };
}

function httpTarget({ services }: HttpExtAuthz): Pick<Asking, 'who' | 'cluster'> {
  if (services.case === 'grpcService') return byGrpc(services.value);
  const cluster = services.case === 'httpService' ? (services.value.serverUri?.httpUpstreamType.value ?? '') : '';
  return { who: cluster === '' ? 'nobody' : `${cluster} by HTTP`, cluster };
}

/** Who is asked; undefined where nobody is asked about what `metadata` says. */
export function askedService(message: HttpExtAuthz | NetworkExtAuthz, metadata: StreamInfo['metadata']): Asking | undefined {
  const { filterEnabledMetadata: enabled, failureModeAllow: failsOpen } = message;
  if (enabled !== undefined && !compileMetadataMatcher(enabled, 'filter_enabled_metadata')(metadata.get(enabled.filter))) return undefined;
  if (message.$typeName !== 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz')
    return { ...byGrpc(message.grpcService), failsOpen, statusOnError: 0 };
  return { ...httpTarget(message), failsOpen, statusOnError: message.statusOnError?.code || FORBIDDEN };
}

/** Why the service cannot answer, as far as it is known here; undefined where it may. Names that DNS is asked for may have endpoints. */
function obstacle(config: ProxyConfig, cluster: string): string | undefined {
  if (config.cluster(cluster) === undefined) return 'there is no such cluster';
  const { candidates, names } = hostsOf(config, cluster, {
    hash: undefined,
    originalDestination: undefined,
    info: undefined,
    criteria: undefined,
  });
  return names.length > 0 || candidates.some(({ share }) => share > 0) ? undefined : 'it has no healthy endpoint';
}

/** What becomes of a request or connection where nobody answers. */
function withoutAnswer({ failsOpen, statusOnError }: Asking): string {
  if (failsOpen) return 'passes all the same (failOpen)';
  return statusOnError === 0 ? 'is closed' : `is answered ${statusOnError}`;
}

/** Tells `trail` who is asked about `what`; false: nobody can be, and it may not pass. */
export function tellAsked(asked: Asking, what: 'request' | 'connection', config: ProxyConfig, trail: Trail): boolean {
  const why = obstacle(config, asked.cluster);
  const end = withoutAnswer(asked);
  if (why === undefined)
    trail.add('filter', `asks ${asked.who} whether the ${what} may pass; taken to let it pass`, {
      notes: [{ text: `where it does not answer in time, the ${what} ${end}` }],
    });
  else trail.add('filter', `would ask ${asked.who} whether the ${what} may pass, but ${why}: the ${what} ${end}`);
  return why === undefined || asked.failsOpen;
}
