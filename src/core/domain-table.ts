/**
 * What belongs to a host by the domains of virtual hosts: exact, then longest suffix (`*.shop`), then longest prefix
 * (`shop.*`), then `*`. Source: Envoy, VirtualHost.domains. Whoever sends virtual hosts and whoever obeys them ask the same.
 */
import { ConfigError } from './errors.ts';

/** Wildcards of one length: the fixed part to what it stands for. */
interface Wildcards<T> {
  readonly length: number;
  readonly values: Map<string, T>;
}

/** Where a domain's value stands. */
type Place<T> = { readonly values: Map<string, T>; readonly key: string };

/** The wildcards of a length, made where there are none yet; the longest come first. */
function ofLength<T>(wildcards: Wildcards<T>[], length: number): Map<string, T> {
  const found = wildcards.find((candidate) => candidate.length === length);
  if (found !== undefined) return found.values;
  const values = new Map<string, T>();
  wildcards.push({ length, values });
  wildcards.sort((a, b) => b.length - a.length);
  return values;
}

/** Values by domain, which come and go. Case does not count. */
export class DomainTable<T> {
  readonly #exact = new Map<string, T>();
  readonly #suffixes: Wildcards<T>[] = [];
  readonly #prefixes: Wildcards<T>[] = [];
  /** The value of `*`, under the empty key. */
  readonly #rest = new Map<string, T>();

  /** Puts `value` where `domain` is, whatever was there. Throws ConfigError at `path` for what is no domain. */
  set(domain: string, value: T, path = ''): void {
    const { values, key } = this.#placeOf(domain, path);
    values.set(key, value);
  }

  /** What stands under exactly this domain, wildcards as they are written. */
  get(domain: string, path = ''): T | undefined {
    const { values, key } = this.#placeOf(domain, path);
    return values.get(key);
  }

  delete(domain: string): void {
    const { values, key } = this.#placeOf(domain, '');
    values.delete(key);
  }

  /** What is under the host's own name; `host` is in lower case. */
  exact(host: string): T | undefined {
    return this.#exact.get(host);
  }

  /** What a host in lower case belongs to. */
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
    return this.#rest.get('');
  }

  /** The domain that `find` finds, as it is written in lower case. */
  patternOf(host: string): string | undefined {
    if (this.#exact.has(host)) return host;
    for (const { length, values } of this.#suffixes) {
      const fixed = host.slice(-length);
      if (host.length > length && values.has(fixed)) return `*${fixed}`;
    }
    for (const { length, values } of this.#prefixes) {
      const fixed = host.slice(0, length);
      if (host.length > length && values.has(fixed)) return `${fixed}*`;
    }
    return this.#rest.has('') ? '*' : undefined;
  }

  #placeOf(domain: string, path: string): Place<T> {
    const lower = domain.toLowerCase();
    if (lower === '') throw new ConfigError(path, 'is empty');
    if (lower === '*') return { values: this.#rest, key: '' };
    const isSuffix = lower.startsWith('*');
    const isPrefix = !isSuffix && lower.endsWith('*');
    const fixed = isSuffix ? lower.slice(1) : isPrefix ? lower.slice(0, -1) : lower;
    if (fixed.includes('*')) throw new ConfigError(path, `"${domain}" has a * that is neither first nor last`);
    const values = isSuffix ? ofLength(this.#suffixes, fixed.length) : isPrefix ? ofLength(this.#prefixes, fixed.length) : this.#exact;
    return { values, key: fixed };
  }
}

/** A host without its port. */
export function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':');
  return colon === -1 || host.endsWith(']') ? host : host.slice(0, colon);
}
