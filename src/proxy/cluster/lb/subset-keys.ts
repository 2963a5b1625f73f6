/** Metadata of hosts and of requests in a form in which equal ones are equal texts. Envoy: filter metadata `envoy.lb`. */
import { LB_NAMESPACE } from '../lb-metadata.ts';

/** Metadata asked for, or of a host: plain JSON by key. */
export type Criteria = Readonly<Record<string, unknown>>;

/** A value as text: two are equal where their texts are, whatever the order of keys in objects. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, own]) => `${JSON.stringify(key)}:${valueText(own)}`).join(',')}}`;
}

/** One text for some keys and their values; `pairs` in the order of the keys. */
export function pairsText(pairs: readonly (readonly [key: string, value: unknown])[]): string {
  return pairs.map(([key, value]) => `${JSON.stringify(key)}=${valueText(value)}`).join('&');
}

/** Sorted keys as one text. */
export function keysText(keys: readonly string[]): string {
  return keys.map((key) => JSON.stringify(key)).join('&');
}

/** Keys and values of `criteria` in the order of the keys. */
export function sortedPairs(criteria: Criteria): [key: string, value: unknown][] {
  return Object.entries(criteria).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Those of `criteria` with one of `keys`. */
export function restrict(criteria: Criteria, keys: readonly string[]): Criteria {
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(criteria, key)).map((key) => [key, criteria[key]]));
}

function isRecord(value: unknown): value is Criteria {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The `envoy.lb` metadata of a host. */
export function lbMetadata({ metadata }: { readonly metadata: Criteria }): Criteria {
  const own = metadata[LB_NAMESPACE];
  return isRecord(own) ? own : {};
}

/** Every choice of values for `keys` that `metadata` stands for; none where a key is missing. `listAsAny`: each element of a list is one. */
export function combinations(metadata: Criteria, keys: readonly string[], listAsAny: boolean): (readonly [string, unknown])[][] {
  let all: (readonly [string, unknown])[][] = [[]];
  for (const key of keys) {
    if (!Object.hasOwn(metadata, key)) return [];
    const value = metadata[key];
    const values: readonly unknown[] = listAsAny && Array.isArray(value) ? value : [value];
    all = all.flatMap((pairs) => values.map((own) => [...pairs, [key, own] as const]));
  }
  return all;
}

/** True where a host has everything that is wanted. */
export function matchesAll(metadata: Criteria, wanted: Criteria, listAsAny: boolean): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const own = metadata[key];
    const text = valueText(value);
    if (!Object.hasOwn(metadata, key)) return false;
    return valueText(own) === text || (listAsAny && Array.isArray(own) && own.some((each) => valueText(each) === text));
  });
}

const FALLBACK_LIST = 'fallback_list';

/** The criteria to try one after the other: `fallback_list` laid over the rest; undefined where there is no list. */
export function fallbacksOf(criteria: Criteria): readonly Criteria[] | undefined {
  const list = criteria[FALLBACK_LIST];
  if (list === undefined) return undefined;
  const { [FALLBACK_LIST]: _, ...rest } = criteria;
  const variants = Array.isArray(list) ? list.filter(isRecord) : [];
  return variants.length === 0 ? [rest] : variants.map((variant) => ({ ...rest, ...variant }));
}
