/** A connection manager's `scoped_routes`: scopes in the configuration itself, or those of a server. Envoy: ScopedRoutes. */
import { ConfigError } from '../../core/errors.ts';
import type { ConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import type {
  ScopedRouteConfigurationsList,
  ScopedRoutes,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { compileScopeKey, readScope, type Scope, type ScopeKeyOf, scopedSource, type ScopeSource } from './scoped-routes.ts';
import type { RouteSource, RouteTable } from './route.ts';

export interface ScopedConfig {
  readonly name: string;
  readonly keyOf: ScopeKeyOf;
  /** The path of the configuration, for errors. */
  readonly path: string;
  /** Undefined where scopes come from a server (SRDS). */
  readonly inline: readonly InlineScope[] | undefined;
}

interface InlineScope {
  readonly scope: Scope;
  /** Undefined where RDS has the table. */
  readonly table: RouteTable | undefined;
}

type Build = (config: RouteConfiguration, path: string) => RouteTable;

function refuseOtherThanAds(source: ConfigSource | undefined, path: string): void {
  if (source?.configSourceSpecifier.case !== 'ads') throw new ConfigError(path, 'only ads is supported by Tulle');
}

function readList(list: ScopedRouteConfigurationsList, build: Build, path: string): readonly InlineScope[] {
  const keys = new Set<string>();
  return list.scopedRouteConfigurations.map((config, i) => {
    const at = `${path}.scoped_route_configurations[${i}]`;
    const scope = readScope(config, at);
    if (keys.has(scope.key)) throw new ConfigError(`${at}.key`, 'stands twice');
    keys.add(scope.key);
    return { scope, table: config.routeConfiguration && build(config.routeConfiguration, `${at}.route_configuration`) };
  });
}

/** Reads `scoped_routes`. `build` makes the tables that stand in it; `path` is the field's own. */
export function readScopedRoutes(config: ScopedRoutes, path: string, build: Build): ScopedConfig {
  const { configSpecifier: specifier } = config;
  if (config.name === '') throw new ConfigError(`${path}.name`, 'is empty');
  const common = { name: config.name, keyOf: compileScopeKey(config.scopeKeyBuilder, `${path}.scope_key_builder`), path };
  switch (specifier.case) {
    case 'scopedRouteConfigurationsList': {
      const inline = readList(specifier.value, build, `${path}.scoped_route_configurations_list`);
      if (inline.some(({ table }) => table === undefined)) refuseOtherThanAds(config.rdsConfigSource, `${path}.rds_config_source`);
      return { ...common, inline };
    }
    case 'scopedRds':
      refuseOtherThanAds(config.rdsConfigSource, `${path}.rds_config_source`);
      refuseOtherThanAds(specifier.value.scopedRdsConfigSource, `${path}.scoped_rds.scoped_rds_config_source`);
      return { ...common, inline: undefined };
    case undefined:
      throw new ConfigError(path, 'has neither scoped_route_configurations_list nor scoped_rds');
  }
}

/** What a connection manager's scopes come from. */
export interface ScopeSupply {
  routes(name: string): RouteSource;
  scopes?(): ScopeSource;
}

/** The routes of a connection manager with scopes. Throws ConfigError where there is no server to ask for them. */
export function openScopes(config: ScopedConfig, supply: ScopeSupply): RouteSource {
  const { inline } = config;
  if (inline === undefined) {
    if (supply.scopes === undefined) throw new ConfigError(`${config.path}.scoped_rds`, 'there is no server of xDS');
    return scopedSource(config.name, config.keyOf, supply.scopes());
  }
  const sources = new Map<string, RouteSource>();
  for (const { scope, table } of inline)
    sources.set(scope.key, table === undefined ? supply.routes(scope.routeName) : { current: () => table });
  return scopedSource(config.name, config.keyOf, { find: (key) => sources.get(key) });
}
