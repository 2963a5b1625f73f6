/** What becomes of a request's token: whose it is, which RequestAuthentication takes it, and why one is refused. */
import { NOBODYS_KEYS } from '../../compile/emit/nobodys-keys.ts';
import { JWT_AUTHN } from '../../compile/emit/request-authentication.ts';
import { createExtractor } from '../../proxy/http/filters/jwt-authn/extract.ts';
import { isStatus, type Jwt, parseJwt } from '../../proxy/http/filters/jwt-authn/jwt.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { JwtAuthentication, JwtProvider } from '../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { isObject } from '../json.ts';
import type { Source } from './explanation.ts';
import type { HeldStream } from './held-stream.ts';
import type { World } from './world.ts';

/** A request's token, and which provider of the filter takes its issuer's. */
export interface Carried {
  readonly jwt: Jwt | undefined;
  readonly provider: JwtProvider | undefined;
  readonly source: Source | undefined;
  /** The keys are with the proxy, or somewhere that a folder does not know: nobody here can verify the token. */
  readonly isUnverifiable: boolean;
}

/** Where a provider was written, as the listener's metadata says. */
function providerSource(listener: Listener, provider: string): Source | undefined {
  const tokens = listener.metadata?.filterMetadata['tulle']?.['tokens'];
  const place = isObject(tokens) ? tokens[provider] : undefined;
  if (!isObject(place)) return undefined;
  const { namespace, name, file, line, field } = place;
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof file !== 'string') return undefined;
  if (typeof line !== 'number' || typeof field !== 'string') return undefined;
  return { kind: 'RequestAuthentication', namespace, name, file, line, field };
}

function isUnverifiable({ jwksSourceSpecifier: keys }: JwtProvider, { mesh }: World): boolean {
  if (keys.case === 'remoteJwks') return true;
  // a control plane that has asked for keys in vain has refused tokens since; a folder has asked nobody
  return keys.value?.specifier.case === 'inlineString' && keys.value.specifier.value === NOBODYS_KEYS && mesh.keySets.length === 0;
}

/** The token that a request carries where the filter looks for one; undefined: none. */
export function tokenOf(config: JwtAuthentication, stream: HeldStream, listener: Listener, world: World): Carried | undefined {
  const [found] = createExtractor(Object.values(config.providers))(stream.request);
  if (found === undefined) return undefined;
  const parsed = parseJwt(found.text);
  const jwt = isStatus(parsed) ? undefined : parsed;
  const entries = Object.entries(config.providers);
  const [name, provider] = entries.find(([, { issuer }]) => issuer === '' || issuer === jwt?.issuer) ?? [];
  const source = name === undefined ? undefined : providerSource(listener, name);
  return { jwt, provider, source, isUnverifiable: jwt !== undefined && provider !== undefined && isUnverifiable(provider, world) };
}

/** Leaves what a token says as if it had been verified. */
export function takeAsGood({ jwt, provider }: Carried, stream: HeldStream): void {
  if (jwt === undefined || provider === undefined) return;
  const spaced = new Set(provider.normalizePayloadInMetadata?.spaceDelimitedClaims);
  const payload = Object.entries(jwt.payload).map(([claim, value]) => [
    claim,
    spaced.has(claim) && typeof value === 'string' ? value.split(' ').filter((word) => word !== '') : value,
  ]);
  stream.info.metadata.set(JWT_AUTHN, { [provider.payloadInMetadata]: Object.fromEntries(payload) });
}

/** `the token of https://issuer.example for alice`. */
export function tokenText({ jwt }: Carried): string {
  if (jwt === undefined) return 'a token that cannot be read';
  return `the token of ${jwt.issuer === '' ? 'no issuer' : jwt.issuer}${jwt.subject === '' ? '' : ` for ${jwt.subject}`}`;
}
