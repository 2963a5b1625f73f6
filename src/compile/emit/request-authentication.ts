/**
 * RequestAuthentications as the `jwt_authn` filter: a token of one of the issuers, or none. All policies of a workload
 * are one list, by issuer. Keys are written into the configuration, as the control plane has fetched them; where their
 * address is a service of the mesh, proxies fetch them.
 */
import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { keySourceOf, type KeySet } from '../../model/key-set.ts';
import { isFor, type RequestAuthentication, type TokenRule } from '../../model/security.ts';
import {
  JwtAuthenticationSchema,
  type JwtProvider,
  JwtProviderSchema,
  type JwtRequirement,
  JwtRequirementSchema,
} from '../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { duration, type Extension, extension } from './any.ts';
import { NOBODYS_KEYS } from './nobodys-keys.ts';
import type { WorkloadIdentity } from './peer-authentication.ts';
import type { Security } from './security.ts';

export const JWT_AUTHN = 'envoy.filters.http.jwt_authn';
/** Where in the filter's metadata a token's payload is left. */
export const PAYLOAD = 'payload';

/** How long proxies keep keys that they have fetched. */
const KEYS_CACHE_MS = 300_000;

/** Claims that are lists with spaces between in every token. */
const SPACE_DELIMITED = ['permission', 'scope'];

/** A rule with its policy. */
export interface OwnedRule {
  readonly rule: TokenRule;
  readonly policy: RequestAuthentication;
}

/** Rules for a workload: of its namespace, then of the root namespace, each by age, and then all by issuer. */
export function tokenRulesFor({ requestAuthentications, settings }: Security, workload: WorkloadIdentity): readonly OwnedRule[] {
  const own = requestAuthentications.filter((policy) => isFor(policy, settings.rootNamespace, workload));
  const isNear = ({ namespace }: RequestAuthentication): boolean => namespace === workload.namespace;
  const sorted = [...own.filter(isNear), ...own.filter((policy) => !isNear(policy))];
  const rules = sorted.flatMap((policy) => policy.rules.map((rule) => ({ rule, policy })));
  return rules.toSorted((a, b) => (a.rule.issuer < b.rule.issuer ? -1 : a.rule.issuer > b.rule.issuer ? 1 : 0));
}

function keysOf(rule: TokenRule, keySets: readonly KeySet[]): string {
  if (rule.jwks !== '') return rule.jwks;
  const url = keySourceOf(rule)?.url;
  return keySets.find((set) => set.url === url)?.jwks || NOBODYS_KEYS;
}

function keySource(rule: TokenRule, { keySets, keyClusters }: Security): JwtProvider['jwksSourceSpecifier'] {
  const cluster = rule.jwks === '' ? keyClusters.get(rule.jwksUri) : undefined;
  const source: MessageInitShape<typeof JwtProviderSchema>['jwksSourceSpecifier'] =
    cluster === undefined
      ? { case: 'localJwks', value: { specifier: { case: 'inlineString', value: keysOf(rule, keySets) } } }
      : {
          case: 'remoteJwks',
          value: {
            httpUri: { uri: rule.jwksUri, httpUpstreamType: { case: 'cluster', value: cluster }, timeout: duration(rule.timeoutMs) },
            cacheDuration: duration(KEYS_CACHE_MS),
          },
        };
  return create(JwtProviderSchema, { jwksSourceSpecifier: source }).jwksSourceSpecifier;
}

function providerOf(rule: TokenRule, security: Security, clearRouteCache: boolean): JwtProvider {
  const provider = create(JwtProviderSchema, {
    issuer: rule.issuer,
    audiences: [...rule.audiences],
    forward: rule.forwardsToken,
    forwardPayloadHeader: rule.outputPayloadToHeader,
    payloadInMetadata: PAYLOAD,
    normalizePayloadInMetadata: { spaceDelimitedClaims: [...new Set([...SPACE_DELIMITED, ...rule.spaceDelimitedClaims])].toSorted() },
    clearRouteCache,
    fromHeaders: rule.fromHeaders.map(({ name, prefix }) => ({ name, valuePrefix: prefix })),
    fromParams: [...rule.fromParams],
    fromCookies: [...rule.fromCookies],
    claimToHeaders: rule.outputClaimToHeaders.map(({ header, claim }) => ({ headerName: header, claimName: claim })),
  });
  provider.jwksSourceSpecifier = keySource(rule, security);
  return provider;
}

function requirement(requiresType: MessageInitShape<typeof JwtRequirementSchema>['requiresType']): JwtRequirement {
  return create(JwtRequirementSchema, requiresType === undefined ? {} : { requiresType });
}

function any(requirements: JwtRequirement[]): JwtRequirement {
  return requirement({ case: 'requiresAny', value: { requirements } });
}

/**
 * A good token of any issuer; or of each issuer a good one or none. The first is for issuers that look for tokens at the
 * same place, where the other's token is no good.
 */
function requirementOf(names: readonly string[]): JwtRequirement {
  const named = (name: string): JwtRequirement => requirement({ case: 'providerName', value: name });
  const orNone = names.map((name) => any([named(name), requirement({ case: 'allowMissing', value: {} })]));
  const [first] = orNone;
  if (first !== undefined && orNone.length === 1) return first;
  return any([...names.map(named), requirement({ case: 'requiresAll', value: { requirements: orNone } })]);
}

/** The filter that checks tokens by the rules of a workload, where there is something to check. */
export function tokenFilters(security: Security, rules: readonly OwnedRule[], isGateway: boolean): readonly Extension[] {
  if (rules.length === 0) return [];
  const names = rules.map((_, index) => `origins-${index}`);
  const providers = Object.fromEntries(rules.map(({ rule }, index) => [names[index] ?? '', providerOf(rule, security, isGateway)]));
  return [
    extension(JWT_AUTHN, JwtAuthenticationSchema, {
      providers,
      rules: [
        {
          match: { pathSpecifier: { case: 'prefix', value: '/' } },
          requirementType: { case: 'requires', value: requirementOf(names) },
        },
      ],
      bypassCorsPreflight: true,
    }),
  ];
}

/** Where each provider of the filter was written: the `tokens` of a listener's `tulle` metadata. */
export function tokenOrigins(rules: readonly OwnedRule[]): JsonObject {
  const origins: JsonObject = {};
  for (const [index, { rule }] of rules.entries()) {
    const { namespace, name, file, line, field } = rule.origin;
    origins[`origins-${index}`] = { namespace, name, file, line, field };
  }
  return origins;
}
