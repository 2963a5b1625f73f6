/** What routes name must be there: hosts, subsets, ports, gateways. Istio accepts it all the same, so these are warnings. */
import type { Mesh } from '../../../model/mesh.ts';
import type { Provenance } from '../../../model/provenance.ts';
import type { Destination, HttpRule, RouteSet } from '../../../model/route.ts';
import type { Service } from '../../../model/service.ts';
import type { DestinationPolicy } from '../../../model/traffic-policy.ts';
import { hostSpecificity } from '../../emit/hosts.ts';
import { didYouMean } from '../../schema/suggest.ts';
import { nameOf, type Findings } from './findings.ts';

/** What routes may name. */
export interface KnownParts {
  readonly mesh: Mesh;
  /** By host name. */
  readonly services: ReadonlyMap<string, readonly Service[]>;
  /** Rules that may name subsets, by their host. */
  readonly rules: ReadonlyMap<string, readonly DestinationPolicy[]>;
  /** Those of `rules` whose host is a pattern, the most specific first. */
  readonly patterns: readonly DestinationPolicy[];
  /** `namespace/name`. */
  readonly gateways: ReadonlySet<string>;
}

/** Diagnostics after which no more suggestions are looked for: each compares a name with all services. */
const MAX_HINTS = 5;

function hintHost(host: string, known: KnownParts, findings: Findings): string {
  return findings.diagnostics.length < MAX_HINTS ? didYouMean(host, known.services.keys()) : '';
}

/** A service of that name, or one whose wildcard covers it. */
function servicesOf(host: string, known: KnownParts): readonly Service[] {
  const exact = known.services.get(host);
  if (exact !== undefined) return exact;
  return known.mesh.services.filter(({ hostname }) => hostname.startsWith('*.') && host.endsWith(hostname.slice(1)));
}

/** Names of a host's subsets: in each namespace those of the most specific host that names it, as clients choose a rule. */
function subsetsOf(host: string, { rules, patterns }: KnownParts): ReadonlySet<string> {
  const chosen = new Map<string, string>();
  const found = [...(rules.get(host) ?? []), ...patterns.filter((rule) => hostSpecificity(rule.host, host) >= 0)].filter((rule) => {
    if (!chosen.has(rule.namespace)) chosen.set(rule.namespace, rule.host);
    return chosen.get(rule.namespace) === rule.host;
  });
  return new Set(found.flatMap(({ subsets }) => subsets.map(({ name }) => name)));
}

function checkDestination({ host, subset, port }: Destination, origin: Provenance, known: KnownParts, findings: Findings): void {
  const services = servicesOf(host, known);
  if (services.length === 0) {
    const whole = `${host}.svc.${known.mesh.settings.domainSuffix}`;
    const hint = known.services.has(whole) ? ` Did you mean "${whole}"?` : hintHost(host, known, findings);
    findings.warning('TUL101', origin, `there is no service "${host}": what is routed to it is answered with 503.${hint}`);
    return;
  }
  if (subset !== undefined) {
    const subsets = subsetsOf(host, known);
    if (!subsets.has(subset)) {
      const hint = didYouMean(subset, subsets) || ' Define it in a DestinationRule for the host.';
      findings.warning('TUL102', origin, `"${host}" has no subset "${subset}": what is routed to it is answered with 503.${hint}`);
    }
  }
  if (port !== undefined && services.every(({ ports }) => ports.every(({ number }) => number !== port))) {
    const numbers = services.flatMap(({ ports }) => ports.map(({ number }) => number)).join(', ') || 'none';
    findings.warning('TUL103', origin, `"${host}" has no port ${port} (it has ${numbers}): what is routed to it is answered with 503`);
  }
}

function checkHttpRule(rule: HttpRule, known: KnownParts, findings: Findings): void {
  if (rule.action.kind === 'forward') {
    for (const { destination, origin } of rule.action.destinations) checkDestination(destination, origin, known, findings);
  }
  for (const { destination } of rule.mirrors) checkDestination(destination, rule.origin, known, findings);
}

