/** Reading what an admin interface sent, without trusting its shape. */
import { isObject } from '../core/object.ts';

export { isObject } from '../core/object.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** The objects of a list; anything else is left out. */
export function objectsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** A string, number or boolean as text; '' for anything else. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** The object under the last of `keys`, each looked up in the one before; an empty one where there is none. */
export function objectAt(value: unknown, ...keys: readonly string[]): JsonObject {
  let found = value;
  for (const key of keys) found = isObject(found) ? found[key] : undefined;
  return isObject(found) ? found : {};
}
