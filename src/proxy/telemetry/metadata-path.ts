/** Reading one value out of plain JSON by keys. */
import type { JsonValue } from '@bufbuild/protobuf';

function isJson(value: unknown): value is JsonValue {
  return value === null || ['string', 'number', 'boolean', 'object'].includes(typeof value);
}

/** The value under `keys`, or undefined where a key is not there. Only an object's own keys count. */
export function metadataAt(root: unknown, keys: readonly string[]): JsonValue | undefined {
  let value = root;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value !== undefined && isJson(value) ? value : undefined;
}
