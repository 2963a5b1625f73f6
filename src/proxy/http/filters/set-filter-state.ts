/**
 * Sets values of a stream that access logs, headers and policies read (`%FILTER_STATE(key)%`), from formats, and that
 * connections to internal listeners may take along. Envoy: envoy.filters.http.set_filter_state.
 */
import { messageAs } from '../../config/typed-config.ts';
import { type Config, ConfigSchema } from '../../../xds/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import { type ApplyState, compileStateValues } from '../filter-state-values.ts';
import { CONTINUE, type HttpFilter } from '../filter.ts';
import { routeConfig } from '../route-config.ts';

const NAME = 'envoy.filters.http.set_filter_state';

class SetFilterStateConfig {
  readonly apply: ApplyState;
  readonly isRerouting: boolean;

  constructor(apply: ApplyState, isRerouting: boolean) {
    this.apply = apply;
    this.isRerouting = isRerouting;
  }

  followedBy({ apply }: SetFilterStateConfig): SetFilterStateConfig {
    const first = this.apply;
    const both: ApplyState = (info, target) => {
      first(info, target);
      apply(info, target);
    };
    return new SetFilterStateConfig(both, this.isRerouting);
  }
}

function readConfig({ onRequestHeaders, clearRouteCache }: Config, path: string): SetFilterStateConfig {
  return new SetFilterStateConfig(compileStateValues(onRequestHeaders, `${path}.on_request_headers`), clearRouteCache);
}

function parseRoute(given: unknown, path: string): SetFilterStateConfig {
  const message = messageAs(ConfigSchema, given, path);
  return readConfig(message, path);
}

/** Settings of all levels are made: the filter's, then those of routes from the outside in. */
export const setFilterState: HttpFilter<typeof ConfigSchema, SetFilterStateConfig> = {
  name: NAME,
  schema: ConfigSchema,
  parse: readConfig,
  routeSchema: ConfigSchema,
  parseRoute,
  mergeRoute: (above, own) => (above instanceof SetFilterStateConfig && own instanceof SetFilterStateConfig ? above.followedBy(own) : own),
  create: (own, { name }) => ({
    onRequestHeaders(stream) {
      own.apply(stream.info, stream.info);
      routeConfig(stream, name, SetFilterStateConfig)?.apply(stream.info, stream.info);
      if (own.isRerouting) stream.refreshRoute();
      return CONTINUE;
    },
  }),
};
