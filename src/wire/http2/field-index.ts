/** An encoder's view of its peer's dynamic table (RFC 7541 section 2.3.2): which fields are in it, and where. */
import type { FieldEncoding } from './field-encoding.ts';
import { STATIC_COUNT } from './hpack-static.ts';

const COMPACT_AT = 256;

export class FieldIndex {
  /** Each field's number, counted from the first that was ever put in. */
  readonly #places = new Map<FieldEncoding, number>();
  /** Oldest first, from `#first` on. */
  #fields: FieldEncoding[] = [];
  #first = 0;
  #added = 0;
  #sizeBytes = 0;
  #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** Index of a field; 0 where it is not in the table. */
  indexOf(field: FieldEncoding): number {
    const place = this.#places.get(field);
    return place === undefined ? 0 : STATIC_COUNT + this.#added - place;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  /** Puts a field in; false, and nothing is changed, for one that would push most others out. */
  add(field: FieldEncoding): boolean {
    if (field.sizeBytes > this.#maxBytes / 2) return false;
    this.#evictTo(this.#maxBytes - field.sizeBytes);
    this.#places.set(field, this.#added++);
    this.#fields.push(field);
    this.#sizeBytes += field.sizeBytes;
    return true;
  }

  #evictTo(sizeBytes: number): void {
    while (this.#sizeBytes > sizeBytes) {
      const field = this.#fields[this.#first++];
      if (field === undefined) break;
      this.#sizeBytes -= field.sizeBytes;
      this.#places.delete(field);
    }
    if (this.#first < COMPACT_AT) return;
    this.#fields = this.#fields.slice(this.#first);
    this.#first = 0;
  }
}
