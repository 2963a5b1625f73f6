/**
 * Who decides about requests for CUSTOM policies. An RBAC filter that enforces nothing notes which policy a request
 * matches, and `ext_authz` behind it asks the provider about those that match one. Where the provider cannot be asked,
 * what the rules match is denied, as istiod does.
 */
import { create } from '@bufbuild/protobuf';
import type { AuthorizationProvider, ExtAuthzHttpProvider } from '../../model/extension-provider.ts';
import { ApiVersion } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { type GrpcService, GrpcServiceSchema } from '../../xds/gen/envoy/config/core/v3/grpc_service_pb.ts';
import {
  ExtAuthzSchema as HttpExtAuthzSchema,
  type HttpService,
  HttpServiceSchema,
} from '../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { ExtAuthzSchema as NetworkExtAuthzSchema } from '../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { type MetadataMatcher, MetadataMatcherSchema } from '../../xds/gen/envoy/type/matcher/v3/metadata_pb.ts';
import { type ListStringMatcher, ListStringMatcherSchema } from '../../xds/gen/envoy/type/matcher/v3/string_pb.ts';
import { StatusCode } from '../../xds/gen/envoy/type/v3/http_status_pb.ts';
import { duration, type Extension, extension } from './any.ts';
import { valueMatch } from './rbac-values.ts';
import { stringMatcher } from './string-match.ts';

/** What policies of a provider are called begins with this, and with the provider's name behind it. */
export const CUSTOM_POLICY = 'istio-ext-authz';
/** Before the names under which the RBAC filter notes what matched. */
export const CUSTOM_PREFIX = 'istio_ext_authz_';

/** A provider whose service was found. */
export interface Asked {
  readonly provider: AuthorizationProvider;
  readonly hostname: string;
  readonly cluster: string;
}

/** Holds where the filter `rbac` has noted a policy of the provider. */
function matchedPolicy(rbac: string, { name }: AuthorizationProvider): MetadataMatcher {
  return create(MetadataMatcherSchema, {
    filter: rbac,
    path: [{ segment: { case: 'key', value: `${CUSTOM_PREFIX}shadow_effective_policy_id` } }],
    value: { matchPattern: { case: 'stringMatch', value: { matchPattern: { case: 'prefix', value: `${CUSTOM_POLICY}-${name}-ns[` } } } },
  });
}

function headerList(names: readonly string[]): ListStringMatcher | undefined {
  if (names.length === 0) return undefined;
  return create(ListStringMatcherSchema, { patterns: names.map((name) => stringMatcher(valueMatch(name), true)) });
}

function httpService(provider: ExtAuthzHttpProvider, hostname: string, cluster: string): HttpService {
  const added = Object.entries(provider.additionalHeaders).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const upstream = headerList(provider.upstreamHeadersOnAllow);
  const onDeny = headerList(provider.downstreamHeadersOnDeny);
  const onAllow = headerList(provider.downstreamHeadersOnAllow);
  const hasResponse = upstream !== undefined || onDeny !== undefined || onAllow !== undefined;
  return create(HttpServiceSchema, {
    pathPrefix: provider.pathPrefix,
    serverUri: {
      uri: `http://${hostname}`,
      httpUpstreamType: { case: 'cluster', value: cluster },
      timeout: duration(provider.timeoutMs),
    },
    ...(added.length > 0 && { authorizationRequest: { headersToAdd: added.map(([key, value]) => ({ key, value })) } }),
    ...(hasResponse && {
      authorizationResponse: {
        ...(upstream && { allowedUpstreamHeaders: upstream }),
        ...(onDeny && { allowedClientHeaders: onDeny }),
        ...(onAllow && { allowedClientHeadersOnSuccess: onAllow }),
      },
    }),
  });
}

function grpcService({ provider, hostname, cluster }: Asked): GrpcService {
  const target = { case: 'envoyGrpc' as const, value: { clusterName: cluster, authority: hostname } };
  return create(GrpcServiceSchema, { targetSpecifier: target, timeout: duration(provider.timeoutMs) });
}

/** The HTTP filter that asks about requests of which `rbac` has noted a policy. */
export function httpExtAuthz(asked: Asked, rbac: string): Extension {
  const { provider, hostname, cluster } = asked;
  const allowedHeaders = provider.kind === 'ext-authz-http' ? headerList(provider.includedRequestHeaders) : undefined;
  const { body } = provider;
  const statusOnError = Object.values(StatusCode).find((code) => code === provider.statusOnError);
  return extension('envoy.filters.http.ext_authz', HttpExtAuthzSchema, {
    services:
      provider.kind === 'ext-authz-http'
        ? { case: 'httpService', value: httpService(provider, hostname, cluster) }
        : { case: 'grpcService', value: grpcService(asked) },
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: provider.failsOpen,
    clearRouteCache: provider.clearsRouteCache,
    filterEnabledMetadata: matchedPolicy(rbac, provider),
    ...(statusOnError !== undefined && { statusOnError: { code: statusOnError } }),
    ...(allowedHeaders && { allowedHeaders }),
    ...(body && {
      withRequestBody: { maxRequestBytes: body.maxRequestBytes, allowPartialMessage: body.allowsPartial, packAsBytes: body.packsAsBytes },
    }),
  });
}

/** The network filter that asks about connections of which `rbac` has noted a policy; HTTP cannot ask about them. */
export function networkExtAuthz(asked: Asked, rbac: string): Extension | undefined {
  const { provider } = asked;
  if (provider.kind === 'ext-authz-http') return undefined;
  return extension('envoy.filters.network.ext_authz', NetworkExtAuthzSchema, {
    statPrefix: 'tcp.',
    grpcService: grpcService(asked),
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: provider.failsOpen,
    filterEnabledMetadata: matchedPolicy(rbac, provider),
  });
}
