/** Which proxies an edit touches, and what of theirs. */
import { compile, type Compiled, type ResourceMap } from '../../compile/compile.ts';
import { type Member, nameOf, type World } from '../explain/world.ts';
import type { Change } from '../../compile/changes/resource-changes.ts';
import { withoutPlaces } from '../../compile/changes/without-places.ts';

const TYPES = ['listeners', 'routes', 'clusters', 'endpoints', 'secrets'] as const satisfies readonly (keyof Compiled)[];

interface ProxyChange {
  /** `listeners`, `routes`, ... */
  readonly type: (typeof TYPES)[number];
  readonly change: Change;
  /** Of the xDS resource. */
  readonly name: string;
}

export interface TouchedProxy {
  readonly workload: string;
  readonly changes: readonly ProxyChange[];
}

function compare(type: ProxyChange['type'], before: ResourceMap, after: ResourceMap): ProxyChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return names.flatMap((name): ProxyChange[] => {
    const [former, next] = [before.get(name)?.version, after.get(name)?.version];
    if (former === next) return [];
    return [{ type, change: former === undefined ? 'added' : next === undefined ? 'removed' : 'changed', name }];
  });
}

/** One copy of each workload that has a proxy, by name. */
function proxies({ members }: World): Map<string, Member> {
  return new Map(members.filter(({ proxy }) => proxy !== undefined).map((member) => [nameOf(member), member]));
}

/** Compares what the proxies of both worlds get; lines that only moved count for nothing. */
export function touchedProxies(before: World, after: World): TouchedProxy[] {
  const [former, next] = [withoutPlaces(before.mesh), withoutPlaces(after.mesh)];
  const news = proxies(after);
  return [...proxies(before)].flatMap(([workload, { proxy }]) => {
    const own = news.get(workload)?.proxy;
    if (proxy === undefined || own === undefined) return [];
    // a proxy that asks for virtual hosts one by one gets of each table what it calls
    const [old, now] = [compile(former, { ...proxy, hasHostsOnDemand: false }), compile(next, { ...own, hasHostsOnDemand: false })];
    const changes = TYPES.flatMap((type) => compare(type, old[type], now[type]));
    return changes.length === 0 ? [] : [{ workload, changes }];
  });
}
