/** What became of a set of resources: found once for all clients that go from the one to the other. */
import { patchedMap } from '../core/patched-map.ts';
import { layersOf } from './layered.ts';
import type { TypeResources, XdsResource } from './subscription.ts';

export interface Difference {
  /** New ones, and those with another version, as they are afterwards. */
  readonly changed: readonly XdsResource[];
  /** Names that are no more. */
  readonly removed: readonly string[];
}

const NOTHING: Difference = { changed: [], removed: [] };
const known = new WeakMap<TypeResources, WeakMap<TypeResources, Difference>>();

function compare(before: TypeResources, after: TypeResources): Difference {
  const changed: XdsResource[] = [];
  const removed: string[] = [];
  for (const [name, resource] of after) {
    const former = before.get(name);
    if (former !== resource && former?.version !== resource.version) changed.push(resource);
  }
  for (const name of before.keys()) if (!after.has(name)) removed.push(name);
  return { changed, removed };
}

/** Compares two layers, remembering the answer while both live. */
function layerDifference(before: TypeResources, after: TypeResources): Difference {
  let from = known.get(before);
  if (from === undefined) {
    from = new WeakMap();
    known.set(before, from);
  }
  let difference = from.get(after);
  if (difference === undefined) {
    difference = compare(before, after);
    from.set(after, difference);
  }
  return difference;
}

/** From `before` to `after`. */
export function differenceOf(before: TypeResources, after: TypeResources): Difference {
  if (before === after) return NOTHING;
  const [former, now] = [layersOf(before), layersOf(after)];
  if (former.length === 1 && now.length === 1) return layerDifference(before, after);
  // sets of other numbers of layers are compared as wholes
  if (former.length !== now.length) return compare(before, after);
  const changed: XdsResource[] = [];
  const removed: string[] = [];
  for (const [i, layer] of now.entries()) {
    const was = former[i];
    if (was === undefined || was === layer) continue;
    const own = layerDifference(was, layer);
    changed.push(...own.changed);
    // a name may have gone to another layer
    for (const name of own.removed) if (!after.has(name)) removed.push(name);
  }
  return { changed, removed };
}

/** `former` with resources of which it has others by these names: what became of it is known without looking. */
export function replaceResources<Resource extends XdsResource>(
  former: ReadonlyMap<string, Resource>,
  resources: readonly Resource[],
): ReadonlyMap<string, Resource> {
  const after = patchedMap(
    former,
    resources.map((resource): [string, Resource] => [resource.name, resource]),
  );
  const changed = resources.filter(({ name, version }) => former.get(name)?.version !== version);
  const from = known.get(former) ?? new WeakMap<TypeResources, Difference>();
  known.set(former, from);
  from.set(after, { changed, removed: [] });
  return after;
}
