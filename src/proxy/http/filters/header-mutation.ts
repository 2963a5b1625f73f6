/**
 * Changes headers, trailers and query parameters. Envoy: envoy.filters.http.header_mutation.
 *
 * Query parameters come out as Envoy's do, by name and each with an `=`, but those that nobody changed keep their
 * percent signs: Envoy decodes them and sends a path that is not valid any more.
 */
import { messageAs } from '../../config/typed-config.ts';
import { ConfigError } from '../../../core/errors.ts';
import {
  type HeaderMutation as HeaderMutationMessage,
  HeaderMutationPerRouteSchema,
  HeaderMutationSchema,
  type Mutations as MutationsMessage,
} from '../../../xds/gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import { CONTINUE, type FilterStatus, type FilterScope, type HttpFilter, type HttpStream } from '../filter.ts';
import { routeConfig } from '../route-config.ts';
import type { HeaderChange } from '../../router/header-mutations.ts';
import { compileHeaderChanges } from './mutation/header-change.ts';
import { changeQuery, compileParameterChanges, type ParameterChange } from './mutation/query-change.ts';

const NAME = 'envoy.filters.http.header_mutation';

/** What one level of configuration changes. */
interface Mutations {
  readonly request: readonly HeaderChange[];
  readonly query: readonly ParameterChange[];
  readonly requestTrailers: readonly HeaderChange[];
  readonly response: readonly HeaderChange[];
  readonly responseTrailers: readonly HeaderChange[];
}

function compileMutations(message: MutationsMessage | undefined, path: string): Mutations {
  const formatters = message?.formatters ?? [];
  if (formatters.length > 0) throw new ConfigError(`${path}.formatters`, 'is not supported by Tulle');
  return {
    request: compileHeaderChanges(message?.requestMutations ?? [], `${path}.request_mutations`),
    query: compileParameterChanges(message?.queryParameterMutations ?? [], `${path}.query_parameter_mutations`),
    requestTrailers: compileHeaderChanges(message?.requestTrailersMutations ?? [], `${path}.request_trailers_mutations`),
    response: compileHeaderChanges(message?.responseMutations ?? [], `${path}.response_mutations`),
    responseTrailers: compileHeaderChanges(message?.responseTrailersMutations ?? [], `${path}.response_trailers_mutations`),
  };
}

/** The filter's own changes. */
class FilterMutations {
  readonly levels: readonly Mutations[];
  readonly endsWithMostSpecific: boolean;

  constructor(message: HeaderMutationMessage, path: string) {
    this.levels = [compileMutations(message.mutations, `${path}.mutations`)];
    this.endsWithMostSpecific = message.mostSpecificHeaderMutationsWins;
  }
}

/** The changes of all levels of routes, in the two orders that a filter may want. */
class RouteMutations {
  readonly outsideIn: readonly Mutations[];
  readonly insideOut: readonly Mutations[];

  constructor(outsideIn: readonly Mutations[]) {
    this.outsideIn = outsideIn;
    this.insideOut = outsideIn.toReversed();
  }
}

function parseRoute(given: unknown, path: string): RouteMutations {
  const message = messageAs(HeaderMutationPerRouteSchema, given, path);
  return new RouteMutations([compileMutations(message.mutations, `${path}.mutations`)]);
}

const NO_LEVELS: readonly Mutations[] = [];

function changeRequest({ request: changes, query }: Mutations, { request, info }: HttpStream): void {
  for (const change of changes) change(request.headers, info);
  if (query.length > 0) request.path = changeQuery(request.path, query, info);
}

function changeResponse({ response: changes }: Mutations, { response, info }: HttpStream): void {
  if (response === undefined) return;
  for (const change of changes) change(response.headers, info);
}

function create(own: FilterMutations, { name }: FilterScope) {
  const ofRoute = (stream: HttpStream): readonly Mutations[] => {
    const route = routeConfig(stream, name, RouteMutations);
    if (route === undefined) return NO_LEVELS;
    return own.endsWithMostSpecific ? route.outsideIn : route.insideOut;
  };
  return {
    onRequestHeaders(stream: HttpStream): FilterStatus {
      for (const level of own.levels) changeRequest(level, stream);
      for (const level of ofRoute(stream)) changeRequest(level, stream);
      return CONTINUE;
    },
    onRequestEnd(stream: HttpStream): FilterStatus {
      const { requestTrailers, info } = stream;
      if (requestTrailers === undefined) return CONTINUE;
      for (const level of own.levels) for (const change of level.requestTrailers) change(requestTrailers, info);
      for (const level of ofRoute(stream)) for (const change of level.requestTrailers) change(requestTrailers, info);
      return CONTINUE;
    },
    onResponseHeaders(stream: HttpStream): FilterStatus {
      for (const level of own.levels) changeResponse(level, stream);
      for (const level of ofRoute(stream)) changeResponse(level, stream);
      return CONTINUE;
    },
    onResponseEnd(stream: HttpStream): FilterStatus {
      const { responseTrailers, info } = stream;
      if (responseTrailers === undefined) return CONTINUE;
      for (const level of own.levels) for (const change of level.responseTrailers) change(responseTrailers, info);
      for (const level of ofRoute(stream)) for (const change of level.responseTrailers) change(responseTrailers, info);
      return CONTINUE;
    },
  };
}

/** All levels of routes take part, from the inside out unless `most_specific_header_mutations_wins`. */
export const headerMutation: HttpFilter<typeof HeaderMutationSchema, FilterMutations> = {
  name: NAME,
  schema: HeaderMutationSchema,
  parse: (message, path) => new FilterMutations(message, path),
  routeSchema: HeaderMutationPerRouteSchema,
  parseRoute,
  mergeRoute: (above, own) =>
    above instanceof RouteMutations && own instanceof RouteMutations ? new RouteMutations([...above.outsideIn, ...own.outsideIn]) : own,
  create,
};
