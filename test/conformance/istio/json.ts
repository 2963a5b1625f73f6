/** Reading JSON whose shape is known from elsewhere: what is not there reads as empty. */

export type Json = string | number | boolean | null | readonly Json[] | JsonMap;

export interface JsonMap {
  readonly [key: string]: Json;
}

function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at `path`; undefined where something on the way is missing. */
export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let found = value;
  for (const key of path) found = isMap(found) ? found[key] : undefined;
  return found;
}

/** The items of the list at `path`. */
export function items(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The entries of the object at `path`. */
export function entries(value: Json | undefined, ...path: readonly string[]): readonly (readonly [string, Json])[] {
  const found = at(value, ...path);
  return isMap(found) ? Object.entries(found) : [];
}

/** The text at `path`, numbers and booleans in their usual form. */
export function text(value: Json | undefined, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return found === undefined || found === null || typeof found === 'object' ? '' : String(found);
}

/** The number at `path`, 0 where there is none. */
export function count(value: Json | undefined, ...path: readonly string[]): number {
  return Number(text(value, ...path));
}

/** True for what says nothing: absent, empty text, an empty list or object, false. */
function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return Array.isArray(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;
}

/** An object of those fields that say something. */
export function said(fields: Readonly<Record<string, Json | undefined>>): JsonMap {
  const kept: Record<string, Json> = {};
  for (const [key, value] of Object.entries(fields)) if (value !== undefined && !isEmpty(value)) kept[key] = value;
  return kept;
}
