/** What a route says of tracing: the name of its operation, its own sampling and tags. Envoy: Route.decorator, Route.tracing. */
import { ConfigError } from '../../core/errors.ts';
import type { Route } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { compileTags, type TagSource } from './custom-tags.ts';
import { readRouteSampling, type Sampling } from './sampling.ts';

export interface RouteTrace {
  /** `decorator.operation`; '' without. */
  readonly operation: string;
  /** The operation is told to the next proxy, or to the client. */
  readonly isPropagated: boolean;
  /** Undefined: the connection manager's. */
  readonly sampling: Sampling | undefined;
  readonly tags: readonly TagSource[];
}

/** Undefined where a route says nothing of it. `path` is the route's. */
export function compileRouteTrace({ decorator, tracing }: Route, path: string): RouteTrace | undefined {
  if (decorator === undefined && tracing === undefined) return undefined;
  if (decorator !== undefined && decorator.operation === '') throw new ConfigError(`${path}.decorator.operation`, 'is empty');
  return {
    operation: decorator?.operation ?? '',
    isPropagated: decorator?.propagate ?? true,
    sampling: tracing && readRouteSampling(tracing),
    tags: compileTags(tracing?.customTags ?? [], `${path}.tracing.custom_tags`),
  };
}
