/** Everything that a route asks of a request besides its path. Envoy: RouteMatch. */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type {
  CookieMatcher,
  HeaderMatcher,
  QueryParameterMatcher,
  RouteMatch,
  RouteMatch_GrpcRouteMatchOptions as GrpcOptions,
  RouteMatch_TlsContextMatchOptions as TlsOptions,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { FilterStateMatcher } from '../../xds/gen/envoy/type/matcher/v3/filter_state_pb.ts';
import type { MetadataMatcher } from '../../xds/gen/envoy/type/matcher/v3/metadata_pb.ts';
import { compileMetadataMatcher } from '../authz/metadata-matcher.ts';
import { cookieValue } from './cookies.ts';
import { isGrpcRequest } from './grpc-request.ts';
import { compileHeaderMatcher, compileQueryMatcher, compileStringMatcher } from './matchers.ts';
import type { MatchInfo } from './route.ts';

export type MatchTest = (head: RequestHead, info: MatchInfo) => boolean;

function cookieTest({ name, stringMatch, invertMatch }: CookieMatcher, path: string): MatchTest {
  if (name === '') throw new ConfigError(`${path}.name`, 'is empty');
  if (stringMatch === undefined) throw new ConfigError(`${path}.string_match`, 'is missing');
  const test = compileStringMatcher(stringMatch, `${path}.string_match`);
  return (head) => {
    const value = cookieValue(head, name);
    return (value !== undefined && test(value)) !== invertMatch;
  };
}

function filterStateTest({ key, matcher }: FilterStateMatcher, path: string): MatchTest {
  if (key === '') throw new ConfigError(`${path}.key`, 'is empty');
  if (matcher.case !== 'stringMatch') throw new ConfigError(`${path}.string_match`, 'is missing');
  const test = compileStringMatcher(matcher.value, `${path}.string_match`);
  return (_head, { filterState }) => {
    const value = filterState?.get(key);
    return value !== undefined && test(value);
  };
}

function tlsTest({ presented, validated }: TlsOptions): MatchTest {
  return (_head, { connection: { tls } }) => {
    const isValidated = tls !== undefined && tls.fingerprint !== '';
    const isPresented = isValidated || tls?.certificate !== undefined;
    return (presented ?? isPresented) === isPresented && (validated ?? isValidated) === isValidated;
  };
}

/** One condition: what was configured, and its test. */
export interface MatchCondition {
  /** Below the match, e.g. `headers[0]`. */
  readonly field: string;
  readonly about: HeaderMatcher | QueryParameterMatcher | CookieMatcher | FilterStateMatcher | MetadataMatcher | TlsOptions | GrpcOptions;
  readonly test: MatchTest;
}

function each<About extends MatchCondition['about']>(
  field: string,
  list: readonly About[],
  compile: (about: About, field: string) => MatchTest,
): MatchCondition[] {
  return list.map((about, i) => ({ field: `${field}[${i}]`, about, test: compile(about, `${field}[${i}]`) }));
}

/** The conditions of a match, all of which have to hold, each with what it is about. `path` is the match's own. */
export function readConditions(match: RouteMatch, path: string): readonly MatchCondition[] {
  const { grpc, tlsContext } = match;
  return [
    ...each('headers', match.headers, (matcher, field) => compileHeaderMatcher(matcher, `${path}.${field}`)),
    ...each('query_parameters', match.queryParameters, (matcher, field) => compileQueryMatcher(matcher, `${path}.${field}`)),
    ...each('cookies', match.cookies, (matcher, field) => cookieTest(matcher, `${path}.${field}`)),
    ...each('filter_state', match.filterState, (matcher, field) => filterStateTest(matcher, `${path}.${field}`)),
    ...each('dynamic_metadata', match.dynamicMetadata, (matcher, field): MatchTest => {
      const test = compileMetadataMatcher(matcher, `${path}.${field}`);
      return (_head, { metadata }) => test(metadata.get(matcher.filter));
    }),
    ...(grpc === undefined ? [] : [{ field: 'grpc', about: grpc, test: isGrpcRequest }]),
    ...(tlsContext === undefined ? [] : [{ field: 'tls_context', about: tlsContext, test: tlsTest(tlsContext) }]),
  ];
}

/** Prepares the conditions of a match. */
export function compileConditions(match: RouteMatch, path: string): readonly MatchTest[] {
  return readConditions(match, path).map(({ test }) => test);
}
