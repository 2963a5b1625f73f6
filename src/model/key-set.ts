/** Keys of token issuers that are fetched, and by whom. */
import type { TokenRule } from './security.ts';
import type { Service } from './service.ts';

/** What is known of the keys at one address. */
export interface KeySet {
  /** Of the keys, or of the discovery document that says where they are. */
  readonly url: string;
  /** The JSON Web Key Set as it was fetched last; '' where it never was. */
  readonly jwks: string;
  /** Why it could not be fetched the last time; '' where it could. */
  readonly problem: string;
}

/** Where the keys of a rule are found. */
export interface KeySource {
  readonly url: string;
  /** True: the document there says where the keys are (OpenID Connect Discovery 1.0, section 4). */
  readonly isDiscovery: boolean;
  readonly timeoutMs: number;
}

const DISCOVERY = '/.well-known/openid-configuration';

/** Where the keys of `rule` are fetched from; undefined where they are written in it. */
export function keySourceOf({ jwks, jwksUri, issuer, timeoutMs }: TokenRule): KeySource | undefined {
  if (jwks !== '') return undefined;
  if (jwksUri !== '') return { url: jwksUri, isDiscovery: false, timeoutMs };
  return { url: `${issuer.replace(/\/$/, '')}${DISCOVERY}`, isDiscovery: true, timeoutMs };
}

/** The service and port of the mesh that plain HTTP to `url` goes to: only proxies know its name. Undefined for others. */
export function serviceOfUrl(
  url: string,
  services: Iterable<Pick<Service, 'hostname'> & { readonly ports: readonly { readonly number: number }[] }>,
): { readonly hostname: string; readonly port: number } | undefined {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'http:') return undefined;
  const port = Number(parsed.port === '' ? 80 : parsed.port);
  for (const { hostname, ports } of services) {
    if (hostname === parsed.hostname && ports.some(({ number }) => number === port)) return { hostname, port };
  }
  return undefined;
}
