import type { Service } from './service.ts';

/** What of a service counts for whom a provider is. */
type Named = Pick<Service, 'hostname' | 'namespace'>;

/** The host name of a provider's `service` (`[<namespace>/]<host name>`), or why there is none, as the end of a sentence. */
export function providerService(service: string, services: Iterable<Named>): { readonly hostname: string } | string {
  const slash = service.indexOf('/');
  const [namespace, name] = slash === -1 ? ['', service] : [service.slice(0, slash), service.slice(slash + 1)];
  const namespaces = new Set<string>();
  for (const one of services) if (one.hostname === name && (namespace === '' || one.namespace === namespace)) namespaces.add(one.namespace);
  if (namespaces.size === 1) return { hostname: name };
  if (namespaces.size === 0) return `there is no service ${service}`;
  return `there is ${name} in ${[...namespaces].toSorted().join(', ')}: write <namespace>/${name}`;
}
