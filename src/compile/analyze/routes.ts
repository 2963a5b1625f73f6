/** Ways through routes and traffic policies that several analysers go. */
import type { Destination, HttpRule, RouteSet } from '../../model/route.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { DestinationPolicy, TrafficPolicy } from '../../model/traffic-policy.ts';
import type { World } from './world.ts';

/** Those that were written as VirtualServices. */
export function virtualServices({ mesh }: World): readonly RouteSet[] {
  return mesh.routes.filter(({ origin }) => origin.kind === 'VirtualService');
}

/** Every HTTP rule of VirtualServices, with what it belongs to. */
export function httpRules(world: World): readonly { readonly set: RouteSet; readonly rule: HttpRule }[] {
  return virtualServices(world).flatMap((set) => set.http.map((rule) => ({ set, rule })));
}

/** Where a rule sends requests. */
export function forwards({ action }: HttpRule): readonly { readonly destination: Destination; readonly origin: Provenance }[] {
  return action.kind === 'forward' ? action.destinations : [];
}

/** Everywhere that a route set may lead to, mirrors included. */
export function destinationsOf(set: RouteSet): readonly { readonly destination: Destination; readonly origin: Provenance }[] {
  const http = set.http.flatMap((rule) => [
    ...forwards(rule),
    ...rule.mirrors.map(({ destination }) => ({ destination, origin: rule.origin })),
  ]);
  return [...http, ...[...set.tls, ...set.tcp].flatMap(({ destinations }) => destinations)];
}

/** A block of settings of a DestinationRule. */
export interface PolicyBlock {
  readonly policy: TrafficPolicy;
  /** Undefined: for all ports without an own one. */
  readonly port: number | undefined;
  readonly subset: string | undefined;
}

/** Every block of settings of a DestinationRule. */
export function policyBlocks({ policy, subsets }: DestinationPolicy): readonly PolicyBlock[] {
  const withPorts = (own: TrafficPolicy | undefined, subset: string | undefined): PolicyBlock[] =>
    own === undefined
      ? []
      : [{ policy: own, port: undefined, subset }, ...[...own.ports].map(([port, block]) => ({ policy: block, port, subset }))];
  return [...withPorts(policy, undefined), ...subsets.flatMap((subset) => withPorts(subset.policy, subset.name))];
}
