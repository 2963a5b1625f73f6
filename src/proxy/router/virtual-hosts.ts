/** Which virtual host a request's host belongs to: exact, then longest suffix, then longest prefix, then `*`. */
import { DomainTable, withoutPort } from '../../core/domain-table.ts';
import { ConfigError } from '../../core/errors.ts';

function add<T>(table: DomainTable<T>, domain: string, value: T, path: string): void {
  const isTaken = table.get(domain, path) !== undefined;
  if (isTaken && domain === '*') throw new ConfigError(path, 'only one virtual host may have the domain *');
  if (isTaken) throw new ConfigError(path, `the domain "${domain}" stands twice in the route configuration`);
  table.set(domain, value, path);
}

/** Prepares the lookup by host. `ignoresPort`: neither the request's port nor a domain's counts. */
export function compileDomains<T>(
  virtualHosts: readonly { readonly domains: readonly string[]; readonly value: T }[],
  ignoresPort: boolean,
  path: string,
): (host: string) => T | undefined {
  const table = new DomainTable<T>();
  virtualHosts.forEach(({ domains, value }, i) => {
    if (domains.length === 0) throw new ConfigError(`${path}virtual_hosts[${i}].domains`, 'is empty');
    domains.forEach((domain, j) => add(table, domain, value, `${path}virtual_hosts[${i}].domains[${j}]`));
  });
  return ignoresPort ? (host) => table.find(withoutPort(host.toLowerCase())) : (host) => table.find(host.toLowerCase());
}
