/** The tables that a decoder looks fields up in (RFC 7541 section 2.3). */
import { keyOf, makeField, makeFieldName, type Field } from './field.ts';
import { REGULAR, ruleInBytes } from './field-rules.ts';
import { STATIC_COUNT, STATIC_FIELDS } from './hpack-static.ts';

function staticField(name: string, value: string): Field {
  const rule = ruleInBytes(Buffer.from(name, 'latin1'), 0, keyOf(name));
  return makeField(rule?.fieldName ?? makeFieldName(name, REGULAR, undefined), value, undefined);
}

/** By index: nothing has index 0. */
const BY_INDEX: readonly (Field | undefined)[] = [undefined, ...STATIC_FIELDS.map(([name, value]) => staticField(name, value))];

const FIRST_CAPACITY = 64;

/** The static table and, behind it, one connection's dynamic table: a ring that grows to what its size allows. */
export class FieldTable {
  #ring: (Field | undefined)[] = Array.from({ length: FIRST_CAPACITY }, () => undefined);
  /** Fields that were ever put in, and out: the newest is at `#added - 1`. */
  #added = 0;
  #evicted = 0;
  #sizeBytes = 0;
  #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The field of an index, from 1; undefined where there is none. */
  get(index: number): Field | undefined {
    if (index <= STATIC_COUNT) return BY_INDEX[index];
    const place = this.#added - (index - STATIC_COUNT);
    return place < this.#evicted ? undefined : this.#ring[place & (this.#ring.length - 1)];
  }

  /** Changes the size, and drops what has no room any more. */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  /** Puts a field in, which drops old ones; one that is larger than the table empties it (RFC 7541 section 4.4). */
  add(field: Field): void {
    this.#evictTo(this.#maxBytes - field.sizeBytes);
    if (field.sizeBytes > this.#maxBytes) return;
    if (this.#added - this.#evicted === this.#ring.length) this.#grow();
    this.#ring[this.#added & (this.#ring.length - 1)] = field;
    this.#added++;
    this.#sizeBytes += field.sizeBytes;
  }

  #evictTo(sizeBytes: number): void {
    while (this.#sizeBytes > sizeBytes && this.#evicted < this.#added) {
      const place = this.#evicted++ & (this.#ring.length - 1);
      this.#sizeBytes -= this.#ring[place]?.sizeBytes ?? 0;
      this.#ring[place] = undefined;
    }
  }

  #grow(): void {
    const old = this.#ring;
    const ring: (Field | undefined)[] = Array.from({ length: old.length * 2 }, () => undefined);
    for (let i = this.#evicted; i < this.#added; i++) ring[i & (ring.length - 1)] = old[i & (old.length - 1)];
    this.#ring = ring;
  }
}
