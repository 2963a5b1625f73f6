/** JSON Web Key Sets as text (RFC 7517, section 5), as far as their form goes. */
import { isObject } from '../../core/object.ts';

const KEY_TYPES = ['RSA', 'EC', 'oct', 'OKP'];

function keysIn(text: string): readonly Readonly<Record<string, unknown>>[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  const keys = isObject(parsed) ? parsed['keys'] : undefined;
  return Array.isArray(keys) ? keys.filter(isObject) : [];
}

/** True where `text` is a key set with a key in it: proxies refuse others, and all that comes with them. */
export function isKeySet(text: string): boolean {
  return keysIn(text).some(({ kty }) => typeof kty === 'string' && KEY_TYPES.includes(kty));
}

/** The set as text that is the same for the same keys: without white space, and in order of their names. */
export function canonicalKeySet(text: string): string {
  const named = keysIn(text).map((key) => ({ name: typeof key['kid'] === 'string' ? key['kid'] : '', key }));
  return JSON.stringify({ keys: named.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)).map(({ key }) => key) });
}

/** Names of keys that one can sign with. */
export function privateKeysIn(text: string): readonly string[] {
  return keysIn(text).flatMap((key, index) =>
    'd' in key ? [typeof key['kid'] === 'string' ? `key "${key['kid']}"` : `keys[${index}]`] : [],
  );
}
