/** Cross-origin requests from browsers: answers preflights, and marks responses. Envoy: envoy.filters.http.cors. */
import { type Live, liveShare } from '../../config/live-values.ts';
import { messageAs } from '../../config/typed-config.ts';
import { type CorsPolicy, CorsPolicySchema, CorsSchema } from '../../../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { compileStringMatcher, type TextTest } from '../../router/matchers.ts';
import { CONTINUE, type HttpFilter, type HttpStream, REPLIED } from '../filter.ts';
import { routeConfig } from '../route-config.ts';

const NAME = 'envoy.filters.http.cors';

/** A route's policy with, for what it does not say, those of the levels above it. */
class CorsRoute {
  /** Shares of requests for which the policy is in force, and for which it is only counted. The innermost level's. */
  readonly enabled: Live<number>;
  readonly shadow: Live<number>;
  readonly origins: readonly TextTest[];
  readonly fields: Pick<CorsPolicy, 'allowMethods' | 'allowHeaders' | 'exposeHeaders' | 'maxAge'>;
  readonly allowsCredentials: boolean | undefined;
  readonly allowsPrivate: boolean | undefined;
  readonly forwardsPreflights: boolean | undefined;

  constructor(policy: CorsPolicy, path: string, above?: CorsRoute) {
    const origins = policy.allowOriginStringMatch.map((matcher, i) =>
      compileStringMatcher(matcher, `${path}.allow_origin_string_match[${i}]`),
    );
    this.enabled = liveShare(policy.filterEnabled, 1);
    this.shadow = liveShare(policy.shadowEnabled, 0);
    this.origins = origins.length > 0 ? origins : (above?.origins ?? []);
    this.fields = {
      allowMethods: policy.allowMethods || (above?.fields.allowMethods ?? ''),
      allowHeaders: policy.allowHeaders || (above?.fields.allowHeaders ?? ''),
      exposeHeaders: policy.exposeHeaders || (above?.fields.exposeHeaders ?? ''),
      maxAge: policy.maxAge || (above?.fields.maxAge ?? ''),
    };
    this.allowsCredentials = policy.allowCredentials ?? above?.allowsCredentials;
    this.allowsPrivate = policy.allowPrivateNetworkAccess ?? above?.allowsPrivate;
    this.forwardsPreflights = policy.forwardNotMatchingPreflights ?? above?.forwardsPreflights;
    this.#source = { policy, path };
  }

  readonly #source: { readonly policy: CorsPolicy; readonly path: string };

  /** This policy where `above` is the policy of the level above. */
  under(above: CorsRoute): CorsRoute {
    return new CorsRoute(this.#source.policy, this.#source.path, above);
  }

  /** A matcher of `*` stands for every origin. */
  allows(origin: string): boolean {
    for (const test of this.origins) if (test(origin) || test('*')) return true;
    return false;
  }
}

function parseRoute(given: unknown, path: string): CorsRoute {
  const message = messageAs(CorsPolicySchema, given, path);
  return new CorsRoute(message, path);
}

/** The policy for a request that is routed to a cluster; other routes have none. */
function policyOf(stream: HttpStream, name: string): CorsRoute | undefined {
  return stream.route?.action.kind === 'cluster' ? routeConfig(stream, name, CorsRoute) : undefined;
}

type Field = readonly [name: string, value: string];

/** `*` allows what the client asks for. */
function allowed(value: string, asked: string | undefined): string {
  return value === '*' ? (asked ?? '') : value;
}

/** What a preflight is told, besides what every response is. */
function preflightFields({ fields, allowsCredentials, allowsPrivate }: CorsRoute, { request: { headers } }: HttpStream): Field[] {
  const told: Field[] = [];
  if (allowsCredentials === true) told.push(['access-control-allow-credentials', 'true']);
  const { allowMethods, allowHeaders, maxAge } = fields;
  if (allowMethods !== '') told.push(['access-control-allow-methods', allowed(allowMethods, headers.get('access-control-request-method'))]);
  if (allowHeaders !== '')
    told.push(['access-control-allow-headers', allowed(allowHeaders, headers.get('access-control-request-headers'))]);
  if (maxAge !== '') told.push(['access-control-max-age', maxAge]);
  const asksPrivate = headers.get('access-control-request-private-network') === 'true';
  if (asksPrivate && allowsPrivate === true) told.push(['access-control-allow-private-network', 'true']);
  return told;
}

function isPreflight({ request: { method, headers } }: HttpStream): boolean {
  return method === 'OPTIONS' && (headers.get('access-control-request-method') ?? '') !== '';
}

/** Levels of routes add up: each field is that of the innermost level which sets it. */
export const cors: HttpFilter<typeof CorsSchema, undefined> = {
  name: NAME,
  schema: CorsSchema,
  parse: () => undefined,
  routeSchema: CorsPolicySchema,
  parseRoute,
  mergeRoute: (above, own) => (above instanceof CorsRoute && own instanceof CorsRoute ? own.under(above) : own),
  create(_config, { name, stats, random }) {
    const valid = stats.counter('cors.origin_valid');
    const invalid = stats.counter('cors.origin_invalid');
    return {
      onRequestHeaders(stream) {
        const origin = stream.request.headers.get('origin') ?? '';
        const policy = origin === '' ? undefined : policyOf(stream, name);
        if (policy === undefined) return CONTINUE;
        const isEnabled = random() < policy.enabled.value;
        if (!isEnabled && random() >= policy.shadow.value) return CONTINUE;
        const isAllowed = policy.allows(origin);
        (isAllowed ? valid : invalid).value++;
        if (!isEnabled) return CONTINUE;
        if (isAllowed) stream.info.metadata.set(NAME, origin);
        if (!isPreflight(stream) || (!isAllowed && policy.forwardsPreflights !== false)) return CONTINUE;
        stream.reply({ status: 200, details: 'cors_response', headers: preflightFields(policy, stream), isBare: true });
        return REPLIED;
      },
      onResponseHeaders(stream) {
        const origin = stream.info.metadata.get(NAME);
        const policy = typeof origin === 'string' ? policyOf(stream, name) : undefined;
        const headers = stream.response?.headers;
        if (typeof origin !== 'string' || policy === undefined || headers === undefined) return CONTINUE;
        headers.set('access-control-allow-origin', origin);
        if (policy.allowsCredentials === true) headers.set('access-control-allow-credentials', 'true');
        if (policy.fields.exposeHeaders !== '') headers.set('access-control-expose-headers', policy.fields.exposeHeaders);
        return CONTINUE;
      },
    };
  },
};
