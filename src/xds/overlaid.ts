/**
 * Maps of which most is the same for many clients: one begins as a map that others have too, and holds only what became
 * different since. With a thousand clients of a thousand resources each that is a hundred megabytes and a second.
 */
export class OverlaidMap<Value> {
  #base: ReadonlyMap<string, Value> | undefined;
  /** Keys that are not in the base, or have another value than there. */
  readonly #own = new Map<string, Value>();
  /** Keys of the base that are gone, or have another value. */
  readonly #hidden = new Set<string>();

  /** The map that this one began as; undefined where it began empty. */
  get base(): ReadonlyMap<string, Value> | undefined {
    return this.#base;
  }

  /** True where it is what it began as. */
  get isUntouched(): boolean {
    return this.#own.size === 0 && this.#hidden.size === 0;
  }

  get size(): number {
    return (this.#base?.size ?? 0) - this.#hidden.size + this.#own.size;
  }

  /** Becomes `base`, which must never change, whatever it was. */
  adopt(base: ReadonlyMap<string, Value>): void {
    this.#base = base;
    this.#own.clear();
    this.#hidden.clear();
  }

  get(key: string): Value | undefined {
    return this.#own.get(key) ?? (this.#hidden.has(key) ? undefined : this.#base?.get(key));
  }

  has(key: string): boolean {
    return this.#own.has(key) || (this.#base?.has(key) === true && !this.#hidden.has(key));
  }

  set(key: string, value: Value): void {
    if (this.#base?.has(key) === true) {
      if (this.#base.get(key) === value) {
        this.#own.delete(key);
        this.#hidden.delete(key);
        return;
      }
      this.#hidden.add(key);
    }
    this.#own.set(key, value);
  }

  delete(key: string): void {
    this.#own.delete(key);
    if (this.#base?.has(key) === true) this.#hidden.add(key);
  }

  /** Keys that are not as in the base. */
  ownKeys(): MapIterator<string> {
    return this.#own.keys();
  }

  *keys(): Generator<string, undefined> {
    for (const key of this.#base?.keys() ?? []) if (!this.#hidden.has(key)) yield key;
    yield* this.#own.keys();
    return undefined;
  }

  *[Symbol.iterator](): Generator<[string, Value], undefined> {
    for (const [key, value] of this.#base ?? []) if (!this.#hidden.has(key)) yield [key, value];
    yield* this.#own;
    return undefined;
  }
}
