/** What is secret in a request's head, by its name: flows tell of it only that it was there. */

const REDACTED = '[redacted]';

/**
 * Names of headers and of query parameters whose values are secret: whole words of them, so that `x-api-key` and
 * `access_token` are, and `author` and `keyboard` are not.
 */
const SECRET_WORDS =
  /(?:^|[-_.])(?:authorization|auth|cookie2?|tokens?|jwt|bearer|secrets?|password|passwd|pwd|passphrase|pass|api-?key|apikey|access-?key|private-?key|key|credentials?|creds|session|sessionid|sid|signature|sig|otp|pin|assertion|code)(?:$|[-_.])/;

/** Names written as one word, as in `accessToken`. */
const CAMEL = /([a-z0-9])([A-Z])/g;

/** True where the value of a header or query parameter of this name is not to be told. */
export function isSecretName(name: string): boolean {
  return SECRET_WORDS.test(name.replace(CAMEL, '$1-$2').toLowerCase());
}

/** A header's value, or {@link REDACTED}. */
export function redactHeader(name: string, value: string): string {
  return isSecretName(name) ? REDACTED : value;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}

/** A path with its query, the values of secret parameters being {@link REDACTED}. Doing it again changes nothing. */
export function redactPath(path: string): string {
  const start = path.indexOf('?');
  if (start === -1) return path;
  const query = path.slice(start + 1).replace(/([^&;=#]*)=([^&;#]*)/g, (whole, name: string, value: string) => {
    return value !== '' && isSecretName(decoded(name)) ? `${name}=${REDACTED}` : whole;
  });
  return path.slice(0, start + 1) + query;
}
