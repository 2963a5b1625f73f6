/** Which virtual host a request's host belongs to: exact, then longest suffix, then longest prefix, then `*`. */
import { ConfigError } from '../../core/errors.ts';

/** Wildcards of one length: the fixed part to what it stands for. */
interface Wildcards<T> {
  readonly length: number;
  readonly values: Map<string, T>;
}

class DomainTable<T> {
  readonly #exact = new Map<string, T>();
  readonly #suffixes: Wildcards<T>[] = [];
  readonly #prefixes: Wildcards<T>[] = [];
  #rest: T | undefined;

  add(domain: string, value: T, path: string): void {
    const lower = domain.toLowerCase();
    if (lower === '') throw new ConfigError(path, 'is empty');
    if (lower === '*') {
      if (this.#rest !== undefined) throw new ConfigError(path, 'only one virtual host may have the domain *');
      this.#rest = value;
      return;
    }
    const isSuffix = lower.startsWith('*');
    const isPrefix = !isSuffix && lower.endsWith('*');
    const fixed = isSuffix ? lower.slice(1) : isPrefix ? lower.slice(0, -1) : lower;
    if (fixed.includes('*')) throw new ConfigError(path, `"${domain}" has a * that is neither first nor last`);
    const values = isSuffix ? ofLength(this.#suffixes, fixed.length) : isPrefix ? ofLength(this.#prefixes, fixed.length) : this.#exact;
    if (values.has(fixed)) throw new ConfigError(path, `the domain "${domain}" stands twice in the route configuration`);
    values.set(fixed, value);
  }

  find(host: string): T | undefined {
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    // a * stands for one character at least
    for (const { length, values } of this.#suffixes) {
      const found = host.length > length ? values.get(host.slice(-length)) : undefined;
      if (found !== undefined) return found;
    }
    for (const { length, values } of this.#prefixes) {
      const found = host.length > length ? values.get(host.slice(0, length)) : undefined;
      if (found !== undefined) return found;
    }
    return this.#rest;
  }
}

/** The wildcards of a length, made where there are none yet; the longest come first. */
function ofLength<T>(wildcards: Wildcards<T>[], length: number): Map<string, T> {
  const found = wildcards.find((candidate) => candidate.length === length);
  if (found !== undefined) return found.values;
  const values = new Map<string, T>();
  wildcards.push({ length, values });
  wildcards.sort((a, b) => b.length - a.length);
  return values;
}

/** A host without its port. */
function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':');
  return colon === -1 || host.endsWith(']') ? host : host.slice(0, colon);
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
    domains.forEach((domain, j) => table.add(domain, value, `${path}virtual_hosts[${i}].domains[${j}]`));
  });
  return ignoresPort ? (host) => table.find(withoutPort(host.toLowerCase())) : (host) => table.find(host.toLowerCase());
}
