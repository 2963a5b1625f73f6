/**
 * Route configurations of proxies that ask for virtual hosts when they are first called (VHDS): without them, and the
 * virtual hosts by `<route configuration>/<host as the request has it>`. They are encoded when somebody asks, to the bytes
 * that whole route configurations are made of, and found as Envoy finds them.
 */
import { clone, create, isMessage } from '@bufbuild/protobuf';
import { DomainTable, withoutPort } from '../../core/domain-table.ts';
import { MetadataSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { type VirtualHost, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema, VhdsSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { LookedUpResources } from '../../xds/looked-up.ts';
import { overAds } from './any.ts';
import type { HostPlan } from './encoded-hosts.ts';
import { memoised } from './memo.ts';
import { routeConfiguration, type TablePlan } from './outbound-routes.ts';
import { type CompiledResource, contentOf, type EncodedPart, encodedAs, partOf, resourceOf, type ResourceMap } from './resource.ts';

/** Metadata that says to our own proxy: ask about every host that is not here under its own name, and go on asking. */
const OPEN = 'tulle.on_demand_hosts';

/** A plan among those of its group, with the domains that the group leaves to it. */
interface Placed {
  readonly plan: HostPlan;
  readonly domains: readonly string[];
}

/** One group's plans by domain: the first that has a domain keeps it. */
const indexOf = memoised((plans: readonly HostPlan[]): DomainTable<Placed> => {
  const table = new DomainTable<Placed>();
  for (const plan of plans) {
    const domains = plan.domains.filter((domain) => table.get(domain) === undefined);
    const placed = { plan, domains };
    for (const domain of domains) table.set(domain, placed);
  }
  return table;
});

/** How closely a domain names hosts: whole, then by the longest end, then by the longest beginning. */
function closeness(domain: string): number {
  if (domain === '*') return 0;
  if (domain.startsWith('*')) return domain.length;
  return domain.endsWith('*') ? domain.length / 1000 : Infinity;
}

/** What of several groups a host belongs to; of equally close domains the first group's. */
function findPlan(groups: readonly DomainTable<Placed>[], host: string): { readonly group: number; readonly placed: Placed } | undefined {
  let best: { readonly group: number; readonly placed: Placed } | undefined;
  let bestCloseness = -1;
  for (const [group, table] of groups.entries()) {
    const domain = table.patternOf(host);
    const placed = domain === undefined ? undefined : table.get(domain);
    if (domain === undefined || placed === undefined || closeness(domain) <= bestCloseness) continue;
    best = { group, placed };
    bestCloseness = closeness(domain);
  }
  return best;
}

/** How a table answers for a host: its virtual host, encoded; undefined where only the table's own takes it. */
type FindHost = (host: string) => EncodedPart | undefined;

/** The lookup in a table that no patch changes. */
function plannedHosts({ scope, groups }: TablePlan): FindHost {
  let indexes: readonly DomainTable<Placed>[] | undefined;
  /** Many proxies ask for the same. */
  const encoded = new Map<Placed, EncodedPart>();
  return (host) => {
    // not `map(indexOf)`, which would remember by position and list, too
    indexes ??= groups().map((plans) => indexOf(plans));
    const found = findPlan(indexes, host);
    if (found === undefined) return undefined;
    const { placed, group } = found;
    const known = encoded.get(placed);
    if (known !== undefined) return known;
    const earlier = indexes.slice(0, group);
    const left = placed.domains.filter((domain) => earlier.every((table) => table.get(domain) === undefined));
    const part = placed.plan.encode(scope, left);
    encoded.set(placed, part);
    return part;
  };
}

/** The lookup in a table as it is, after patches. */
function patchedHosts(hosts: readonly VirtualHost[]): FindHost {
  const table = new DomainTable<VirtualHost>();
  for (const host of hosts) for (const domain of host.domains) if (table.get(domain) === undefined) table.set(domain, host);
  const parts = new Map<VirtualHost, EncodedPart>();
  return (host) => {
    const found = table.find(host);
    if (found === undefined || takesAll(found)) return undefined;
    const part = parts.get(found) ?? partOf(VirtualHostSchema, 2, found);
    parts.set(found, part);
    return part;
  };
}

function takesAll({ domains }: VirtualHost): boolean {
  return domains.includes('*');
}

function opened(config: RouteConfiguration): CompiledResource {
  config.vhds = create(VhdsSchema, { configSource: overAds() });
  config.metadata ??= create(MetadataSchema);
  config.metadata.filterMetadata[OPEN] = {};
  return resourceOf(RouteConfigurationSchema, config.name, config);
}

/** A table whose virtual hosts are asked for. */
export interface OpenTable {
  readonly resource: CompiledResource;
  readonly ignoresPort: boolean;
  readonly find: FindHost;
}

/** The table of a plan, as nothing has patched it. */
export function openTable(plan: TablePlan): OpenTable {
  const { name, otherwise, ignoresPort } = plan;
  return { resource: opened(routeConfiguration(name, [otherwise], ignoresPort)), ignoresPort, find: plannedHosts(plan) };
}

/** The same of a whole table that was patched: what takes all hosts stays in it. */
export const openPatched = memoised((resource: CompiledResource): OpenTable => {
  const { message } = resource;
  const config = isMessage(message, RouteConfigurationSchema)
    ? clone(RouteConfigurationSchema, message)
    : create(RouteConfigurationSchema, { name: resource.name });
  const find = patchedHosts(config.virtualHosts);
  config.virtualHosts = config.virtualHosts.filter(takesAll);
  return { resource: opened(config), ignoresPort: config.ignorePortInHostMatching, find };
});

/** Virtual hosts by `<route configuration>/<host>`. */
function virtualHostsOf(tables: readonly OpenTable[]): ResourceMap {
  const byName = new Map(tables.map((table) => [table.resource.name, table]));
  return new LookedUpResources((name) => {
    const end = name.lastIndexOf('/');
    const table = byName.get(name.slice(0, Math.max(0, end)));
    const host = name.slice(end + 1).toLowerCase();
    const part = host === '' ? undefined : table?.find(table.ignoresPort ? withoutPort(host) : host);
    return part && encodedAs(VirtualHostSchema, name, part.hash, contentOf(part));
  });
}

/** Route configurations, and what can be asked for of them. */
export interface OpenRoutes {
  readonly resources: readonly CompiledResource[];
  readonly virtualHosts: ResourceMap;
}

/** What was last made of tables of which the first is this one. */
const lastOf = memoised((_first: OpenTable): { tables: readonly OpenTable[]; made: OpenRoutes | undefined } => ({
  tables: [],
  made: undefined,
}));

/** What a proxy with these tables gets: the same while the tables are; undefined where there are none. */
export function openRoutes(tables: readonly OpenTable[]): OpenRoutes | undefined {
  const [first] = tables;
  if (first === undefined) return undefined;
  const last = lastOf(first);
  const isSame = last.tables.length === tables.length && tables.every((table, i) => table === last.tables[i]);
  if (last.made !== undefined && isSame) return last.made;
  last.tables = tables;
  last.made = { resources: tables.map(({ resource }) => resource), virtualHosts: virtualHostsOf(tables) };
  return last.made;
}

/** What a proxy asks for nothing of. */
export const NO_VIRTUAL_HOSTS: ResourceMap = new Map();
