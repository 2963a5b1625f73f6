/** TrafficSplits: filled with the requests that their HTTPRouteGroups describe, and held against the services they name. */
import type { RouteSet } from '../../../model/route.ts';
import type { Service } from '../../../model/service.ts';
import { didYouMean } from '../../schema/suggest.ts';
import type { MatchGroupPart, SplitPart } from '../part.ts';
import type { Findings } from './findings.ts';

/** Groups by namespace/name. */
export type MatchGroups = ReadonlyMap<string, MatchGroupPart>;

/** The route set of a split. One whose groups do not exist splits nothing: a rule without matches would split all. */
export function expandSplit({ route, groups }: SplitPart, known: MatchGroups): RouteSet {
  const [rule, ...rest] = route.http;
  if (groups.length === 0 || rule === undefined) return route;
  const matches = groups.flatMap(({ name }) => known.get(`${route.namespace}/${name}`)?.matches ?? []);
  return { ...route, http: matches.length === 0 ? rest : [{ ...rule, matches }, ...rest] };
}

function checkGroups({ route, groups }: SplitPart, known: MatchGroups, findings: Findings): void {
  for (const { name, origin } of groups) {
    if (known.has(`${route.namespace}/${name}`)) continue;
    const names = [...known.values()].filter(({ namespace }) => namespace === route.namespace).map((group) => group.name);
    const message = `there is no HTTPRouteGroup "${name}" in namespace ${route.namespace}: no request is split because of it.`;
    findings.warning('TUL113', origin, `${message}${didYouMean(name, names)}`);
  }
}

/** What happens to calls of the root's ports that a backend does not have. */
function checkPorts(
  { route }: SplitPart,
  roots: readonly Service[],
  services: ReadonlyMap<string, readonly Service[]>,
  findings: Findings,
) {
  const called = new Set(roots.flatMap(({ ports }) => ports.map(({ number }) => number)));
  const [rule] = route.http;
  if (rule?.action.kind !== 'forward') return;
  for (const { destination, origin } of rule.action.destinations) {
    const numbers = new Set(services.get(destination.host)?.flatMap(({ ports }) => ports.map(({ number }) => number)));
    const missing = [...called].filter((number) => !numbers.has(number)).join(', ');
    if (missing === '' || numbers.size === 0) continue;
    const end = numbers.size === 1 ? 'its share goes to that one' : 'its share is answered with 503';
    const message = `"${destination.host}" has port ${[...numbers].join(', ')}, not ${missing} as "${route.hosts.join(', ')}" has: ${end}`;
    findings.warning('TUL103', origin, message);
  }
}

/** Checks splits; that their backends exist is checked with all routes. */
export function checkSplits(splits: readonly SplitPart[], groups: MatchGroups, all: readonly Service[], findings: Findings): void {
  if (splits.length === 0) return;
  const services = Map.groupBy(all, ({ hostname }) => hostname);
  for (const split of splits) {
    const roots = split.route.hosts.flatMap((host) => services.get(host) ?? []);
    if (roots.length === 0) {
      const host = split.route.hosts.join(', ');
      const message = `there is no service "${host}" whose calls could be split.${didYouMean(host, services.keys())}`;
      findings.warning('TUL114', { ...split.route.origin, field: 'spec.service' }, message);
    }
    checkGroups(split, groups, findings);
    checkPorts(split, roots, services, findings);
  }
}
