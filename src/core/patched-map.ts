/**
 * A map that is another one but for a few keys, made in time by what changed and not by what there is. Neither may change
 * afterwards; after many changes the whole is copied once.
 */
class PatchedMap<Value> implements ReadonlyMap<string, Value> {
  readonly base: ReadonlyMap<string, Value>;
  /** Keys that are not as in the base; undefined: gone. */
  readonly own: ReadonlyMap<string, Value | undefined>;
  readonly size: number;

  constructor(base: ReadonlyMap<string, Value>, own: ReadonlyMap<string, Value | undefined>) {
    this.base = base;
    this.own = own;
    let { size } = base;
    for (const [key, value] of own) size += (value === undefined ? 0 : 1) - (base.has(key) ? 1 : 0);
    this.size = size;
  }

  get(key: string): Value | undefined {
    return this.own.has(key) ? this.own.get(key) : this.base.get(key);
  }

  has(key: string): boolean {
    return this.own.has(key) ? this.own.get(key) !== undefined : this.base.has(key);
  }

  forEach(run: (value: Value, key: string, map: ReadonlyMap<string, Value>) => void, self?: unknown): void {
    for (const [key, value] of this) run.call(self, value, key, this);
  }

  /** In the base's order, with new keys last. */
  *entries(): MapIterator<[string, Value]> {
    for (const [key, former] of this.base) {
      const value = this.own.has(key) ? this.own.get(key) : former;
      if (value !== undefined) yield [key, value];
    }
    for (const [key, value] of this.own) if (value !== undefined && !this.base.has(key)) yield [key, value];
    return undefined;
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key;
    return undefined;
  }

  *values(): MapIterator<Value> {
    for (const [, value] of this.entries()) yield value;
    return undefined;
  }

  [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.entries();
  }
}

/** Changes that are kept apart before the whole is copied: copying them all for each more costs as much as the copy, spread. */
function ownMax(size: number): number {
  return 64 + 4 * Math.sqrt(size);
}

/** `former` with other values at some keys; undefined takes a key away. A value is never undefined. Without changes it is `former`. */
export function patchedMap<Value>(
  former: ReadonlyMap<string, Value>,
  changes: Iterable<readonly [string, Value | undefined]>,
): ReadonlyMap<string, Value> {
  const { base, own } = patchOf(former);
  const all = new Map<string, Value | undefined>(own);
  let isChanged = false;
  for (const [key, value] of changes) {
    all.set(key, value);
    isChanged = true;
  }
  if (!isChanged) return former;
  const next = new PatchedMap<Value>(base, all);
  return next.own.size > ownMax(base.size) ? new Map(next) : next;
}

/** What a map is made of: one that others may be made of too, and what is other in it (undefined: gone). */
export function patchOf<Value>(map: ReadonlyMap<string, Value>): {
  readonly base: ReadonlyMap<string, Value>;
  readonly own: ReadonlyMap<string, Value | undefined>;
} {
  return map instanceof PatchedMap ? map : { base: map, own: new Map() };
}

/** Keys at which two maps have other values. Takes time by what was patched where both are made of one map, else by what there is. */
export function changedKeys<Value>(before: ReadonlyMap<string, Value>, after: ReadonlyMap<string, Value>): string[] {
  if (before === after) return [];
  const [former, next] = [patchOf(before), patchOf(after)];
  const [left, right] = former.base === next.base ? [former.own, next.own] : [before, after];
  const keys: string[] = [];
  for (const key of left.keys()) if (before.get(key) !== after.get(key)) keys.push(key);
  for (const key of right.keys()) if (!left.has(key) && before.get(key) !== after.get(key)) keys.push(key);
  return keys;
}
