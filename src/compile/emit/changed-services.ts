/** Which services are others than before: what depends on single services is made anew for these alone. */
import type { Service } from '../../model/service.ts';
import { changedPositions } from '../dialects/build/changed-positions.ts';
import { memoised } from './memo.ts';

export interface ChangedServices {
  /** As they were. */
  readonly former: readonly Service[];
  /** As they are. */
  readonly now: readonly Service[];
}

function elementsAt(services: readonly Service[], positions: readonly number[]): Service[] {
  return positions.flatMap((position) => services[position] ?? []);
}

/** From the one list to the other, by identity; remembered for both. */
const changedServices = memoised((before: readonly Service[], after: readonly Service[]): ChangedServices => {
  const positions = changedPositions(before, after);
  if (positions !== undefined) return { former: elementsAt(before, positions), now: elementsAt(after, positions) };
  const [was, is] = [new Set(before), new Set(after)];
  return { former: before.filter((service) => !is.has(service)), now: after.filter((service) => !was.has(service)) };
});

/** More changes than these are not followed one by one. */
const FOLLOWED_MAX = 100;

/**
 * Something of all services, followed from one list of them to the next: `make` makes it, `follow` gives it for the next
 * list by what is other there. `follow` gives undefined where it cannot.
 */
export function followed<Result>(
  make: (services: readonly Service[]) => Result,
  follow: (former: Result, changed: ChangedServices, services: readonly Service[]) => Result | undefined,
): (services: readonly Service[]) => Result {
  let last: { readonly services: readonly Service[]; readonly result: Result } | undefined;
  const results = new WeakMap<readonly Service[], { readonly result: Result }>();
  const followFrom = (from: NonNullable<typeof last>, services: readonly Service[]): Result | undefined => {
    const changed = changedServices(from.services, services);
    return changed.former.length + changed.now.length > FOLLOWED_MAX ? undefined : follow(from.result, changed, services);
  };
  return (services) => {
    const known = results.get(services);
    if (known !== undefined) return known.result;
    const result = (last === undefined ? undefined : followFrom(last, services)) ?? make(services);
    last = { services, result };
    results.set(services, { result });
    return result;
  };
}
