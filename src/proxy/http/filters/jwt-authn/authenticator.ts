/** Verifies the tokens of one request against one provider, or against whoever issued them. Source: Envoy, Authenticator. */
import type { Counter } from '../../../telemetry/stats.ts';
import type { HttpStream } from '../../filter.ts';
import type { FoundToken } from './extract.ts';
import { verifySignature } from './jwks.ts';
import { isStatus, type Json, type Jwt, parseJwt } from './jwt.ts';
import type { KeySource } from './key-source.ts';
import { addClaims, checkClaims, payloadForMetadata, type Provider } from './provider.ts';
import { type JwtStatus, OK, STATUS } from './status.ts';
import type { TokenCache } from './token-cache.ts';

/** A provider while the filter runs. */
export interface LiveProvider {
  readonly provider: Provider;
  readonly keys: KeySource;
  readonly cache: TokenCache;
}

/** What is verified for one request, and what has come of it. */
export interface Verification {
  readonly stream: HttpStream;
  /** For the metadata namespace of the filter. */
  readonly extracted: Record<string, Json>;
  /** Claims were added, so that another route may match. */
  changesRoute: boolean;
  /** The request has ended, or has been answered. */
  isOver: boolean;
}

export interface Authenticator {
  /** Undefined: the first provider with the token's issuer. */
  readonly live: LiveProvider | undefined;
  readonly byIssuer: (issuer: string) => LiveProvider | undefined;
  /** In place of the provider's own; undefined: those. */
  readonly audiences: ReadonlySet<string> | undefined;
  readonly allowsFailed: boolean;
  readonly allowsMissing: boolean;
  readonly nowMs: () => number;
  readonly cacheHits: Counter;
  readonly cacheMisses: Counter;
}

type Done = (status: JwtStatus) => void;

/** A good token: what the provider makes of it. */
function accept(jwt: Jwt, found: FoundToken, { provider }: LiveProvider, verification: Verification): void {
  const { message } = provider;
  const { stream, extracted } = verification;
  const isAdded = addClaims(jwt, provider, stream.request);
  if (!message.forward) found.remove(stream.request);
  if (message.headerInMetadata !== '') extracted[message.headerInMetadata] = jwt.header;
  if (message.payloadInMetadata !== '') extracted[message.payloadInMetadata] = payloadForMetadata(jwt, provider);
  if (message.clearRouteCache && (isAdded || message.payloadInMetadata !== '')) verification.changesRoute = true;
}

function verifyByKeys(jwt: Jwt, live: LiveProvider, verification: Verification, done: Done): void {
  live.keys.get((keys) => {
    if (verification.isOver) return;
    if (isStatus(keys)) return done(keys);
    // the same keys as when it was verified, fetched again
    if (live.cache.get(jwt.text) !== undefined) return done(OK);
    const { generation } = live.cache;
    void verifySignature(jwt, keys).then((status) => {
      if (status === OK) live.cache.add(jwt, generation);
      if (!verification.isOver) done(status);
    });
  });
}

/** Verifies one token. */
function verifyToken(authenticator: Authenticator, found: FoundToken, verification: Verification, done: Done): void {
  const { live: fixed, byIssuer, cacheHits, cacheMisses } = authenticator;
  const cached = fixed?.cache.get(found.text);
  const isCounted = fixed?.provider.message.jwtCacheConfig !== undefined;
  if (fixed !== undefined) (cached !== undefined && isCounted ? cacheHits : cacheMisses).value++;
  const jwt = cached ?? parseJwt(found.text);
  if (isStatus(jwt)) return done(jwt);
  if (found.issuers !== undefined && !found.issuers.has(jwt.issuer)) return done(STATUS.unknownIssuer);
  const live = fixed ?? byIssuer(jwt.issuer);
  if (live === undefined) return done(STATUS.unknownIssuer);
  const { provider } = live;
  const status = checkClaims(jwt, provider, authenticator.audiences ?? provider.audiences, Math.floor(authenticator.nowMs() / 1000));
  if (status !== OK) return done(status);
  const finish: Done = (outcome) => {
    if (outcome === OK) accept(jwt, found, live, verification);
    done(outcome);
  };
  const isKept = cached !== undefined || live.cache.get(found.text) !== undefined;
  // a token is no better than the keys that it was verified by: where those have expired, they are fetched first
  if (isKept && live.keys.isFresh()) finish(OK);
  else verifyByKeys(jwt, live, verification, finish);
}

function leaveFailure({ live }: Authenticator, status: JwtStatus, { extracted }: Verification): void {
  const key = live?.provider.message.failedStatusInMetadata ?? '';
  if (key !== '' && status !== STATUS.missing) extracted[key] = { code: status.code, message: status.text };
}

/**
 * Verifies all tokens, the next only after the last: a request with a good and a bad token must not pass, for the
 * upstream could take the bad one for the good one. `done` is called once, during the call or later.
 */
export function authenticate(authenticator: Authenticator, tokens: FoundToken[], verification: Verification, done: Done): void {
  const { allowsFailed, allowsMissing } = authenticator;
  const onStatus = (status: JwtStatus): void => {
    if (status !== OK) leaveFailure(authenticator, status, verification);
    const next = tokens.shift();
    const isDecided = status !== OK && !allowsFailed && !allowsMissing;
    if (!isDecided && next !== undefined) verifyToken(authenticator, next, verification, onStatus);
    else done(allowsFailed || (allowsMissing && status === STATUS.missing) ? OK : status);
  };
  const first = tokens.shift();
  if (first === undefined) onStatus(STATUS.missing);
  else verifyToken(authenticator, first, verification, onStatus);
}
