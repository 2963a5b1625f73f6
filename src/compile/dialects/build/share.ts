import { isSameList, keptList } from './changed-positions.ts';

/**
 * Structural sharing: `next`, with every part that equals its counterpart in `previous` replaced by that counterpart,
 * so that whoever memoises by identity computes nothing twice. Values of the model only: plain objects, lists, maps,
 * bytes and scalars, without cycles.
 */
export function share<T>(previous: T | undefined, next: T): T;
export function share(previous: unknown, next: unknown): unknown {
  if (Object.is(previous, next)) return previous;
  if (Array.isArray(previous) && Array.isArray(next)) return shareLists(previous, next);
  if (previous instanceof Map && next instanceof Map) return shareMaps(previous, next);
  if (previous instanceof Uint8Array && next instanceof Uint8Array) return isSameBytes(previous, next) ? previous : next;
  if (isRecord(previous) && isRecord(next)) return shareRecords(previous, next);
  return next;
}

/** The same for a list whose items are found by `keyOf`, so that an item that is put in between disturbs no other. */
export function shareKeyed<T>(previous: readonly T[] | undefined, next: readonly T[], keyOf: (item: T) => string): readonly T[] {
  if (previous === undefined) return next;
  const byKey = new Map(previous.map((item) => [keyOf(item), item]));
  return keptList(
    previous,
    next.map((item) => share(byKey.get(keyOf(item)), item)),
  );
}

/** `previous` where all fields of `next` are the very same, else `next`; looks no deeper. */
export function shareFields<T extends object>(previous: T | undefined, next: T): T {
  if (previous === undefined) return next;
  const before = new Map<string, unknown>(Object.entries(previous));
  const after = Object.entries(next);
  return before.size === after.length && after.every(([name, value]) => Object.is(before.get(name), value)) ? previous : next;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function shareLists(previous: readonly unknown[], next: readonly unknown[]): readonly unknown[] {
  const shared = next.map((item, index) => share(previous[index], item));
  // others may have the next one too
  return isSameList(previous, shared) ? previous : keptList(next, shared);
}

function shareMaps(previous: ReadonlyMap<unknown, unknown>, next: ReadonlyMap<unknown, unknown>): ReadonlyMap<unknown, unknown> {
  const shared = new Map([...next].map(([key, value]) => [key, share(previous.get(key), value)]));
  const isSame =
    previous.size === shared.size && [...shared].every(([key, value]) => previous.has(key) && Object.is(previous.get(key), value));
  if (isSame) return previous;
  return [...shared].every(([key, value]) => Object.is(next.get(key), value)) ? next : shared;
}

function shareRecords(
  previous: Readonly<Record<string, unknown>>,
  next: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const names = Object.keys(next);
  let isSame = Object.keys(previous).length === names.length;
  let isNext = true;
  const shared: Record<string, unknown> = {};
  for (const name of names) {
    const value = share(previous[name], next[name]);
    // Own fields only: a label may be called like something that every object inherits.
    if (!Object.hasOwn(previous, name) || !Object.is(previous[name], value)) isSame = false;
    if (!Object.is(next[name], value)) isNext = false;
    Object.defineProperty(shared, name, { value, enumerable: true, configurable: true, writable: true });
  }
  if (isSame) return previous;
  // others may have the next one too
  return isNext ? next : shared;
}
