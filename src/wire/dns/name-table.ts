/**
 * Looking names up as the applications of one namespace may write them. A mesh has tens of thousands of names, of which an
 * application asks a few: they stay where they were written, and what finds them is a hash table of numbers.
 */
import type { ResolveName } from './answer.ts';

/** One entry, in the shape of Istio's NameTable.NameInfo. */
export interface NameInfo {
  readonly ips: readonly string[];
  /** Name without namespace and domain; '' where the host has no such parts. */
  readonly shortname: string;
  readonly namespace: string;
}

/** An entry with the host it is of. */
export interface NamedInfo extends NameInfo {
  readonly host: string;
}

/** Entries of a table, each read when it is asked for. */
export interface NameEntries {
  /** What stands for each entry: integers from 0 to 2³²-2, such as where it begins in bytes. */
  readonly keys: Iterable<number>;
  /** The entry that a key stands for. */
  read(key: number): NamedInfo;
}

/** The host itself, and what a Kubernetes pod's search list would make of it: `payments.shop.svc`, `payments.shop`, `payments`. */
function spellings({ host, shortname, namespace }: NamedInfo, viewer: string): string[] {
  const full = host.toLowerCase();
  if (shortname === '') return [full];
  const qualified = `${shortname}.${namespace}`;
  return [full, `${qualified}.svc`, qualified, ...(namespace === viewer ? [shortname] : [])];
}

/** FNV-1a over UTF-16 code units. Source: draft-eastlake-fnv, section 2. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  // the last bits of FNV are its weakest, and choose the slot
  return (hash ^ (hash >>> 15)) >>> 0;
}

const EMPTY = 0;

/** A table of at least `count` keys and half as many empty slots, where a key (plus one) stands in the first empty slot at or after its name's. */
class Slots {
  readonly #slots: Uint32Array;
  readonly #mask: number;

  constructor(count: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(1, count) * 1.5));
    this.#slots = new Uint32Array(size);
    this.#mask = size - 1;
  }

  add(name: string, key: number): void {
    let at = hashOf(name) & this.#mask;
    while (this.#slots[at] !== EMPTY) at = (at + 1) & this.#mask;
    this.#slots[at] = key + 1;
  }

  /** Keys that may be of a name, in the order in which they were added. */
  *of(name: string): Iterable<number> {
    for (let at = hashOf(name) & this.#mask; ; at = (at + 1) & this.#mask) {
      const slot = this.#slots[at] ?? EMPTY;
      if (slot === EMPTY) return;
      yield slot - 1;
    }
  }
}

function slotsOf(entries: NameEntries, viewer: string): Slots {
  let count = 0;
  for (const key of entries.keys) count += spellings(entries.read(key), viewer).length;
  const slots = new Slots(count);
  for (const key of entries.keys) for (const name of spellings(entries.read(key), viewer)) slots.add(name, key);
  return slots;
}

/**
 * A resolver for the entries of a table; `viewer` is the application's namespace. A host written in full wins over another's
 * short spelling, and of short spellings the first. Throws what reading an entry throws.
 */
export function createResolver(entries: NameEntries, viewer: string): ResolveName {
  const slots = slotsOf(entries, viewer);
  const find = (name: string): readonly string[] | undefined => {
    let short: readonly string[] | undefined;
    let full: readonly string[] | undefined;
    for (const key of slots.of(name)) {
      const entry = entries.read(key);
      const [host, ...others] = spellings(entry, viewer);
      if (host === name) full = entry.ips;
      else if (others.includes(name)) short ??= entry.ips;
    }
    return full ?? short;
  };
  return (name, type) => (find(name) ?? wildcard(find, name))?.filter((ip) => ip.includes(':') === (type === 'AAAA'));
}

/** The addresses of the longest wildcard (`*.example.com`) that covers a name. */
function wildcard<Value>(find: (name: string) => Value | undefined, name: string): Value | undefined {
  for (let at = name.indexOf('.'); at !== -1; at = name.indexOf('.', at + 1)) {
    const found = find(`*${name.slice(at)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A resolver for a name table: `table` holds entries by host. */
export function resolverOf(table: Readonly<Record<string, NameInfo>>, viewer: string): ResolveName {
  const entries = Object.entries(table).map(([host, info]) => ({ host, ...info }));
  const nothing: NamedInfo = { host: '', ips: [], shortname: '', namespace: '' };
  return createResolver({ keys: [...entries.keys()], read: (key) => entries[key] ?? nothing }, viewer);
}
