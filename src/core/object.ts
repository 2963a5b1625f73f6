/** Values of an unknown shape. */

/** True for an object that is no list: what JSON has in braces. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
