/**
 * The virtual hosts of whole route configurations, encoded. After a change of routes alone only those of the hosts that it
 * names are made anew: a mesh has thousands.
 */
import { changedPositions, withElements } from '../dialects/build/changed-positions.ts';
import type { RouteSet } from '../../model/route.ts';
import { memoised } from './memo.ts';
import type { EncodedPart } from './resource.ts';
import type { Client, Scope } from './scope.ts';

/** A virtual host to be: the domains that it would have, and what it is for a scope with those that are left to it. */
export interface HostPlan {
  /** Of all route sets, those for this host alone decide what it is. */
  readonly host: string;
  readonly domains: readonly string[];
  readonly encode: (scope: Scope, domains: readonly string[]) => EncodedPart;
}

interface Placed {
  readonly plan: HostPlan;
  readonly domains: readonly string[];
}

interface Made {
  readonly scope: Scope;
  readonly parts: readonly EncodedPart[];
}

/** Envoy refuses a domain that two virtual hosts of one configuration have: the first keeps it. */
const layoutOf = memoised((first: readonly HostPlan[], second: readonly HostPlan[]) => {
  const seen = new Set<string>();
  const placed = [...first, ...second].flatMap((plan): Placed[] => {
    const domains = plan.domains.filter((domain) => !seen.has(domain));
    for (const domain of domains) seen.add(domain);
    return domains.length > 0 ? [{ plan, domains }] : [];
  });
  const positions = Map.groupBy(placed.keys(), (at) => placed[at]?.plan.host);
  return { placed, positions, made: new WeakMap<Client, Made>() };
});

function areAlikeButRoutes(a: Scope, b: Scope): boolean {
  return (
    a.client === b.client &&
    a.settings === b.settings &&
    a.services === b.services &&
    a.called === b.called &&
    a.destinationPolicies === b.destinationPolicies &&
    a.outbound === b.outbound
  );
}

const changedNames = memoised((before: readonly RouteSet[], after: readonly RouteSet[]): ReadonlySet<string> | undefined => {
  const positions = changedPositions(before, after);
  const names = positions?.flatMap((at) => [...(before[at]?.hosts ?? []), ...(after[at]?.hosts ?? [])]);
  return names === undefined || names.some((host) => host.startsWith('*')) ? undefined : new Set(names);
});

/** Hosts for which the one scope may have other route sets than the other, being alike but for these; undefined: not known. */
export function changedHosts(before: Scope, after: Scope): ReadonlySet<string> | undefined {
  return areAlikeButRoutes(before, after) ? changedNames(before.routes, after.routes) : undefined;
}

/** The virtual hosts of two lists of plans for `scope`, in order; the same list while they are. */
export function encodedHosts(scope: Scope, first: readonly HostPlan[], second: readonly HostPlan[]): readonly EncodedPart[] {
  const { placed, positions, made } = layoutOf(first, second);
  const last = made.get(scope.client);
  const changed = last && changedHosts(last.scope, scope);
  const partAt = (at: number): [number, EncodedPart][] => {
    const found = placed[at];
    return found === undefined ? [] : [[at, found.plan.encode(scope, found.domains)]];
  };
  const parts =
    last === undefined || changed === undefined
      ? placed.map(({ plan, domains }) => plan.encode(scope, domains))
      : withElements(last.parts, new Map([...changed].flatMap((host) => (positions.get(host) ?? []).flatMap(partAt))));
  made.set(scope.client, { scope, parts });
  return parts;
}
