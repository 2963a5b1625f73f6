/** What HTTP filters do for single routes: fault injection and CORS. */
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { CorsPolicy, Fault, HttpRule } from '../../model/route.ts';
import { type HTTPFault, HTTPFaultSchema } from '../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { CorsPolicySchema } from '../../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { duration, fraction, pack } from './any.ts';
import { stringMatcher } from './string-match.ts';

export const FAULT = 'envoy.filters.http.fault';
export const CORS = 'envoy.filters.http.cors';

function faultOf({ delay, abort }: Fault): HTTPFault {
  return create(HTTPFaultSchema, {
    ...(delay && {
      delay: { faultDelaySecifier: { case: 'fixedDelay' as const, value: duration(delay.fixedMs) }, percentage: fraction(delay.percent) },
    }),
    ...(abort && {
      abort: {
        errorType:
          abort.kind === 'http'
            ? { case: 'httpStatus' as const, value: abort.status }
            : { case: 'grpcStatus' as const, value: abort.status },
        percentage: fraction(abort.percent),
      },
    }),
  });
}

function corsOf(cors: CorsPolicy) {
  return pack(CorsPolicySchema, {
    allowOriginStringMatch: cors.allowOrigins.map((origin) => stringMatcher(origin)),
    allowMethods: cors.allowMethods.join(','),
    allowHeaders: cors.allowHeaders.join(','),
    exposeHeaders: cors.exposeHeaders.join(','),
    maxAge: cors.maxAgeMs === undefined ? '' : String(Math.floor(cors.maxAgeMs / 1000)),
    filterEnabled: { defaultValue: fraction(100) },
    forwardNotMatchingPreflights: cors.forwardUnmatchedPreflights ?? true,
    ...(cors.allowCredentials !== undefined && { allowCredentials: cors.allowCredentials }),
  });
}

/** The `typed_per_filter_config` of a rule's routes. */
export function routeFilters({ fault, cors }: HttpRule): Record<string, Any> {
  return {
    ...(cors && { [CORS]: corsOf(cors) }),
    ...(fault && { [FAULT]: pack(HTTPFaultSchema, faultOf(fault)) }),
  };
}
