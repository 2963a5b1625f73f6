/**
 * Sets values of a stream that access logs, headers and policies read (`%FILTER_STATE(key)%`), from formats.
 * Envoy: envoy.filters.http.set_filter_state.
 *
 * Values are text: of Envoy's factories, `envoy.string` is the one whose objects say nothing to the proxy itself.
 * `read_only` is deprecated in Envoy, and fixes nothing there. Sharing values with the upstream connection reaches nobody, for no filter of ours runs there.
 */
import { messageAs } from '../../config/typed-config.ts';
import { ConfigError } from '../../../core/errors.ts';
import { type Config, ConfigSchema } from '../../../xds/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import type { FilterStateValue } from '../../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { compileFormatString } from '../../telemetry/format-string.ts';
import { CONTINUE, type HttpFilter } from '../filter.ts';
import type { StreamInfo } from '../stream-info.ts';

const NAME = 'envoy.filters.http.set_filter_state';
const STRING = 'envoy.string';

interface Setting {
  readonly key: string;
  readonly skipsEmpty: boolean;
  readonly format: (info: StreamInfo) => string;
}

class SetFilterStateConfig {
  readonly settings: readonly Setting[];
  readonly isRerouting: boolean;

  constructor(settings: readonly Setting[], isRerouting: boolean) {
    this.settings = settings;
    this.isRerouting = isRerouting;
  }

  followedBy({ settings }: SetFilterStateConfig): SetFilterStateConfig {
    return new SetFilterStateConfig([...this.settings, ...settings], this.isRerouting);
  }
}

function compileValue(value: FilterStateValue, path: string): Setting {
  const key = value.key.case === 'objectKey' ? value.key.value : '';
  if (key === '') throw new ConfigError(`${path}.object_key`, 'is missing');
  const factory = value.factoryKey === '' ? key : value.factoryKey;
  if (factory !== STRING) throw new ConfigError(`${path}.factory_key`, `${factory} is not supported by Tulle: only ${STRING} is`);
  if (value.value.case !== 'formatString') throw new ConfigError(`${path}.format_string`, 'is missing');
  const format = compileFormatString(value.value.value, `${path}.format_string`, '');
  return { key, skipsEmpty: value.skipIfEmpty, format };
}

function readConfig({ onRequestHeaders, clearRouteCache }: Config, path: string): SetFilterStateConfig {
  const settings = onRequestHeaders.map((value, i) => compileValue(value, `${path}.on_request_headers[${i}]`));
  return new SetFilterStateConfig(settings, clearRouteCache);
}

function apply({ key, skipsEmpty, format }: Setting, info: StreamInfo): void {
  const value = format(info);
  if (value === '' && skipsEmpty) return;
  (info.filterState ??= new Map()).set(key, value);
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
      const route = stream.perRoute(name);
      for (const setting of own.settings) apply(setting, stream.info);
      if (route instanceof SetFilterStateConfig) for (const setting of route.settings) apply(setting, stream.info);
      if (own.isRerouting) stream.refreshRoute();
      return CONTINUE;
    },
  }),
};
