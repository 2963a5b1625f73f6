/**
 * What the router looks at in requests before it forwards them, as it is configured: `strict_check_headers` and
 * `respect_expected_rq_timeout`. Envoy: envoy.filters.http.router. It stands last in a chain that asks for it.
 */
import { ConfigError } from '../../../core/errors.ts';
import { type Router, RouterSchema } from '../../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { parseRetryOn } from '../../router/retry-policy.ts';
import { CONTINUE, type HttpFilter, type HttpStream, REPLIED } from '../filter.ts';

const isInteger = (value: string): boolean => /^\d{1,19}$/.test(value);
const isRetryOn = (value: string): boolean => parseRetryOn(value).unknown.length === 0;

/** Headers that can be checked, each with what a value of it must be. */
const CHECKS: ReadonlyMap<string, (value: string) => boolean> = new Map([
  ['x-envoy-upstream-rq-timeout-ms', isInteger],
  ['x-envoy-upstream-rq-per-try-timeout-ms', isInteger],
  ['x-envoy-max-retries', isInteger],
  ['x-envoy-retry-grpc-on', isRetryOn],
  ['x-envoy-retry-on', isRetryOn],
]);

interface Options {
  readonly checks: readonly (readonly [name: string, isValid: (value: string) => boolean])[];
  readonly respectsExpectedTimeout: boolean;
}

function parse({ strictCheckHeaders, respectExpectedRqTimeout }: Router, path: string): Options {
  const checks = strictCheckHeaders.map((name, i) => {
    const isValid = CHECKS.get(name.toLowerCase());
    if (isValid === undefined)
      throw new ConfigError(`${path}.strict_check_headers[${i}]`, `${name} is none of ${[...CHECKS.keys()].join(', ')}`);
    return [name.toLowerCase(), isValid] as const;
  });
  return { checks, respectsExpectedTimeout: respectExpectedRqTimeout };
}

/** Refuses a request with a header that is not what it must be; returns whether it did. */
function refuses({ checks }: Options, stream: HttpStream): boolean {
  for (const [name, isValid] of checks) {
    const value = stream.request.headers.get(name);
    if (value === undefined || isValid(value)) continue;
    stream.reply({
      status: 400,
      body: `invalid header '${name}' with value '${value}'`,
      details: 'request_headers_failed_strict_check',
      flag: 'IH',
    });
    return true;
  }
  return false;
}

/** Not in the table of filters: `readChain` adds it where the router's configuration asks for it. */
export const routerOptions: HttpFilter<typeof RouterSchema, Options> = {
  name: 'envoy.filters.http.router',
  schema: RouterSchema,
  parse,
  create: (options) => ({
    onRequestHeaders(stream) {
      if (stream.route?.action.kind !== 'cluster') return CONTINUE;
      if (refuses(options, stream)) return REPLIED;
      const { headers } = stream.request;
      const expected = options.respectsExpectedTimeout ? headers.get('x-envoy-expected-rq-timeout-ms') : undefined;
      if (expected !== undefined && isInteger(expected)) headers.set('x-envoy-upstream-rq-timeout-ms', expected);
      return CONTINUE;
    },
  }),
};
