/**
 * The streams of a connection by number. Not a Map, though it is used like one: a Map whose entries come and go moves to
 * a new table again and again, and each table that it leaves points to the next one. Once one of them has grown old, all
 * that follow, with the streams that were open then, live until the next full collection: a third of all that requests
 * allocated was moved to the old generation for it, whatever the young one's size.
 *
 * Numbers rise by two, and most streams are short: a stream's place is its number's last bits. One that lives so long
 * that its place is needed again moves aside.
 */
const FIRST_PLACES = 64;
const PLACES_MAX = 4096;

interface Numbered {
  readonly id: number;
}

export class StreamTable<T extends Numbered> {
  #places: (T | undefined)[] = places(FIRST_PLACES);
  /** Those that moved aside. */
  readonly #aside = new Map<number, T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    const stream = this.#places[this.#placeOf(id)];
    if (stream?.id === id) return stream;
    return this.#aside.size === 0 ? undefined : this.#aside.get(id);
  }

  /** Adds a stream whose number is not in use. */
  add(stream: T): void {
    if (++this.#size > this.#places.length / 2 && this.#places.length < PLACES_MAX) this.#grow();
    this.#put(stream);
  }

  /** False where it is not there. */
  delete(id: number): boolean {
    const place = this.#placeOf(id);
    if (this.#places[place]?.id === id) this.#places[place] = undefined;
    else if (!this.#aside.delete(id)) return false;
    this.#size--;
    return true;
  }

  /** All of them, the oldest first. */
  values(): T[] {
    const streams = [...this.#aside.values()];
    for (const stream of this.#places) if (stream !== undefined) streams.push(stream);
    return streams.toSorted((a, b) => a.id - b.id);
  }

  clear(): void {
    this.#places = places(FIRST_PLACES);
    this.#aside.clear();
    this.#size = 0;
  }

  #placeOf(id: number): number {
    return (id >>> 1) & (this.#places.length - 1);
  }

  #put(stream: T): void {
    const place = this.#placeOf(stream.id);
    const former = this.#places[place];
    if (former !== undefined) this.#aside.set(former.id, former);
    this.#places[place] = stream;
  }

  #grow(): void {
    const streams = this.values();
    this.#places = places(this.#places.length * 2);
    this.#aside.clear();
    for (const stream of streams) this.#put(stream);
  }
}

function places<T>(count: number): (T | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
