/** A provider of tokens, prepared: what its tokens must say, where its keys are, what is made of a good token. */
import { ConfigError } from '../../../../core/errors.ts';
import type { RequestHead } from '../../../../wire/http/message.ts';
import type { JwtProvider } from '../../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { durationMs } from '../../../config/durations.ts';
import { compileStringMatcher, type TextTest } from '../../../router/matchers.ts';
import { metadataAt } from '../../../telemetry/metadata-path.ts';
import { readDataSource } from '../../../tls/data-source.ts';
import { type KeySet, parseJwks } from './jwks.ts';
import { isStatus, type Json, type Jwt } from './jwt.ts';
import { type RemoteSettings, readRemote } from './remote-settings.ts';
import { type JwtStatus, OK, STATUS } from './status.ts';

export interface Provider {
  readonly name: string;
  readonly message: JwtProvider;
  readonly audiences: ReadonlySet<string>;
  readonly isSubject: TextTest | undefined;
  readonly clockSkewSeconds: number;
  /** Seconds that a token may live from now; Infinity for no limit. */
  readonly maxLifetimeSeconds: number;
  readonly keys: { readonly kind: 'local'; readonly set: KeySet } | { readonly kind: 'remote'; readonly settings: RemoteSettings };
  /** Lower-case names of fields that only a good token may give. */
  readonly ownFields: readonly string[];
  readonly cacheSize: number;
}

/** Source: Envoy. */
const DEFAULT_CLOCK_SKEW_SECONDS = 60;
const DEFAULT_CACHE_SIZE = 100;

/** Audiences count without their scheme and a closing slash. */
function plainAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, '').replace(/\/$/, '');
}

/** The set against which a token's audiences are checked. */
export function audienceSet(audiences: readonly string[]): ReadonlySet<string> {
  return new Set(audiences.map(plainAudience));
}

/** Whether a token is meant for one of these; none: for everyone. */
function isAudienceAllowed(allowed: ReadonlySet<string>, jwt: Jwt): boolean {
  return allowed.size === 0 || jwt.audiences.some((audience) => allowed.has(plainAudience(audience)));
}

function readKeys(message: JwtProvider, name: string, path: string): Provider['keys'] {
  const { jwksSourceSpecifier: source } = message;
  if (source.case === 'remoteJwks') return { kind: 'remote', settings: readRemote(source.value, `${path}.remote_jwks`) };
  if (source.case !== 'localJwks') throw new ConfigError(path, 'has neither remote_jwks nor local_jwks');
  const set = parseJwks(readDataSource(source.value, `${path}.local_jwks`));
  if (isStatus(set)) throw new ConfigError(`${path}.local_jwks`, `provider '${name}' has invalid keys: ${set.text}`);
  return { kind: 'local', set };
}

/** Prepares a provider. Throws ConfigError, also where local keys cannot be read. */
export function readProvider(name: string, message: JwtProvider, path: string): Provider {
  return {
    name,
    message,
    audiences: audienceSet(message.audiences),
    isSubject: message.subjects === undefined ? undefined : compileStringMatcher(message.subjects, `${path}.subjects`),
    clockSkewSeconds: message.clockSkewSeconds === 0 ? DEFAULT_CLOCK_SKEW_SECONDS : message.clockSkewSeconds,
    maxLifetimeSeconds: durationMs(message.maxLifetime, Infinity) / 1000,
    keys: readKeys(message, name, path),
    ownFields: [message.forwardPayloadHeader, ...message.claimToHeaders.map(({ headerName }) => headerName)]
      .filter((field) => field !== '')
      .map((field) => field.toLowerCase()),
    cacheSize: message.jwtCacheConfig?.jwtCacheSize || DEFAULT_CACHE_SIZE,
  };
}

/** What a token says of time and people, against what the provider asks. */
export function checkClaims(jwt: Jwt, provider: Provider, audiences: ReadonlySet<string>, nowSeconds: number): JwtStatus {
  const { clockSkewSeconds, isSubject, maxLifetimeSeconds, message } = provider;
  if (nowSeconds + clockSkewSeconds < jwt.notBefore) return STATUS.notYetValid;
  if (jwt.expiresAt !== 0 && nowSeconds > jwt.expiresAt + clockSkewSeconds) return STATUS.expired;
  if (!isAudienceAllowed(audiences, jwt)) return STATUS.audience;
  if (isSubject !== undefined && !isSubject(jwt.subject)) return STATUS.failed;
  const isBounded = message.requireExpiration || maxLifetimeSeconds !== Infinity;
  if (isBounded && (jwt.expiresAt === 0 || jwt.expiresAt - nowSeconds > maxLifetimeSeconds)) return STATUS.failed;
  return OK;
}

/** A claim as a field's value; undefined where it has none. */
function claimText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 ? BigInt(value).toString() : value.toFixed(6);
  return typeof value === 'object' && value !== null ? Buffer.from(JSON.stringify(value)).toString('base64url') : undefined;
}

/** Puts claims into fields, as the provider says; true where there was one. */
export function addClaims(jwt: Jwt, { message }: Provider, head: RequestHead): boolean {
  const { forwardPayloadHeader, padForwardPayloadHeader, claimToHeaders } = message;
  if (forwardPayloadHeader !== '') {
    const padding = padForwardPayloadHeader ? '='.repeat((4 - (jwt.payloadText.length % 4)) % 4) : '';
    head.headers.add(forwardPayloadHeader.toLowerCase(), jwt.payloadText + padding);
  }
  let isAdded = false;
  for (const { headerName, claimName } of claimToHeaders) {
    const text = claimText(metadataAt(jwt.payload, claimName.split('.')));
    if (text === undefined || text === '') continue;
    head.headers.add(headerName.toLowerCase(), text);
    isAdded = true;
  }
  return isAdded;
}

/** Payloads with their lists, made once for each token that is kept. */
const normalized = new WeakMap<Jwt, Json>();

/** The payload for metadata, with the claims that are lists in spirit as lists. It is shared: nobody changes it. */
export function payloadForMetadata(jwt: Jwt, { message }: Provider): Json {
  const names = message.normalizePayloadInMetadata?.spaceDelimitedClaims;
  if (names === undefined || names.length === 0) return jwt.payload;
  let payload = normalized.get(jwt);
  if (payload === undefined) normalized.set(jwt, (payload = normalize(jwt.payload, names)));
  return payload;
}

function normalize(payload: Json, names: readonly string[]): Json {
  const lists = names.flatMap((name) => {
    const value = payload[name];
    return typeof value === 'string' ? [[name, value.split(' ').filter((each) => each !== '')] as const] : [];
  });
  return { ...payload, ...Object.fromEntries(lists) };
}
