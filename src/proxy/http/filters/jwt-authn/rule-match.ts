/** Which requests a rule is for. Source: Envoy, jwt_authn's use of RouteMatch: path, header fields, query parameters. */
import { ConfigError } from '../../../../core/errors.ts';
import type { RouteMatch } from '../../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { compileHeaderMatcher, compileQueryMatcher, type HeadTest } from '../../../router/matchers.ts';
import { compilePathMatch, pathEnd } from '../../../router/path-match.ts';

/** A test for a rule's match. Throws ConfigError where it asks for more than rules can. */
export function compileRuleMatch(match: RouteMatch | undefined, path: string): HeadTest {
  if (match === undefined) throw new ConfigError(path, 'is missing');
  if (match.runtimeFraction !== undefined) throw new ConfigError(`${path}.runtime_fraction`, 'has no effect in a rule');
  if (match.grpc !== undefined) throw new ConfigError(`${path}.grpc`, 'has no effect in a rule');
  const { test, isConnect } = compilePathMatch(match, path);
  const tests = [
    ...match.headers.map((matcher, i) => compileHeaderMatcher(matcher, `${path}.headers[${i}]`)),
    ...match.queryParameters.map((matcher, i) => compileQueryMatcher(matcher, `${path}.query_parameters[${i}]`)),
  ];
  return (head) => {
    if (isConnect && head.method !== 'CONNECT') return false;
    if (!test(head.path.slice(0, pathEnd(head.path)))) return false;
    return tests.every((each) => each(head));
  };
}
