/** Refuses changes that a page of another origin asks for: the origin must be the host. Envoy: envoy.filters.http.csrf. */
import { type Live, liveShare } from '../../config/live-values.ts';
import { messageAs } from '../../config/typed-config.ts';
import { ConfigError } from '../../../core/errors.ts';
import { type CsrfPolicy, CsrfPolicySchema } from '../../../xds/gen/envoy/extensions/filters/http/csrf/v3/csrf_pb.ts';
import { compileStringMatcher, type TextTest } from '../../router/matchers.ts';
import { CONTINUE, type HttpFilter, type HttpStream, REPLIED } from '../filter.ts';
import { routeConfig } from '../route-config.ts';

const NAME = 'envoy.filters.http.csrf';

/** Methods that change something. */
const CHANGING: ReadonlySet<string> = new Set(['POST', 'PUT', 'DELETE', 'PATCH']);

class CsrfConfig {
  /** Shares of requests for which the policy is in force, and for which it is only counted. */
  readonly enabled: Live<number>;
  readonly shadow: Live<number>;
  readonly additional: readonly TextTest[];

  constructor(policy: CsrfPolicy, path: string) {
    if (policy.filterEnabled === undefined) throw new ConfigError(`${path}.filter_enabled`, 'is missing');
    this.enabled = liveShare(policy.filterEnabled, 1);
    this.shadow = liveShare(policy.shadowEnabled, 0);
    this.additional = policy.additionalOrigins.map((matcher, i) => compileStringMatcher(matcher, `${path}.additional_origins[${i}]`));
  }
}

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/?#]*@)?((?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?)(?:[/?#]|$)/i;

/** Host and port of an absolute URL, the port only where it is written; a text that is no such URL, as it is. */
function hostAndPort(url: string): string {
  const match = ABSOLUTE.exec(url);
  return match === null || Number(match[2] ?? 0) > 65_535 ? url : (match[1] ?? '');
}

/** Where the request comes from; '' where it does not say, or says `null` (RFC 6454 section 7.3). */
function sourceOf({ request: { headers } }: HttpStream): string {
  const origin = headers.get('origin') ?? '';
  if (origin === 'null') return '';
  return hostAndPort(origin === '' ? (headers.get('referer') ?? '') : origin);
}

function isAllowed(source: string, { request }: HttpStream, { additional }: CsrfConfig): boolean {
  if (source === hostAndPort(`${request.scheme || 'http'}://${request.authority}`)) return true;
  for (const test of additional) if (test(source)) return true;
  return false;
}

function parseRoute(given: unknown, path: string): CsrfConfig {
  const message = messageAs(CsrfPolicySchema, given, path);
  return new CsrfConfig(message, path);
}

export const csrf: HttpFilter<typeof CsrfPolicySchema, CsrfConfig> = {
  name: NAME,
  schema: CsrfPolicySchema,
  parse: (message, path) => new CsrfConfig(message, path),
  routeSchema: CsrfPolicySchema,
  parseRoute,
  create(own, { name, stats, random }) {
    const missing = stats.counter('csrf.missing_source_origin');
    const invalid = stats.counter('csrf.request_invalid');
    const valid = stats.counter('csrf.request_valid');
    return {
      onRequestHeaders(stream) {
        const config = routeConfig(stream, name, CsrfConfig) ?? own;
        const isEnabled = random() < config.enabled.value;
        if (!CHANGING.has(stream.request.method) || (!isEnabled && random() >= config.shadow.value)) return CONTINUE;
        const source = sourceOf(stream);
        if (source !== '' && isAllowed(source, stream, config)) {
          valid.value++;
          return CONTINUE;
        }
        (source === '' ? missing : invalid).value++;
        if (!isEnabled) return CONTINUE;
        stream.reply({ status: 403, body: 'Invalid origin', details: 'csrf_origin_mismatch' });
        return REPLIED;
      },
    };
  },
};
