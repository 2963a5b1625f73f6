/**
 * Resources that are found by name and cannot be listed, for more names lead to them than anybody could write down:
 * virtual hosts by whatever a client calls them. A client that asks for some is told of these, and of nothing else.
 */
import type { TypeResources, XdsResource } from './subscription.ts';

/** Answers that are remembered of a set: a change asks for the same names for each of a thousand clients, several times. */
const REMEMBERED_MAX = 1024;

/** Finds, and does not list: it seems to be empty. The same name gives the same resource, whose name it is. */
export class LookedUpResources<Resource extends XdsResource> implements ReadonlyMap<string, Resource> {
  readonly size = 0;
  readonly #find: (name: string) => Resource | undefined;
  /** Clients choose the names, so that there may be any number of them. */
  readonly #found = new Map<string, Resource | undefined>();

  constructor(find: (name: string) => Resource | undefined) {
    this.#find = find;
  }

  get(name: string): Resource | undefined {
    const known = this.#found.get(name);
    if (known !== undefined || this.#found.has(name)) return known;
    const found = this.#find(name);
    if (this.#found.size >= REMEMBERED_MAX) this.#found.clear();
    this.#found.set(name, found);
    return found;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  forEach(): void {}

  entries(): MapIterator<[string, Resource]> {
    return new Map<string, Resource>().entries();
  }

  keys(): MapIterator<string> {
    return new Map<string, Resource>().keys();
  }

  values(): MapIterator<Resource> {
    return new Map<string, Resource>().values();
  }

  [Symbol.iterator](): MapIterator<[string, Resource]> {
    return this.entries();
  }
}

/** True where a set says nothing about what else is in it. */
export function isLookedUp(resources: TypeResources): boolean {
  return resources instanceof LookedUpResources;
}
