/**
 * A route table whose virtual hosts come one by one, when hosts are first called, and go again: nothing is compiled anew
 * but what came. Until a host was asked for it is not known which virtual host it belongs to, for the server may have one
 * that is more specific than those that are here.
 */
import { DomainTable, withoutPort } from '../../core/domain-table.ts';
import type { JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import type { VirtualHost } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { HttpFilter } from '../http/filter.ts';
import type { MatchInfo, RouteEntry, RouteTable } from './route.ts';
import { type CompiledHost, compileHost, hostReader, internalOnly, matchInHost, tableScope } from './route-table.ts';

/** Metadata of a route configuration whose virtual hosts, all but those that it has itself, come by VHDS host by host. */
const OPEN = 'tulle.on_demand_hosts';

/** True where the server wants to be asked about every host that the table has not under its own name. */
export function isOpenTable({ metadata, vhds }: RouteConfiguration): boolean {
  const marks: Readonly<Record<string, JsonObject>> = metadata?.filterMetadata ?? {};
  return vhds !== undefined && marks[OPEN] !== undefined;
}

/** A virtual host of an open table. */
export interface OpenHost {
  readonly domains: readonly string[];
  /** Clusters that its routes name. */
  readonly clusters: ReadonlySet<string>;
  readonly compiled: CompiledHost;
  /** Whether a request had it since somebody last looked. */
  isUsed: boolean;
}

export interface OpenRouteTable extends RouteTable {
  /** Clusters that the table's own virtual hosts name. */
  readonly clusters: ReadonlySet<string>;
  /** Compiles a virtual host for this table, without putting it there. Throws ConfigError naming the field. */
  compile(host: VirtualHost): OpenHost;
  put(host: OpenHost): void;
  drop(host: OpenHost): void;
  /** The host of a request as the table knows hosts: in lower case, and without a port where ports do not count. */
  hostOf(head: RequestHead): string | undefined;
  /** The virtual host that has the host's own name among its domains. */
  exact(host: string): OpenHost | undefined;
}

function clustersOf({ routes }: CompiledHost): ReadonlySet<string> {
  return new Set(routes.flatMap(({ clusters }) => clusters));
}

/** Compiles a route configuration of RDS. Throws ConfigError naming the field. */
export function buildOpenTable(config: RouteConfiguration, filters: readonly HttpFilter[]): OpenRouteTable {
  const scope = tableScope(config, '', filters);
  const index = new DomainTable<OpenHost>();
  const nameOf = hostReader(config);
  const { ignorePortInHostMatching: ignoresPort, ignorePathParametersInPathMatching: ignoresParameters } = config;
  const compileAt = (host: VirtualHost, path: string): OpenHost => {
    const { domains } = host;
    if (domains.length === 0) throw new ConfigError(`${path}domains`, 'is empty');
    domains.forEach((domain, i) => index.get(domain, `${path}domains[${i}]`));
    const compiled = compileHost(host, scope, path.slice(0, -1));
    return { domains, clusters: clustersOf(compiled), compiled, isUsed: true };
  };
  const hostOf = (head: RequestHead): string | undefined => {
    const name = nameOf(head)?.toLowerCase();
    return name !== undefined && ignoresPort ? withoutPort(name) : name;
  };
  const put = (host: OpenHost): void => {
    for (const domain of host.domains) index.set(domain, host);
  };
  const own = config.virtualHosts.map((host, i) => compileAt(host, `virtual_hosts[${i}].`));
  own.forEach(put);
  return {
    name: config.name,
    clusters: new Set(own.flatMap(({ clusters }) => [...clusters])),
    counted: own.flatMap(({ compiled }) => compiled.counted),
    ...internalOnly(config),
    compile: (host) => compileAt(host, ''),
    put,
    drop({ domains, compiled }) {
      // another virtual host may have taken a domain over
      for (const domain of domains) if (index.get(domain)?.compiled === compiled) index.delete(domain);
    },
    hostOf,
    exact: (host) => index.exact(host),
    match(head: RequestHead, random: number, info: MatchInfo): RouteEntry | undefined {
      const name = hostOf(head);
      const host = name === undefined ? undefined : index.find(name);
      return host === undefined ? undefined : matchInHost(host.compiled, head, random, info, ignoresParameters);
    },
  };
}
