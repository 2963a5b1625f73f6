/** The trust domain of a mesh and its aliases, whose identities are the same. */
import type { MeshSettings } from '../../model/mesh.ts';

/** For this the trust domain stands, whatever it is. */
const ANY_MESH = 'cluster.local';

/** The trust domain, and then its aliases. */
export function trustDomainsOf({ trustDomain, trustDomainAliases }: MeshSettings): readonly string[] {
  return [trustDomain, ...trustDomainAliases];
}

/** A trust domain with all that it is the same as. */
export function aliasesOf(value: string, trustDomains: readonly string[]): readonly string[] {
  return trustDomains.includes(value) ? trustDomains : [value];
}

/** True where a pattern with a star at one end, or none, fits `name`. */
function fits(pattern: string, name: string): boolean {
  if (pattern.startsWith('*')) return name.endsWith(pattern.slice(1));
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/** A principal (`trust-domain/ns/namespace/sa/account`) in all trust domains that its own is the same as. */
export function principalAliases(value: string, trustDomains: readonly string[]): readonly string[] {
  const [own = '', ...rest] = value.split('/');
  // of another form it says nothing of trust domains
  if (rest.length !== 4 || own === '*') return [value];
  if (own !== ANY_MESH && !trustDomains.some((domain) => fits(own, domain))) return [value];
  // what has its star in front fits several, and stays as it is for those
  const isKept = (domain: string): boolean => own.startsWith('*') && fits(own, domain);
  return [...new Set(trustDomains.map((domain) => (isKept(domain) ? value : [domain, ...rest].join('/'))))];
}
