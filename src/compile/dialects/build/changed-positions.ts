/** More differences than these are not followed one by one. */
const FOLLOWED_MAX = 100;

/**
 * Where two lists of one length have other elements, by identity; undefined where they differ in length, or in too many
 * places. Ten thousand elements take some microseconds, so that nobody has to tell what changed.
 */
export function changedPositions(before: readonly unknown[], after: readonly unknown[]): readonly number[] | undefined {
  if (before === after) return [];
  const { length } = after;
  if (before.length !== length) return undefined;
  const positions: number[] = [];
  for (let i = 0; i < length; i++) {
    if (before[i] === after[i]) continue;
    if (positions.length === FOLLOWED_MAX) return undefined;
    positions.push(i);
  }
  return positions;
}

/** True where two lists have the same elements in the same places, by identity. */
export function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) return true;
  const { length } = a;
  if (b.length !== length) return false;
  for (let i = 0; i < length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** `next`, or the list before where its elements are the same: whatever was made of that one stands. */
export function keptList<Element>(former: readonly Element[], next: readonly Element[]): readonly Element[] {
  return isSameList(former, next) ? former : next;
}

/** `list` with other elements at some positions; the same list where they are there already. */
export function withElements<Element>(list: readonly Element[], changes: ReadonlyMap<number, Element>): readonly Element[] {
  const copy = [...list];
  let isChanged = false;
  for (const [position, element] of changes) {
    if (copy[position] !== element) isChanged = true;
    copy[position] = element;
  }
  return isChanged ? copy : list;
}

/** The elements of `after` where `before` has others, by position; undefined as above. */
export function changedElements<Element extends object>(
  before: readonly Element[],
  after: readonly Element[],
): ReadonlyMap<number, Element> | undefined {
  const positions = changedPositions(before, after);
  if (positions === undefined) return undefined;
  const changed = new Map<number, Element>();
  for (const position of positions) {
    const element = after[position];
    if (element !== undefined) changed.set(position, element);
  }
  return changed;
}
