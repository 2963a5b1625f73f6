/**
 * Lists of route sets over time. What follows from thousands of them is made of what followed from the list before, by what
 * is other: an edit then costs what it changes. Whoever makes the next list says so; nothing is kept alive by that.
 */
import type { RouteSet } from '../../model/route.ts';
import { changedPositions } from '../dialects/build/changed-positions.ts';

type Routes = readonly RouteSet[];

const formers = new WeakMap<Routes, WeakRef<Routes>>();

/** Says that `next` took the place of `former`. */
export function succeed(former: Routes, next: Routes): void {
  if (former !== next && !formers.has(next)) formers.set(next, new WeakRef(former));
}

/** A route set in the place of another. */
export interface Replaced {
  readonly was: RouteSet;
  readonly is: RouteSet;
}

function replacedIn(before: Routes, after: Routes): readonly Replaced[] | undefined {
  return changedPositions(before, after)?.flatMap((at) => {
    const [was, is] = [before[at], after[at]];
    return was === undefined || is === undefined ? [] : [{ was, is }];
  });
}

/**
 * Something of a list, remembered as long as the list lives: `make` makes it; `follow` makes it of what the list before
 * gave, and gives undefined where it cannot.
 */
export function following<Result extends object>(
  make: (routes: Routes) => Result,
  follow: (former: Result, replaced: readonly Replaced[]) => Result | undefined,
): (routes: Routes) => Result {
  const results = new WeakMap<Routes, Result>();
  const followed = (routes: Routes): Result | undefined => {
    const before = formers.get(routes)?.deref();
    const former = before && results.get(before);
    const replaced = former && before && replacedIn(before, routes);
    return former && replaced && follow(former, replaced);
  };
  return (routes) => {
    const known = results.get(routes);
    if (known !== undefined) return known;
    const result = followed(routes) ?? make(routes);
    results.set(routes, result);
    return result;
  };
}
