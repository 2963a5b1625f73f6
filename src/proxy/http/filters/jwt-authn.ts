/** Authenticates requests by JSON Web Tokens. Envoy: envoy.filters.http.jwt_authn. */
import { messageAs } from '../../config/typed-config.ts';
import { ConfigError } from '../../../core/errors.ts';
import type { RequestHead } from '../../../wire/http/message.ts';
import {
  type JwtAuthentication,
  JwtAuthenticationSchema,
  type JwtRequirement,
  PerRouteConfigSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import type { HeadTest } from '../../router/matchers.ts';
import { CONTINUE, type FilterScope, type FilterStatus, type HttpFilter, type HttpStream, REPLIED, STOP } from '../filter.ts';
import { routeConfig } from '../route-config.ts';
import type { LiveProvider, Verification } from './jwt-authn/authenticator.ts';
import { loadVerifier } from './jwt-authn/jwks.ts';
import { type KeySource, localKeys, RemoteKeys } from './jwt-authn/key-source.ts';
import { type Provider, readProvider } from './jwt-authn/provider.ts';
import { checkRequirement, createVerifier, type Verifier, type VerifierScope } from './jwt-authn/requirement.ts';
import { compileRuleMatch } from './jwt-authn/rule-match.ts';
import { type JwtStatus, OK, STATUS } from './jwt-authn/status.ts';
import { TokenCache } from './jwt-authn/token-cache.ts';

const NAME = 'envoy.filters.http.jwt_authn';
/** Characters of the path that `www-authenticate` shows. Source: Envoy. */
const MAX_REALM_PATH = 256;
/** A token that is longer is not kept. Source: Envoy. */
const MAX_CACHED_CHARS = 4096;
/** Verified tokens that are kept for a provider that configures no cache. */
const OWN_CACHE_SIZE = 256;

interface Rule {
  readonly matches: HeadTest;
  /** Undefined: nothing is asked for. */
  readonly requirement: JwtRequirement | undefined;
}

interface JwtConfig {
  readonly message: JwtAuthentication;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly rules: readonly Rule[];
}

class JwtRoute {
  /** Undefined: no token is asked for. */
  readonly requirementName: string | undefined;
  constructor(requirementName: string | undefined) {
    this.requirementName = requirementName;
  }
}

function readRules(message: JwtAuthentication, names: ReadonlySet<string>, path: string): Rule[] {
  return message.rules.map(({ match, requirementType: type }, i) => {
    const at = `${path}.rules[${i}]`;
    const matches = compileRuleMatch(match, `${at}.match`);
    if (type.case === 'requirementName') {
      const requirement = message.requirementMap[type.value];
      if (requirement === undefined) throw new ConfigError(`${at}.requirement_name`, `"${type.value}" is not in requirement_map`);
      return { matches, requirement };
    }
    if (type.case === 'requires') checkRequirement(type.value, names, `${at}.requires`);
    return { matches, requirement: type.value };
  });
}

function parse(message: JwtAuthentication, path: string): JwtConfig {
  const entries = Object.entries(message.providers).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const providers = new Map(entries.map(([name, each]) => [name, readProvider(name, each, `${path}.providers[${name}]`)]));
  const names = new Set(providers.keys());
  for (const [name, each] of Object.entries(message.requirementMap)) checkRequirement(each, names, `${path}.requirement_map[${name}]`);
  for (const [value, each] of Object.entries(message.filterStateRules?.requires ?? {})) {
    checkRequirement(each, names, `${path}.filter_state_rules.requires[${value}]`);
  }
  return { message, providers, rules: readRules(message, names, path) };
}

function parseRoute(given: unknown, path: string): JwtRoute {
  const message = messageAs(PerRouteConfigSchema, given, path);
  const { requirementSpecifier: specifier } = message;
  if (specifier.case === undefined) throw new ConfigError(path, 'says neither disabled nor requirement_name');
  return new JwtRoute(specifier.case === 'requirementName' ? specifier.value : undefined);
}

function isPreflight({ method, headers }: RequestHead): boolean {
  return method === 'OPTIONS' && (headers.get('origin') ?? '') !== '' && (headers.get('access-control-request-method') ?? '') !== '';
}

/** What `www-authenticate` names: the request's URI, with `path` as it was before a token was taken out of it. */
function realmOf({ headers, authority }: RequestHead, path: string): string {
  const original = headers.get('x-envoy-original-path') ?? path;
  return `${headers.get('x-forwarded-proto') ?? ''}://${authority}${original.slice(0, MAX_REALM_PATH)}`;
}

function goLive(provider: Provider, scope: FilterScope): LiveProvider {
  const isConfigured = provider.message.jwtCacheConfig !== undefined;
  const cache = new TokenCache(isConfigured ? provider.cacheSize : OWN_CACHE_SIZE, MAX_CACHED_CHARS, isConfigured);
  const { keys } = provider;
  const stats = {
    succeeded: scope.stats.counter('jwt_authn.jwks_fetch_success'),
    failed: scope.stats.counter('jwt_authn.jwks_fetch_failed'),
  };
  const source: KeySource = keys.kind === 'local' ? localKeys(keys.set) : new RemoteKeys(keys.settings, scope, stats, () => cache.clear());
  return { provider, keys: source, cache };
}

function verifierScope(config: JwtConfig, scope: FilterScope): VerifierScope {
  const providers = new Map([...config.providers].map(([name, each]) => [name, goLive(each, scope)]));
  const byIssuer = new Map<string, LiveProvider>();
  for (const live of providers.values()) {
    const { issuer } = live.provider.message;
    if (!byIssuer.has(issuer)) byIssuer.set(issuer, live);
  }
  return {
    providers,
    common: {
      // a provider without an issuer stands in for those that nobody has
      byIssuer: (issuer) => byIssuer.get(issuer) ?? byIssuer.get(''),
      nowMs: () => scope.clock.wallMs(),
      cacheHits: scope.stats.counter('jwt_authn.jwt_cache_hit'),
      cacheMisses: scope.stats.counter('jwt_authn.jwt_cache_miss'),
    },
  };
}

type Chosen =
  | { readonly kind: 'none' }
  | { readonly kind: 'verifier'; readonly verify: Verifier }
  | { readonly kind: 'wrong'; readonly text: string };

const NONE: Chosen = { kind: 'none' };

/** Finds what is asked of a request: its route's requirement, the first rule that matches, or what filter state says. */
function createChooser(config: JwtConfig, scope: VerifierScope): (stream: HttpStream) => Chosen {
  const { message } = config;
  const choiceOf = (requirement: JwtRequirement | undefined): Chosen =>
    requirement === undefined ? NONE : { kind: 'verifier', verify: createVerifier(requirement, scope) };
  const rules = config.rules.map(({ matches, requirement }) => ({ matches, chosen: choiceOf(requirement) }));
  const byName = new Map(Object.entries(message.requirementMap).map(([name, each]) => [name, choiceOf(each)]));
  const stateName = message.filterStateRules?.name ?? '';
  const byState = new Map(Object.entries(message.filterStateRules?.requires ?? {}).map(([value, each]) => [value, choiceOf(each)]));
  const wrongName = (name: string): Chosen => ({
    kind: 'wrong',
    text: `Wrong requirement_name: ${name}. It should be one of [${[...byName.keys()].toSorted().join(',')}]`,
  });
  return (stream) => {
    const route = routeConfig(stream, NAME, JwtRoute);
    if (route !== undefined) {
      return route.requirementName === undefined ? NONE : (byName.get(route.requirementName) ?? wrongName(route.requirementName));
    }
    for (const { matches, chosen } of rules) if (matches(stream.request)) return chosen;
    const state = byState.size === 0 ? undefined : stream.info.filterState?.get(stateName);
    return (state === undefined ? undefined : byState.get(state)) ?? NONE;
  };
}

function deniedDetails(text: string): string {
  return `jwt_authn_access_denied{${text.replaceAll(' ', '_')}}`;
}

export const jwtAuthn: HttpFilter<typeof JwtAuthenticationSchema, JwtConfig> = {
  name: NAME,
  schema: JwtAuthenticationSchema,
  parse,
  routeSchema: PerRouteConfigSchema,
  parseRoute,
  create(config, scope) {
    const { bypassCorsPreflight, stripFailureResponse } = config.message;
    const allowed = scope.stats.counter('jwt_authn.allowed');
    const denied = scope.stats.counter('jwt_authn.denied');
    const bypassed = scope.stats.counter('jwt_authn.cors_preflight_bypassed');
    void loadVerifier();
    const choose = createChooser(config, verifierScope(config, scope));
    const ownFields = [...new Set([...config.providers.values()].flatMap((provider) => provider.ownFields))];
    const pending = new WeakMap<HttpStream, Verification>();

    const deny = (stream: HttpStream, status: JwtStatus, path: string): void => {
      denied.value++;
      const code = status === STATUS.audience ? 403 : 401;
      const details = deniedDetails(status.text);
      if (stripFailureResponse) return stream.reply({ status: code, details });
      const challenge = `Bearer realm="${realmOf(stream.request, path)}"${status === STATUS.missing ? '' : ', error="invalid_token"'}`;
      stream.reply({ status: code, body: status.text, details, headers: [['www-authenticate', challenge]] });
    };
    const finish = (verification: Verification, status: JwtStatus, path: string): typeof CONTINUE | typeof REPLIED => {
      const { stream, extracted } = verification;
      verification.isOver = true;
      for (const _ in extracted) {
        const before = stream.info.metadata.get(NAME);
        stream.info.metadata.set(NAME, typeof before === 'object' ? { ...before, ...extracted } : extracted);
        break;
      }
      if (status !== OK) {
        deny(stream, status, path);
        return REPLIED;
      }
      allowed.value++;
      if (verification.changesRoute) stream.refreshRoute();
      return CONTINUE;
    };
    const run = (stream: HttpStream, verify: Verifier): FilterStatus => {
      const { path } = stream.request;
      const verification: Verification = { stream, extracted: {}, changesRoute: false, isOver: false };
      let outcome: FilterStatus | undefined;
      let isLater = false;
      verify(verification, (status) => {
        outcome = finish(verification, status, path);
        if (isLater && outcome === CONTINUE) stream.resumeRequest();
      });
      if (outcome !== undefined) return outcome;
      isLater = true;
      pending.set(stream, verification);
      return STOP;
    };
    return {
      onRequestHeaders(stream) {
        const { request } = stream;
        if (bypassCorsPreflight && isPreflight(request)) {
          bypassed.value++;
          allowed.value++;
          return CONTINUE;
        }
        const chosen = choose(stream);
        if (chosen.kind === 'wrong') {
          denied.value++;
          const body = stripFailureResponse ? '' : `Failed JWT authentication: ${chosen.text}`;
          stream.reply({ status: 403, body, details: deniedDetails(chosen.text) });
          return REPLIED;
        }
        // nobody but a provider may say what stands in these
        for (const field of ownFields) request.headers.remove(field);
        if (chosen.kind === 'verifier') return run(stream, chosen.verify);
        allowed.value++;
        return CONTINUE;
      },
      onComplete(stream) {
        const verification = pending.get(stream);
        if (verification !== undefined) verification.isOver = true;
      },
    };
  },
};
