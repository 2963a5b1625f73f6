/** Reading what an admin interface sent, without trusting its shape. */
import { isObject } from '../core/object.ts';

export { isObject } from '../core/object.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** The objects of a list; anything else is left out. */
export function objectsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The objects of the list that an answer has under `key`; none where it has no such list. */
export function rowsAt(answer: unknown, key: string): readonly JsonObject[] {
  return objectsOf(isObject(answer) ? answer[key] : undefined);
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

/** The value with the keys of its objects in order, so that texts of it can be compared. */
export function keysSorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(keysSorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, keysSorted(each)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
