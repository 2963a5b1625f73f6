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
  return (path, matches) => {
    const lists: number[][] = [];
    const whole = exact.get(path);
    if (whole !== undefined) lists.push(whole);
    if (others.length > 0) lists.push(others);
    for (const length of lengths) {
      if (length > path.length) break;
      const list = prefixes.get(length === path.length ? path : path.slice(0, length));
      if (list !== undefined) lists.push(list);
    }
    return firstOf(routes, lists, matches);
  };
}

/** The first match over sorted lists of positions. */
function firstOf<T>(routes: readonly T[], lists: readonly (readonly number[])[], matches: (route: T) => boolean): T | undefined {
  const at: number[] = [];
  for (let i = 0; i < lists.length; i++) at.push(0);
  for (;;) {
    let next = Infinity;
    let list = -1;
    for (let i = 0; i < lists.length; i++) {
      const position = lists[i]?.[at[i] ?? 0] ?? Infinity;
      if (position < next) {
        next = position;
        list = i;
      }
    }
    const route = routes[next];
    if (route === undefined) return undefined;
    if (matches(route)) return route;
    at[list] = (at[list] ?? 0) + 1;
  }
}