/** Fields that destinations of HTTP rules stand in: a split has them for HTTP and bytes alike. */
function writtenDestinations(rules: readonly HttpRule[]): ReadonlySet<string> {
  return new Set(rules.flatMap(({ action }) => (action.kind === 'forward' ? action.destinations.map(({ origin }) => origin.field) : [])));
}

function checkGateways(route: RouteSet, known: KnownParts, findings: Findings): void {
  for (const gateway of route.gateways) {
    if (gateway === 'mesh' || known.gateways.has(gateway)) continue;
    const hint = didYouMean(gateway, known.gateways);
    findings.warning(
      'TUL107',
      { ...route.origin, field: 'spec.gateways' },
      `there is no Gateway "${gateway}": no traffic comes from it.${hint}`,
    );
  }
}

/** Where all see one and some see the other, the other counts for these, and the one for the rest. */
function areEquallyWide(a: RouteSet, b: RouteSet): boolean {
  return a.exportTo.includes('*') === b.exportTo.includes('*');
}

/** True where some namespace sees both. */
function areSeenTogether(a: RouteSet, b: RouteSet): boolean {
  const seenBy = ({ exportTo, namespace }: RouteSet): ReadonlySet<string> =>
    new Set(exportTo.map((name) => (name === '.' ? namespace : name)));
  const [left, right] = [seenBy(a), seenBy(b)];
  if (left.has('~') || right.has('~')) return false;
  return left.has('*') || right.has('*') || [...left].some((name) => right.has(name));
}

/** The field of a kind that names the hosts of its routes. */
function hostsField(kind: string): string {
  return kind === 'TrafficSplit' ? 'spec.service' : 'spec.hosts';
}

/** Sidecars follow one VirtualService or TrafficSplit a host; the others do nothing. */
function checkRivals(routes: readonly RouteSet[], findings: Findings): void {
  const owners = new Map<string, RouteSet[]>();
  for (const route of routes) {
    if (!route.gateways.includes('mesh')) continue;
    for (const host of new Set(route.hosts)) {
      const older = owners.get(host)?.find((other) => areEquallyWide(other, route) && areSeenTogether(other, route));
      if (older === undefined) owners.set(host, [...(owners.get(host) ?? []), route]);
      else {
        const message = `"${host}" is routed by ${nameOf(older.origin)} already, which is older and counts for sidecars: this one does nothing for the host`;
        findings.warning('TUL104', { ...route.origin, field: hostsField(route.origin.kind) }, message);
      }
    }
  }
}

/** What routes of `mesh` may name. */
export function knownIn(mesh: Mesh): KnownParts {
  return {
    mesh,
    services: Map.groupBy(mesh.services, ({ hostname }) => hostname),
    rules: Map.groupBy(mesh.destinationPolicies, ({ host }) => host),
    patterns: mesh.destinationPolicies.filter(({ host }) => host.startsWith('*')).toSorted((a, b) => b.host.length - a.host.length),
    gateways: new Set(mesh.gateways.map(({ namespace, name }) => `${namespace}/${name}`)),
  };
}

/** Checks what one route set names. */
export function checkRoute(route: RouteSet, known: KnownParts, findings: Findings): void {
  for (const rule of route.http) checkHttpRule(rule, known, findings);
  const said = writtenDestinations(route.http);
  for (const { destination, origin } of [...route.tls, ...route.tcp].flatMap(({ destinations }) => destinations)) {
    if (!said.has(origin.field)) checkDestination(destination, origin, known, findings);
  }
  checkGateways(route, known, findings);
}

/** Checks all routes against the rest of the mesh. */
export function checkRoutes(mesh: Mesh, findings: Findings): void {
  const known = knownIn(mesh);
  for (const route of mesh.routes) checkRoute(route, known, findings);
  for (const workload of mesh.workloads) {
    for (const { host } of workload.upstreams) {
      if (servicesOf(host, known).length > 0) continue;
      const hint = hintHost(host, known, findings);
      findings.warning(
        'TUL109',
        { ...workload.origin, field: 'spec.upstreams' },
        `there is no service "${host}": connections to its local port are closed.${hint}`,
      );
    }
  }
  checkRivals(mesh.routes, findings);
}
