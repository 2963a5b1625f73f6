import type { TokenRule } from '../../../model/security.ts';
import { isKeySet, privateKeysIn } from '../../schema/key-set-text.ts';
import { bool, defaulted, duration, list, object, optional, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { SECURITY } from './api-versions.ts';
import { lowerTarget, TARGET_RULE, targetFields } from './target-reference.ts';

const KEYS_TIMEOUT_MS = 5_000;

const headerSchema = object({
  name: required(string({ format: 'header-name' }), 'Name of the header.'),
  prefix: defaulted(string({ mayBeEmpty: true }), '', 'What stands before the token, such as "Bearer ".'),
});

const claimSchema = object({
  header: required(string({ format: 'header-name' }), 'Header that the application gets.'),
  claim: required(string(), 'Claim whose value it has; dots lead into objects.'),
});

const ruleSchema = object(
  {
    issuer: defaulted(string(), '', 'Who issues the tokens (claim iss); any where absent.'),
    audiences: defaulted(list(string()), [], 'Audiences (claim aud) of which a token must have one; any where empty.'),
    jwksUri: optional(string(), 'Where the public keys are; as the discovery document of the issuer says where absent.'),
    jwks_uri: unsupported('error', 'Another spelling of jwksUri: write that.'),
    jwks: optional(string(), 'The public keys themselves, as a JSON Web Key Set.'),
    fromHeaders: defaulted(list(headerSchema), [], 'Headers that may have the token.'),
    fromParams: defaulted(list(string()), [], 'Query parameters that may have the token.'),
    fromCookies: defaulted(list(string()), [], 'Cookies that may have the token.'),
    outputPayloadToHeader: optional(string({ format: 'header-name' }), 'Header by which the application gets the payload, in base64url.'),
    outputClaimToHeaders: defaulted(list(claimSchema), [], 'Claims that the application gets as headers.'),
    forwardOriginalToken: defaulted(bool, false, 'Whether the application gets the token, too.'),
    timeout: defaulted(duration(1), KEYS_TIMEOUT_MS, 'How long the keys are waited for.'),
    spaceDelimitedClaims: defaulted(list(string()), [], 'Claims that are lists with spaces between, beside scope and permission.'),
  },
  [{ kind: 'at-least-one', fields: ['issuer', 'jwksUri'] }],
);

const specSchema = object(
  {
    ...targetFields,
    jwtRules: defaulted(list(ruleSchema), [], 'Issuers whose tokens are taken; those of others, and bad ones, are answered with 401.'),
  },
  [TARGET_RULE],
);

type WrittenRule = Infer<typeof ruleSchema>;

function isWebAddress(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '');
}

function checkKeys(written: WrittenRule, lowering: Lowering): void {
  const { jwks, jwksUri, issuer } = written;
  if (jwksUri !== undefined && !isWebAddress(jwksUri))
    lowering.error('TUL013', written, 'jwksUri', `found "${jwksUri}", wants an http:// or https:// URL`);
  if (jwks === undefined) {
    if (jwksUri !== undefined || isWebAddress(issuer)) return;
    const message = `"${issuer}" is no URL, so that its keys cannot be found: every token is refused; give jwksUri or jwks`;
    return lowering.warning('TUL020', written, 'issuer', message);
  }
  if (jwksUri !== undefined) lowering.warning('TUL020', written, 'jwksUri', 'jwks has the keys already: nothing is fetched');
  if (!isKeySet(jwks)) lowering.error('TUL013', written, 'jwks', 'it is no JSON Web Key Set with a key in it: {"keys": [{"kty": ...}]}');
  for (const name of privateKeysIn(jwks))
    lowering.warning(
      'TUL020',
      written,
      'jwks',
      `${name} is a private key, which whoever reads this can sign with: leave its private parts out`,
    );
}

function lowerRule(written: WrittenRule, lowering: Lowering): TokenRule {
  checkKeys(written, lowering);
  return {
    issuer: written.issuer,
    audiences: written.audiences,
    jwksUri: written.jwksUri ?? '',
    jwks: written.jwks ?? '',
    fromHeaders: written.fromHeaders.map(({ name, prefix }) => ({ name, prefix })),
    fromParams: written.fromParams,
    fromCookies: written.fromCookies,
    outputPayloadToHeader: written.outputPayloadToHeader ?? '',
    outputClaimToHeaders: written.outputClaimToHeaders.map(({ header, claim }) => ({ header, claim })),
    forwardsToken: written.forwardOriginalToken,
    timeoutMs: written.timeout,
    spaceDelimitedClaims: written.spaceDelimitedClaims,
    origin: lowering.originOf(written),
  };
}

/** Istio RequestAuthentication: whose tokens are checked. */
export const requestAuthentication = defineDialect({
  kind: 'RequestAuthentication',
  apiVersions: SECURITY,
  description: 'Whose tokens requests may carry; a request without a token passes, unless an AuthorizationPolicy asks for one.',
  fields: { spec: required(specSchema, 'Workloads and issuers.') },
  lower({ spec }: { readonly spec: Infer<typeof specSchema> }, lowering) {
    const { createdAt, origin } = lowering;
    const rules = spec.jwtRules.map((rule) => lowerRule(rule, lowering));
    return { kind: 'request-authentication', value: { ...lowerTarget(spec, lowering), rules, createdAt, origin } };
  },
});
