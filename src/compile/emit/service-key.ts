/** What tells a service, or its shape, from all others of a mesh. */
import type { Service } from '../../model/service.ts';
import { memoised } from './memo.ts';

type Keyed = Pick<Service, 'namespace' | 'hostname' | 'origin'>;

/** Namespace, host, and the resource that it comes from. */
export function serviceKey({ namespace, hostname, origin }: Keyed): string {
  return `${namespace}/${hostname}/${origin.kind}/${origin.name}`;
}

/** Services by that key; of two the first. */
export const servicesByKey = memoised(
  <Each extends Keyed>(services: readonly Each[]): ReadonlyMap<string, Each> =>
    new Map(services.toReversed().map((service) => [serviceKey(service), service])),
);
