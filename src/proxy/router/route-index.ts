/**
 * Finds the first of many routes that matches without trying all of them: routes by exact path and by prefix are looked
 * up, the others are tried in turn, and what may match is tried in the order of the configuration.
 * bench/route-match.ts measures it.
 */
import type { PathMatch } from './path-match.ts';

interface Indexed {
  readonly path: Pick<PathMatch, 'key'>;
}

/** Below this many routes, trying them all is faster. */
const LINEAR_MAX = 8;

/** Positions of routes in ascending order, by the text that they ask for. */
type Positions = Map<string, number[]>;

function put(positions: Positions, text: string, position: number): void {
  const list = positions.get(text);
  if (list === undefined) positions.set(text, [position]);
  else list.push(position);
}

/**
 * Prepares the search. The result gives the first route for which `matches` holds: `matches` is called with no route
 * twice, and in order.
 */
export function createRouteIndex<T extends Indexed>(routes: readonly T[]): (path: string, matches: (route: T) => boolean) => T | undefined {
  if (routes.length <= LINEAR_MAX) return (_path, matches) => routes.find(matches);
  const exact: Positions = new Map();
  const prefixes: Positions = new Map();
  const others: number[] = [];
  routes.forEach(({ path: { key } }, position) => {
    if (key === undefined) others.push(position);
    else put(key.isWhole ? exact : prefixes, key.text, position);
  });
  const lengths = [...new Set([...prefixes.keys()].map((text) => text.length))].toSorted((a, b) => a - b);
  const heads = new Heads();
  return (path, matches) => {
    heads.begin();
    heads.add(exact.get(path));
    heads.add(others);
    for (const length of lengths) {
      if (length > path.length) break;
      heads.add(prefixes.get(length === path.length ? path : path.slice(0, length)));
    }
    for (;;) {
      const route = routes[heads.next()];
      if (route === undefined || matches(route)) return route;
    }
  };
}

const NO_POSITIONS: readonly number[] = [];

/**
 * Goes through several lists of positions in ascending order. One object serves all searches, for a search is over before
 * the next begins: lists made for each were 4 % of all that a request allocated.
 */
class Heads {
  readonly #lists: (readonly number[])[] = [];
  readonly #at: number[] = [];
  #count = 0;

  begin(): void {
    this.#count = 0;
  }

  add(list: readonly number[] | undefined): void {
    if (list === undefined || list.length === 0) return;
    this.#lists[this.#count] = list;
    this.#at[this.#count++] = 0;
  }

  /** The next position; -1 where there is none. */
  next(): number {
    let next = Infinity;
    let found = -1;
    for (let i = 0; i < this.#count; i++) {
      const position = (this.#lists[i] ?? NO_POSITIONS)[this.#at[i] ?? 0] ?? Infinity;
      if (position < next) {
        next = position;
        found = i;
      }
    }
    if (found < 0) return -1;
    this.#at[found] = (this.#at[found] ?? 0) + 1;
    return next;
  }
}
