/** Matches that no request can have. */
import type { StringMatch } from '../../../model/match.ts';
import { selects } from '../../../model/match.ts';
import type { HttpMatch, L4Match, RouteSet } from '../../../model/route.ts';
import { describeSelector } from '../../dialects/build/check-policies.ts';
import type { Check, Say } from '../finding.ts';
import { httpRules, virtualServices } from '../routes.ts';
import type { World } from '../world.ts';

/** Why no path matches. */
function pathProblem(uri: StringMatch): string | undefined {
  if (uri.kind !== 'exact' && uri.kind !== 'prefix') return undefined;
  if (uri.value !== '' && !uri.value.startsWith('/') && uri.value !== '*') {
    return `the path "${uri.value}" does not begin with /, and every path does`;
  }
  if (/[?#]/.test(uri.value)) return `the path "${uri.value}" has a query or fragment, which are no part of the path: use queryParams`;
  return undefined;
}

function methodProblem(method: StringMatch): string | undefined {
  if (method.kind !== 'exact' || method.value === method.value.toUpperCase()) return undefined;
  return `the method "${method.value}" is not in upper case, and methods are compared as they are`;
}

/** Ports that clients may call: of the services that the hosts name, where all are known. */
function callable(set: RouteSet, world: World): ReadonlySet<number> | undefined {
  const services = set.hosts.map((host) => (host.startsWith('*') ? [] : world.servicesOf(host)));
  if (services.some(({ length }) => length === 0)) return undefined;
  return new Set(services.flat().flatMap(({ ports }) => ports.map(({ number }) => number)));
}

function placeProblem(match: HttpMatch | L4Match, set: RouteSet, world: World): string | undefined {
  const gateways = match.gateways.length > 0 ? match.gateways : set.gateways;
  const strange = match.gateways.find((gateway) => !set.gateways.includes(gateway));
  if (strange !== undefined && match.gateways.every((gateway) => !set.gateways.includes(gateway))) {
    return `gateway "${strange}" is not among spec.gateways (${set.gateways.join(', ')})`;
  }
  if (!gateways.includes('mesh')) return undefined;
  const { port, sourceLabels, sourceNamespace } = match;
  const ports = gateways.length === 1 && port !== undefined ? callable(set, world) : undefined;
  if (port !== undefined && ports !== undefined && !ports.has(port)) {
    return `no service of the hosts has port ${port} (they have ${[...ports].join(', ') || 'none'})`;
  }
  if (sourceNamespace !== undefined && !world.namespaces.has(sourceNamespace))
    return `there is no namespace "${sourceNamespace}" to call from`;
  const callers = world.targets.filter(({ namespace }) => sourceNamespace === undefined || namespace === sourceNamespace);
  if (Object.keys(sourceLabels).length > 0 && callers.length > 0 && !callers.some(({ labels }) => selects(sourceLabels, labels))) {
    return `no calling workload has the labels ${describeSelector(sourceLabels)}`;
  }
  return undefined;
}

function checkMatch(match: HttpMatch, set: RouteSet, world: World, say: Say): void {
  const problems = [
    ['uri', match.uri && pathProblem(match.uri)],
    ['method', match.method && methodProblem(match.method)],
    ['', placeProblem(match, set, world)],
  ] as const;
  for (const [field, problem] of problems) {
    if (problem === undefined) continue;
    const origin = field === '' ? match.origin : world.documents.placeOf(match.origin, field);
    say('TUL220', origin, `${problem}: the match never holds, and requests go on to the next rule`);
  }
}

function checkConnections(set: RouteSet, world: World, say: Say): void {
  for (const match of [...set.tls, ...set.tcp].flatMap(({ matches }) => matches)) {
    const problem = placeProblem(match, set, world);
    if (problem !== undefined) say('TUL220', match.origin, `${problem}: the match never holds, and connections go on to the next rule`);
  }
}

export const routeMatches: Check = {
  name: 'route-matches',
  looksAt: ['VirtualService', 'Service', 'Workload'],
  codes: ['TUL220'],
  run(world, say) {
    for (const { set, rule } of httpRules(world)) for (const match of rule.matches) checkMatch(match, set, world, say);
    for (const set of virtualServices(world)) checkConnections(set, world, say);
  },
};
