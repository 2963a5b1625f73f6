/**
 * A set of things that come and go all the time, such as the connections of a listener. Not a Set or a Map: where entries
 * come and go those move to a new table again and again, and each table that they leave points to the next one. Once one
 * has grown old, all that was in those that follow lives until the next full collection: two proxies with thousands of
 * new connections a second took 264 MiB instead of 175 (`npm run bench -- --only tcp-mtls-connections`).
 */

/** Something that can be in one bag. */
export interface Bagged {
  /** The bag's; `NOWHERE` where it is in none. */
  place: number;
}

export const NOWHERE = -1;

export class Bag<T extends Bagged> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Adds what is in no bag, and gives it back. */
  add(item: T): T {
    item.place = this.#items.length;
    this.#items.push(item);
    return item;
  }

  /** Does nothing where it is not there any more. */
  delete(item: T): void {
    const { place } = item;
    if (place === NOWHERE) return;
    item.place = NOWHERE;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#items[place] = last;
    last.place = place;
  }

  /** All that is in it now, in no order: whoever goes through it may add and delete. */
  values(): readonly T[] {
    return [...this.#items];
  }
}
