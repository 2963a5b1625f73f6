/** Everything that a route asks of a request besides its path. Envoy: RouteMatch. */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type {
  CookieMatcher,
  RouteMatch,
  RouteMatch_TlsContextMatchOptions as TlsOptions,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { FilterStateMatcher } from '../../xds/gen/envoy/type/matcher/v3/filter_state_pb.ts';
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

/** Prepares the conditions of a match, all of which have to hold. `path` is the match's own. */
export function compileConditions(match: RouteMatch, path: string): readonly MatchTest[] {
  const tests: MatchTest[] = [
    ...match.headers.map((matcher, i) => compileHeaderMatcher(matcher, `${path}.headers[${i}]`)),
    ...match.queryParameters.map((matcher, i) => compileQueryMatcher(matcher, `${path}.query_parameters[${i}]`)),
    ...match.cookies.map((matcher, i) => cookieTest(matcher, `${path}.cookies[${i}]`)),
    ...match.filterState.map((matcher, i) => filterStateTest(matcher, `${path}.filter_state[${i}]`)),
    ...match.dynamicMetadata.map((matcher, i): MatchTest => {
      const test = compileMetadataMatcher(matcher, `${path}.dynamic_metadata[${i}]`);
      return (_head, { metadata }) => test(metadata.get(matcher.filter));
    }),
  ];
  if (match.grpc !== undefined) tests.push(isGrpcRequest);
  if (match.tlsContext !== undefined) tests.push(tlsTest(match.tlsContext));
  return tests;
}
