/** Values without where they were written, so that an edit that only moves lines is none. */
import type { Provenance } from '../../model/provenance.ts';

function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isProvenance(value: Record<string, unknown>): boolean {
  const keys: readonly (keyof Provenance)[] = ['kind', 'namespace', 'name', 'file', 'line', 'field'];
  return keys.every((key) => key in value);
}

function strip(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(strip);
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, strip(each)]));
  if (!isPlain(value)) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, strip(each)]);
  return { ...Object.fromEntries(entries), ...(isProvenance(value) ? { file: '', line: 0 } : {}) };
}

/** A copy of `value` in which no provenance has a file or a line. */
export function withoutPlaces<T>(value: T): T {
  // the copy has the shape of what it is a copy of
  return strip(value) as T;
}

/** A value as text by which two can be compared, whatever files they were read from. */
export function contentOf(value: unknown): string {
  return JSON.stringify(strip(value), (_key, each: unknown) => (each instanceof Map ? [...each] : each));
}
