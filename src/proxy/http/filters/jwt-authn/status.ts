/**
 * What can be wrong with a token or a key set, in the words that clients and logs see. The codes are those that
 * `failed_status_in_metadata` shows. Source: jwt_verify_lib, Status, as in Envoy 1.40.
 */
export interface JwtStatus {
  readonly code: number;
  readonly text: string;
}

const TEXTS = [
  ['ok', 'OK'],
  ['missing', 'Jwt is missing'],
  ['notYetValid', 'Jwt not yet valid'],
  ['expired', 'Jwt is expired'],
  ['badFormat', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
  ['headerBase64', 'Jwt header is an invalid Base64url encoded'],
  ['headerJson', 'Jwt header is an invalid JSON'],
  ['badAlg', 'Jwt header [alg] field is required and must be a string'],
  ['unknownAlg', 'Jwt header [alg] is not supported'],
  ['badKid', 'Jwt header [kid] field is not a string'],
  ['payloadBase64', 'Jwt payload is an invalid Base64url encoded'],
  ['payloadJson', 'Jwt payload is an invalid JSON'],
  ['badIss', 'Jwt payload [iss] field is not a string'],
  ['badSub', 'Jwt payload [sub] field is not a string'],
  ['badIat', 'Jwt payload [iat] field is not an integer'],
  ['iatRange', 'Jwt payload [iat] field is not a positive 64 bit integer'],
  ['badNbf', 'Jwt payload [nbf] field is not an integer'],
  ['nbfRange', 'Jwt payload [nbf] field is not a positive 64 bit integer'],
  ['badExp', 'Jwt payload [exp] field is not an integer'],
  ['expRange', 'Jwt payload [exp] field is not a positive 64 bit integer'],
  ['badJti', 'Jwt payload [jti] field is not a string'],
  ['badAud', 'Jwt payload [aud] field is not a string or string list'],
  ['signatureBase64', 'Jwt signature is an invalid Base64url encoded'],
  ['ed25519Length', 'Jwt ED25519 signature is wrong length'],
  ['unknownIssuer', 'Jwt issuer is not configured'],
  ['audience', 'Audiences in Jwt are not allowed'],
  ['failed', 'Jwt verification fails'],
  ['multiple', 'Found multiple Jwt tokens'],
  ['jwksJson', 'Jwks is an invalid JSON'],
  ['jwksNoKeys', 'Jwks does not have [keys] field'],
  ['jwksBadKeys', '[keys] in Jwks is not an array'],
  ['jwksNoValidKeys', "Jwks doesn't have any valid public key"],
  ['noMatchingKey', "Jwks doesn't have key to match kid or alg from Jwt"],
  ['rsaKey', 'Jwks RSA [n] or [e] field is missing or has a parse error'],
  ['ecCreate', 'Jwks EC create key fail'],
  ['ecBase64', 'Jwks EC [x] or [y] field is an invalid Base64.'],
  ['ecKey', 'Jwks EC [x] and [y] fields have a parse error.'],
  ['octKey', 'Jwks Oct key is an invalid Base64'],
  ['okpBase64', 'Jwks OKP [x] field is an invalid Base64.'],
  ['okpLength', 'Jwks OKP [x] field is wrong length.'],
  ['fetchFailed', 'Jwks remote fetch is failed'],
] as const;

export type StatusName = (typeof TEXTS)[number][0];

/** Every status by a name of ours. */
export const STATUS: Readonly<Record<StatusName, JwtStatus>> = Object.fromEntries(
  TEXTS.map(([name, text], code) => [name, { code, text }]),
) as Record<StatusName, JwtStatus>;

export const OK = STATUS.ok;
