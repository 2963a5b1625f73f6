/** The mesh that is asked about: what was written, and who runs with which proxy. */
import type { ProxyNode } from '../../compile/compile.ts';
import { closest } from '../../compile/schema/suggest.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { WorkloadInstance } from '../../model/workload.ts';
import { CliError } from '../errors.ts';
import type { WorkloadName } from './asked.ts';

/** A copy of a workload. */
export interface Member {
  readonly namespace: string;
  readonly workload: string;
  /** Undefined: it has no proxy. */
  readonly proxy: ProxyNode | undefined;
  /** Undefined for gateways and clients that serve nothing. */
  readonly instance: WorkloadInstance | undefined;
}

export interface World {
  readonly mesh: Mesh;
  readonly members: readonly Member[];
}

/** `shop/frontend`. */
export function nameOf({ namespace, workload }: Pick<Member, 'namespace' | 'workload'>): string {
  return `${namespace}/${workload}`;
}

/** ` Did you mean ...?`, or what there is. */
export function hintOf(word: string, known: readonly string[]): string {
  const near = closest(word, known) ?? known.find((each) => each.split(/[/.]/).includes(word));
  if (near !== undefined) return `did you mean ${near}?`;
  return known.length === 0 ? 'there are none' : `there are ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', ...' : ''}`;
}

/** The first copy of a workload that `wanted` names, with one that has a proxy before others. Throws CliError with near names. */
export function memberNamed(world: World, { namespace, name }: WorkloadName, role: 'client' | 'gateway'): Member {
  const fitting = world.members.filter(({ proxy }) => role === 'client' || proxy?.role === 'router');
  const named = fitting.filter((member) => member.workload === name && (namespace === undefined || member.namespace === namespace));
  const namespaces = new Set(named.map((member) => member.namespace));
  if (namespaces.size > 1)
    throw new CliError(`there is a workload ${name} in ${[...namespaces].join(' and ')}`, `name one: ${[...namespaces][0]}/${name}`);
  const found = named.find(({ proxy }) => proxy !== undefined) ?? named[0];
  if (found !== undefined) return found;
  const known = [...new Set(fitting.map(nameOf))];
  const wanted = namespace === undefined ? name : `${namespace}/${name}`;
  const candidates = namespace === undefined ? fitting.map(({ workload }) => workload) : known;
  throw new CliError(
    `there is no ${role === 'gateway' ? 'gateway' : 'workload'} ${wanted}`,
    hintOf(wanted, [...new Set([...candidates, ...known])]),
  );
}

const LOOPBACK = '127.0.0.1';

/** Who has an address; of several on one (explicit mode) the one that has the port. What else is on loopback is nobody's. */
export function memberAt(world: World, host: string, port: number): Member | undefined {
  const there = world.members.filter(({ instance, proxy }) => instance?.address === host || proxy?.addresses.includes(host) === true);
  return (
    there.find(({ instance }) => instance?.ports.some(({ listen }) => listen === port) === true) ??
    (there.length === 1 && host !== LOOPBACK ? there[0] : undefined)
  );
}
