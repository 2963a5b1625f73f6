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

/** `former` with other values at some keys; undefined takes a key away. A value is never undefined. */
export function patchedMap<Value>(
  former: ReadonlyMap<string, Value>,
  changes: Iterable<readonly [string, Value | undefined]>,
): ReadonlyMap<string, Value> {
  const [base, before] = former instanceof PatchedMap ? [former.base, former.own] : [former, []];
  const next = new PatchedMap<Value>(base, new Map<string, Value | undefined>([...before, ...changes]));
  return next.own.size > ownMax(base.size) ? new Map(next) : next;
}
