/** Cross-origin requests from browsers: answers preflights, and marks responses. Envoy: envoy.filters.http.cors. */
import { isMessage } from '@bufbuild/protobuf';
import { ConfigError } from '../../../core/errors.ts';
import { type CorsPolicy, CorsPolicySchema, CorsSchema } from '../../../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { compileStringMatcher, type TextTest } from '../../router/matchers.ts';
import { fractionOf } from '../../router/fraction.ts';
import { CONTINUE, type HttpFilter, type HttpStream, REPLIED } from '../filter.ts';

const NAME = 'envoy.filters.http.cors';

class CorsRoute {
  readonly origins: readonly TextTest[];
  readonly policy: CorsPolicy;
  /** Shares of requests for which the policy is in force, and for which it is only counted. */
  readonly enabledShare: number;
  readonly shadowShare: number;

  constructor(policy: CorsPolicy, path: string) {
    this.policy = policy;
    this.origins = policy.allowOriginStringMatch.map((matcher, i) =>
      compileStringMatcher(matcher, `${path}.allow_origin_string_match[${i}]`),
    );
    this.enabledShare = policy.filterEnabled === undefined ? 1 : fractionOf(policy.filterEnabled);
    this.shadowShare = policy.shadowEnabled === undefined ? 0 : fractionOf(policy.shadowEnabled);
  }
}

function parseRoute(message: unknown, path: string): CorsRoute {
  if (!isMessage(message, CorsPolicySchema)) throw new ConfigError(path, `is not a ${CorsPolicySchema.typeName}`);
  return new CorsRoute(message, path);
}

type Field = readonly [name: string, value: string];

/** Fields that both a preflight's answer and an actual response carry. */
function commonFields(policy: CorsPolicy, origin: string): Field[] {
  const fields: Field[] = [['access-control-allow-origin', origin]];
  if (policy.allowCredentials === true) fields.push(['access-control-allow-credentials', 'true']);
  return fields;
}

function preflightFields(policy: CorsPolicy, origin: string, stream: HttpStream): Field[] {
  const fields = commonFields(policy, origin);
  const optional: readonly Field[] = [
    ['access-control-allow-methods', policy.allowMethods],
    ['access-control-allow-headers', policy.allowHeaders],
    ['access-control-expose-headers', policy.exposeHeaders],
    ['access-control-max-age', policy.maxAge],
  ];
  fields.push(...optional.filter(([, value]) => value !== ''));
  const asksPrivate = stream.request.headers.get('access-control-request-private-network') === 'true';
  if (asksPrivate && policy.allowPrivateNetworkAccess === true) fields.push(['access-control-allow-private-network', 'true']);
  return fields;
}

function isPreflight(stream: HttpStream): boolean {
  const { method, headers } = stream.request;
  return method === 'OPTIONS' && (headers.get('access-control-request-method') ?? '') !== '';
}

export const cors: HttpFilter<typeof CorsSchema, undefined> = {
  name: NAME,
  schema: CorsSchema,
  parse: () => undefined,
  routeSchema: CorsPolicySchema,
  parseRoute,
  create(_config, { stats, random }) {
    const valid = stats.counter('cors.origin_valid');
    const invalid = stats.counter('cors.origin_invalid');
    return {
      onRequestHeaders(stream) {
        const origin = stream.request.headers.get('origin');
        const route = origin === undefined ? undefined : stream.perRoute(NAME);
        if (origin === undefined || !(route instanceof CorsRoute)) return CONTINUE;
        const isEnabled = random() < route.enabledShare;
        if (!isEnabled && random() >= route.shadowShare) return CONTINUE;
        const isAllowed = route.origins.some((test) => test(origin));
        (isAllowed ? valid : invalid).value++;
        if (!isEnabled) return CONTINUE;
        const { policy } = route;
        if (!isAllowed) {
          if (!isPreflight(stream) || policy.forwardNotMatchingPreflights !== false) return CONTINUE;
          stream.reply({ status: 200, details: 'cors_response', isBare: true });
          return REPLIED;
        }
        if (isPreflight(stream)) {
          stream.reply({ status: 200, details: 'cors_response', headers: preflightFields(policy, origin, stream), isBare: true });
          return REPLIED;
        }
        stream.info.metadata.set(NAME, origin);
        return CONTINUE;
      },
      onResponseHeaders(stream) {
        const origin = stream.info.metadata.get(NAME);
        const route = origin === undefined ? undefined : stream.perRoute(NAME);
        const headers = stream.response?.headers;
        if (typeof origin !== 'string' || !(route instanceof CorsRoute) || headers === undefined) return CONTINUE;
        for (const [name, value] of commonFields(route.policy, origin)) headers.set(name, value);
        if (route.policy.exposeHeaders !== '') headers.set('access-control-expose-headers', route.policy.exposeHeaders);
        return CONTINUE;
      },
    };
  },
};
